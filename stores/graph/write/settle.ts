/**
 * Brings what is visible in line with what is asserted, for whatever a transaction has touched:
 * nodes, then who wins each alias, then links whose end has moved, then edges, then nodes that
 * nobody needs. Each step looks only at assertions and at the steps before it, so the order in
 * which records came leaves no trace (contracts §2).
 */
import type { Alias, Properties } from "../../../protocols/graph.ts"
import { mergeProperties } from "../../../protocols/visible.ts"
import {
  aliasesOf,
  noAliases,
  noProperties,
  propertiesOf,
  searchedText,
  textOfAliases,
  textOfProperties,
} from "../text.ts"
import { attach, detach, edgeOf } from "./links.ts"
import { changeClaims, nodeOfAlias, reindexText } from "./nodes.ts"
import type { RankedRow } from "./rows.ts"
import type { EdgeBefore, NodeBefore, Touched, Transaction } from "./transaction.ts"

export function settle(tx: Transaction): void {
  for (const tenant of tx.touchedTenants()) {
    const touched = tx.touched(tenant)
    for (const [id, before] of touched.nodes) settleNode(tx, tenant, touched, id, before)
    for (const alias of touched.aliases) settleAlias(tx, tenant, touched, alias)
    for (const link of touched.links) settleLink(tx, tenant, link)
    for (const [id, before] of touched.edges) settleEdge(tx, tenant, touched, id, before)
    for (const node of touched.orphans) settleOrphan(tx, tenant, node)
  }
  tx.settled()
}

function settleNode(
  tx: Transaction,
  tenant: number,
  touched: Touched,
  id: number,
  before: NodeBefore,
): void {
  const node = tx.rows.nodeById.get(id, tenant)
  if (node === undefined) return
  const [, type, , seenProperties, seenAliases, seenRevision] = node
  const rows = tx.rows.assertionsOf.all(id, tenant)
  const [sole] = rows
  const { properties, aliases } = visibleOf(rows, seenProperties, seenAliases)
  const asserted = rows.length > 0
  const now = { described: asserted, properties, aliases }
  const seen = { described: before.asserted, properties: seenProperties, aliases: seenAliases }
  const revision = tx.feed.updated(tenant, id, type, { ...seen, revision: seenRevision }, now)
  tx.rows.updateNode(rows.length, properties, aliases, revision, id, tenant)
  if (rows.length === 1 && sole !== undefined && sole[4] !== null) {
    tx.rows.updateAssertion(null, null, id, sole[7], tenant)
  }
  changeClaims(tx, tenant, node, properties, aliases)
  if (!asserted) tx.rows.unindex(id)
  else if (properties !== seenProperties || !before.asserted) {
    reindexText(tx, id, type, searchedText(propertiesOf(properties)))
  }
  if (asserted !== before.asserted) {
    tx.add(tenant, "entity", type, asserted ? 1 : -1)
    tx.add(tenant, "stub", 0, asserted ? -1 : 1)
  }
  if (!asserted) touched.orphans.add(id)
  const sources = new Set(rows.map((row) => row[6]))
  for (const source of sources) {
    if (!before.sources.has(source)) tx.add(tenant, "entityOfSource", source, 1)
  }
  for (const source of before.sources) {
    if (!sources.has(source)) tx.add(tenant, "entityOfSource", source, -1)
  }
}

function visibleOf(rows: readonly RankedRow[], seenProperties: string, seenAliases: string) {
  const [sole] = rows
  if (sole === undefined) return { properties: noProperties, aliases: noAliases }
  if (rows.length === 1) {
    return { properties: sole[4] ?? seenProperties, aliases: String(sole[5] ?? seenAliases) }
  }
  const aliases: Alias[] = rows.flatMap((row) => [...aliasesOf(String(row[5] ?? noAliases))])
  return { properties: mergedText(rows), aliases: textOfAliases(aliases) }
}

/** Properties of several assertions, the stronger first; of equally strong ones the lesser text. */
function mergedText(rows: readonly RankedRow[]): string {
  const texts = rows.map((row) => ({ row, text: row[4] ?? noProperties }))
  texts.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
  const ranked = texts.map(({ row, text }) => ({
    source: row[0],
    priority: row[1],
    recordKey: row[2],
    version: row[3] ?? undefined,
    properties: propertiesOf(text),
  }))
  const merged: Properties = mergeProperties(ranked)
  return textOfProperties(merged)
}

function settleAlias(tx: Transaction, tenant: number, touched: Touched, alias: number): void {
  const row = tx.rows.aliasById.get(alias, tenant)
  if (row === undefined) return
  const [, , , seenNode, seenClaims] = row
  const claims = tx.rows.claimsOf.get(alias, tenant)?.[0] ?? 0
  const node = claims === 0 ? null : (tx.rows.winnerOf.get(alias, tenant)?.[0] ?? null)
  tx.add(tenant, "ambiguous", 0, Number(claims > 1) - Number(seenClaims > 1))
  if (node !== seenNode) {
    for (const [link] of tx.rows.linksOfAlias.all(alias, tenant)) touched.links.add(link)
  }
  if (claims === 0 && tx.rows.linksOfAlias.get(alias, tenant) === undefined) {
    tx.rows.deleteAlias(alias, tenant)
  } else if (node !== seenNode || claims !== seenClaims) {
    tx.rows.decideAlias(node, claims, alias, tenant)
  }
}

function settleLink(tx: Transaction, tenant: number, id: number): void {
  const link = tx.rows.linkById.get(id, tenant)
  if (link === undefined) return
  const [, , fromNode, fromAlias, toNode, toAlias, , , edgeId, own] = link
  const from = fromAlias === null ? Number(fromNode) : nodeOfAlias(tx, tenant, fromAlias)
  const to = toAlias === null ? Number(toNode) : nodeOfAlias(tx, tenant, toAlias)
  let properties = own ?? noProperties
  if (edgeId !== null) {
    const edge = edgeOf(tx, tenant, edgeId)
    if (edge[2] === from && edge[3] === to) return
    properties = detach(tx, tenant, link, edge)
  }
  const [, type, , , , , discriminator, derived, , , source] = link
  const name = { type, from, to, discriminator, derived, source }
  const [edge, kept] = attach(tx, tenant, name, properties)
  tx.rows.attachLink(edge, kept, id, tenant)
}

function settleEdge(
  tx: Transaction,
  tenant: number,
  touched: Touched,
  id: number,
  before: EdgeBefore,
): void {
  const [, type, from, to, seenDerived, , seenProperties] = edgeOf(tx, tenant, id)
  const rows = tx.rows.linksOf.all(id, tenant)
  const [sole] = rows
  const own = new Map<number, boolean>()
  for (const row of rows) own.set(row[6], row[5] === 1 && (own.get(row[6]) ?? true))
  countSources(tx, tenant, before.sources, own)
  tx.add(tenant, before.derived ? "derived" : "relationship", 0, -1)
  if (sole === undefined) {
    tx.rows.deleteEdge(id, tenant)
    tx.add(tenant, "relationshipOfType", type, -1)
    touched.orphans.add(from).add(to)
    return
  }
  const derived = rows.every((row) => row[5] === 1) ? 1 : 0
  tx.add(tenant, derived === 1 ? "derived" : "relationship", 0, 1)
  const properties = rows.length === 1 ? (sole[4] ?? seenProperties) : mergedText(rows)
  if (derived !== seenDerived || properties !== seenProperties) {
    tx.rows.updateEdge(derived, properties, id, tenant)
  }
  if (rows.length === 1 && sole[4] !== null) tx.rows.setLinkText(null, sole[7], tenant)
}

function countSources(
  tx: Transaction,
  tenant: number,
  before: ReadonlyMap<number, boolean>,
  after: ReadonlyMap<number, boolean>,
): void {
  const what = (derived: boolean) => (derived ? "derivedOfSource" : "relationshipOfSource")
  for (const [source, derived] of before) tx.add(tenant, what(derived), source, -1)
  for (const [source, derived] of after) tx.add(tenant, what(derived), source, 1)
}

function settleOrphan(tx: Transaction, tenant: number, id: number): void {
  const node = tx.rows.nodeById.get(id, tenant)
  if (node === undefined || node[2] > 0) return
  if (tx.rows.edgeAt.get(id, tenant) !== undefined) return
  tx.feed.removed(tenant, id, node[1])
  tx.rows.deleteNode(id, tenant)
  tx.add(tenant, "stub", 0, -1)
}
