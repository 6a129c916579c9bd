/**
 * Relationships as records assert them. A link whose ends are both known by key is attached to its
 * edge at once; one with an end by alias waits until the transaction settles, when claims are
 * decided.
 */
import { invariant } from "../../../protocols/errors.ts"
import { type End, endOf, type Origin } from "./nodes.ts"
import type { EdgeRow, LinkRow } from "./rows.ts"
import type { Transaction } from "./transaction.ts"
import type { WireLink } from "./wire.ts"

/** Makes the record's links those of `links`; those that are there already stay as they are. */
export function replaceLinks(
  tx: Transaction,
  origin: Origin,
  heldIds: readonly number[],
  links: readonly WireLink[],
): readonly number[] {
  const { tenant } = origin
  const held = new Map<string, LinkRow[]>()
  for (const id of heldIds) {
    const link = tx.rows.linkById.get(id, tenant)
    invariant(link !== undefined, "A link stands as long as a record asserts it.")
    const name = nameOfRow(tx, tenant, link)
    const same = held.get(name)
    if (same === undefined) held.set(name, [link])
    else same.push(link)
  }
  const ids = links.map((link) => {
    const type = tx.type(tenant, link[0])
    const [from, to] = [endOf(tx, tenant, link[1]), endOf(tx, tenant, link[2])]
    const kept = held.size === 0 ? undefined : held.get(nameOf(type, from, to, link))?.pop()
    if (kept === undefined) return assertLink(tx, origin, type, from, to, link)
    touchWherePartOfMany(tx, tenant, kept)
    return kept[0]
  })
  for (const rest of held.values()) for (const link of rest) dropLink(tx, tenant, link)
  return ids
}

/** What tells an edge from others, and who asserts it. */
export interface EdgeName {
  readonly type: number
  readonly from: number
  readonly to: number
  readonly discriminator: string
  readonly derived: number
  readonly source: number
}

/**
 * Counts one more link on the edge of these ends, made where there is none. Answers the edge's id
 * and the properties that stand in the link's own row: null where it is the only one.
 */
export function attach(
  tx: Transaction,
  tenant: number,
  name: EdgeName,
  properties: string,
): readonly [edge: number, own: string | null] {
  const { type, from, to, discriminator, derived, source } = name
  const edge = tx.rows.edgeByEnds.get(from, type, to, discriminator, tenant)
  if (edge !== undefined) {
    touchEdge(tx, tenant, edge)
    if (edge[5] === 1) tx.rows.spellOutLink(edge[6], edge[0], tenant)
    tx.rows.countEdge(1, edge[0], tenant)
    return [edge[0], properties]
  }
  const id = tx.nextEdge()
  tx.rows.insertEdge(id, tenant, type, from, to, discriminator, derived, properties)
  tx.add(tenant, derived === 1 ? "derived" : "relationship", 0, 1)
  tx.add(tenant, "relationshipOfType", type, 1)
  tx.add(tenant, derived === 1 ? "derivedOfSource" : "relationshipOfSource", source, 1)
  return [id, null]
}

/** Takes a link off its edge and answers its properties; the edge is decided when all settles. */
export function detach(tx: Transaction, tenant: number, link: LinkRow, edge: EdgeRow): string {
  touchEdge(tx, tenant, edge)
  tx.rows.countEdge(-1, edge[0], tenant)
  return link[9] ?? edge[6]
}

/** Remembers how the edge was before this transaction, once. */
export function touchEdge(tx: Transaction, tenant: number, edge: EdgeRow): void {
  const [id, , , , derived] = edge
  const { edges } = tx.touched(tenant)
  if (edges.has(id)) return
  const rows = tx.rows.sourcesOfEdge.all(id, tenant)
  const sources = new Map(rows.map(([source, own]) => [source, own === 1]))
  edges.set(id, { derived: derived === 1, sources })
}

export function edgeOf(tx: Transaction, tenant: number, id: number): EdgeRow {
  const edge = tx.rows.edgeById.get(id, tenant)
  invariant(edge !== undefined, "An edge stands as long as a link is attached to it.")
  return edge
}

function assertLink(
  tx: Transaction,
  { tenant, source, record }: Origin,
  type: number,
  from: End,
  to: End,
  link: WireLink,
): number {
  const [, , , discriminator, derived, properties] = link
  const id = tx.nextLink()
  let edge: number | null = null
  let own: string | null = properties
  if (from.node === null || to.node === null) {
    tx.touched(tenant).links.add(id)
  } else {
    const ends = { from: from.node, to: to.node }
    const name = { type, ...ends, discriminator, derived, source }
    ;[edge, own] = attach(tx, tenant, name, properties)
  }
  const row = [record, type, from.node, from.alias, to.node, to.alias] as const
  tx.rows.insertLink(id, tenant, ...row, discriminator, derived, edge, own)
  tx.add(tenant, "assertion", 0, 1)
  return id
}

function dropLink(tx: Transaction, tenant: number, link: LinkRow): void {
  const [id, , , fromAlias, , toAlias, , , edge] = link
  if (edge !== null) detach(tx, tenant, link, edgeOf(tx, tenant, edge))
  const touched = tx.touched(tenant)
  touched.links.delete(id)
  if (fromAlias !== null) touched.aliases.add(fromAlias)
  if (toAlias !== null) touched.aliases.add(toAlias)
  tx.rows.deleteLink(id, tenant)
  tx.add(tenant, "assertion", 0, -1)
}

// The record's version may have changed, and with it who of several speaks for the edge.
function touchWherePartOfMany(tx: Transaction, tenant: number, link: LinkRow): void {
  if (link[8] === null) return
  const edge = edgeOf(tx, tenant, link[8])
  if (edge[5] > 1) touchEdge(tx, tenant, edge)
}

function nameOfRow(tx: Transaction, tenant: number, link: LinkRow): string {
  const [, type, fromNode, fromAlias, toNode, toAlias, discriminator, derived, edge, own] = link
  const properties = own ?? (edge === null ? "" : edgeOf(tx, tenant, edge)[6])
  const ends = `${fromNode}/${fromAlias}/${toNode}/${toAlias}`
  return `${type}/${ends}/${derived}/${JSON.stringify(discriminator)}/${properties}`
}

function nameOf(type: number, from: End, to: End, link: WireLink): string {
  const [, , , discriminator, derived, properties] = link
  const ends = `${from.node}/${from.alias}/${to.node}/${to.alias}`
  return `${type}/${ends}/${derived}/${JSON.stringify(discriminator)}/${properties}`
}
