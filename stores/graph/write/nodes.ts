/**
 * Entities as records assert them. A node that one record describes carries that record's
 * properties itself and is written at once; as soon as a second one speaks of it, it is only
 * touched here and decided when the transaction settles.
 */

import { invariant } from "../../../protocols/errors.ts"
import { aliasStubKey } from "../../../protocols/graph.ts"
import { aliasesOf, isRevoked, noAliases, noProperties, typeToken } from "../text.ts"
import type { Seen } from "./feed-writer.ts"
import type { NodeRow } from "./rows.ts"
import type { Transaction } from "./transaction.ts"
import type { WireEnd, WireEntity } from "./wire.ts"

/** Who says it: one record of one source, by their ids. */
export interface Origin {
  readonly tenant: number
  readonly source: number
  readonly record: number
}

/** Of a record that spoke of nothing before. */
export const nothingHeld: ReadonlySet<number> = new Set()

/** Writes what the record says of an entity; `held` are the nodes that it spoke of before. */
export function assertEntity(
  tx: Transaction,
  origin: Origin,
  entity: WireEntity,
  held: ReadonlySet<number>,
): number {
  const { tenant, record } = origin
  const [typeName, key, properties, aliases] = entity
  const type = tx.type(tenant, typeName)
  // A record that spoke of nothing before is most often the first to speak of its entity.
  const created = held.size === 0 ? createDescribed(tx, origin, type, entity) : undefined
  if (created !== undefined) return created
  const node = tx.rows.nodeByKey.get(tenant, type, key)
  if (node === undefined) return assertEntity(tx, origin, entity, nothingHeld)
  const [id, , asserted, seenProperties, seenAliases] = node
  const isHeld = held.has(id)
  if (!tx.touched(tenant).nodes.has(id)) {
    if (asserted === 0) return describeStub(tx, origin, node, entity)
    if (asserted === 1 && isHeld) return rewriteSole(tx, tenant, node, entity)
  }
  touchNode(tx, tenant, node)
  if (isHeld) {
    tx.rows.updateAssertion(properties, aliases, id, record, tenant)
    return id
  }
  if (asserted === 1) tx.rows.spellOutAssertion(seenProperties, seenAliases, id, tenant)
  tx.rows.insertAssertion(id, record, tenant, properties, aliases)
  tx.rows.countNode(1, id, tenant)
  tx.add(tenant, "assertion", 0, 1)
  return id
}

/** The record does not speak of this node any more. */
export function dropAssertion(tx: Transaction, origin: Origin, id: number): void {
  const { tenant, record } = origin
  const node = tx.rows.nodeById.get(id, tenant)
  invariant(node !== undefined, "A node stands as long as a record asserts it.")
  touchNode(tx, tenant, node)
  tx.rows.deleteAssertion(id, record, tenant)
  tx.rows.countNode(-1, id, tenant)
  tx.add(tenant, "assertion", 0, -1)
}

/** Remembers how the node was before this transaction, once. */
export function touchNode(tx: Transaction, tenant: number, node: NodeRow): void {
  const [id, , asserted] = node
  const { nodes } = tx.touched(tenant)
  if (nodes.has(id)) return
  const sources = tx.rows.sourcesOfNode.all(id, tenant).map(([source]) => source)
  nodes.set(id, { asserted: asserted > 0, sources: new Set(sources) })
}

/** The node of a key, made as a stub where nobody has spoken of it. */
export function nodeOf(tx: Transaction, tenant: number, type: number, key: string): number {
  const known = tx.rows.nodeIdByKey.get(tenant, type, key)
  if (known !== undefined) return known[0]
  const id = tx.nextNode(tenant)
  const revision = tx.feed.coming(tenant)
  tx.rows.insertNode(id, tenant, type, key, 0, noProperties, noAliases, revision)
  tx.feed.created(tenant, id, type)
  tx.add(tenant, "stub", 0, 1)
  tx.touched(tenant).orphans.add(id)
  return id
}

/**
 * Exactly one of both: a node by key, or an alias that is resolved when the transaction settles.
 */
export interface End {
  readonly node: number | null
  readonly alias: number | null
}

export function endOf(tx: Transaction, tenant: number, end: WireEnd): End {
  const [typeName, keyOrScheme, value] = end
  const type = tx.type(tenant, typeName)
  if (value === undefined) return { node: nodeOf(tx, tenant, type, keyOrScheme), alias: null }
  return { node: null, alias: aliasOf(tx, tenant, type, keyOrScheme, value) }
}

/** The node that stands for an alias: who has won it, else its stub. */
export function nodeOfAlias(tx: Transaction, tenant: number, alias: number): number {
  const row = tx.rows.aliasById.get(alias, tenant)
  invariant(row !== undefined, "An alias stands as long as a link names it.")
  const [type, scheme, value, node] = row
  return node ?? nodeOf(tx, tenant, type, aliasStubKey({ scheme, value }))
}

function aliasOf(tx: Transaction, tenant: number, type: number, scheme: string, value: string) {
  const { aliasByName, insertAlias } = tx.rows
  const known = aliasByName.get(tenant, type, scheme, value)
  if (known !== undefined) return known[0]
  const id = tx.nextAlias()
  insertAlias(id, tenant, type, scheme, value)
  return id
}

/** Follows a change of what is visible of a node: its claims, and who wins what it claims. */
export function changeClaims(
  tx: Transaction,
  tenant: number,
  node: NodeRow,
  properties: string,
  aliases: string,
): void {
  const [id, type, , seenProperties, seenAliases] = node
  if (aliases === seenAliases && aliases === noAliases) return
  if (aliases === seenAliases && isRevoked(properties) === isRevoked(seenProperties)) return
  const { insertClaim, deleteClaim } = tx.rows
  const touched = tx.touched(tenant).aliases
  const idsOf = (text: string) =>
    new Set(aliasesOf(text).map(({ scheme, value }) => aliasOf(tx, tenant, type, scheme, value)))
  const [before, after] = [idsOf(seenAliases), idsOf(aliases)]
  for (const alias of before) {
    touched.add(alias)
    if (!after.has(alias)) deleteClaim(alias, id, tenant)
  }
  for (const alias of after) {
    touched.add(alias)
    if (!before.has(alias)) insertClaim(alias, id, tenant)
  }
}

/** Puts the text of a node that is in the index in place of what stands there. */
export function reindexText(tx: Transaction, id: number, type: number, searched: string): void {
  tx.rows.reindex(id, indexedText(type, searched))
}

const indexedText = (type: number, searched: string): string => `${searched}${typeToken(type)}`

/** The node of this description, unless there is one of that key. */
function createDescribed(
  tx: Transaction,
  origin: Origin,
  type: number,
  entity: WireEntity,
): number | undefined {
  const { tenant } = origin
  const [, key, properties, aliases, searched] = entity
  const id = tx.freeNode(tenant)
  const revision = tx.feed.coming(tenant)
  const { insertNewNode } = tx.rows
  if (insertNewNode(id, tenant, type, key, 1, properties, aliases, revision) === 0) return undefined
  tx.nextNode(tenant)
  tx.feed.created(tenant, id, type)
  const before: NodeRow = [id, type, 0, noProperties, noAliases, revision]
  return firstAssertion(tx, origin, before, properties, aliases, searched)
}

function describeStub(tx: Transaction, origin: Origin, stub: NodeRow, entity: WireEntity) {
  const { tenant } = origin
  const [, , properties, aliases, searched] = entity
  const [id, type] = stub
  const now = { described: true, properties, aliases }
  const revision = tx.feed.updated(tenant, id, type, seenOf(stub), now)
  tx.rows.updateNode(1, properties, aliases, revision, id, tenant)
  tx.add(tenant, "stub", 0, -1)
  return firstAssertion(tx, origin, stub, properties, aliases, searched)
}

function firstAssertion(
  tx: Transaction,
  { tenant, source, record }: Origin,
  before: NodeRow,
  properties: string,
  aliases: string,
  searched: string,
): number {
  const [id, type] = before
  tx.rows.insertAssertion(id, record, tenant, null, null)
  tx.rows.index(id, indexedText(type, searched))
  changeClaims(tx, tenant, before, properties, aliases)
  tx.add(tenant, "assertion", 0, 1)
  tx.add(tenant, "entity", type, 1)
  tx.add(tenant, "entityOfSource", source, 1)
  return id
}

/** What is visible of a node that this transaction has not touched. */
const seenOf = ([, , asserted, properties, aliases, revision]: NodeRow): Seen => ({
  described: asserted > 0,
  properties,
  aliases,
  revision,
})

function rewriteSole(tx: Transaction, tenant: number, node: NodeRow, entity: WireEntity): number {
  const [id, type, asserted, seenProperties, seenAliases] = node
  const [, , properties, aliases, searched] = entity
  if (properties === seenProperties && aliases === seenAliases) return id
  const now = { described: true, properties, aliases }
  const revision = tx.feed.updated(tenant, id, type, seenOf(node), now)
  tx.rows.updateNode(asserted, properties, aliases, revision, id, tenant)
  if (properties !== seenProperties) reindexText(tx, id, type, searched)
  changeClaims(tx, tenant, node, properties, aliases)
  return id
}
