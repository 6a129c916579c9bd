/** Steps from node to node, by number, for reads that go through the graph. */
import { invariant } from "../../../protocols/errors.ts"
import { edgesPerNodeScannedMax } from "../../../protocols/limits.ts"
import { compareUtf8 } from "../../../protocols/visible.ts"
import type { VisibleRelationship } from "../../graph/port.ts"
import { propertiesOf } from "../../graph/text.ts"
import type { ReadStore } from "./read-store.ts"

export interface Step {
  readonly edge: number
  readonly type: number
  readonly other: number
  readonly incoming: boolean
}

export interface Around {
  readonly edges: readonly Step[]
  /** Rows looked at, of whatever type. */
  readonly scanned: number
  readonly truncated: boolean
}

/** Edges at a node in both directions, at most `scanMax` of each. */
export function edgesAt(
  store: ReadStore,
  tenant: number,
  node: number,
  types?: ReadonlySet<number>,
  scanMax = edgesPerNodeScannedMax,
): Around {
  const edges: Step[] = []
  let scanned = 0
  let truncated = false
  for (const incoming of [false, true]) {
    const rows = stepsOf(store, incoming).all(node, tenant, scanMax + 1)
    scanned += rows.length
    if (rows.length > scanMax) truncated = true
    for (const [edge, type, other] of rows) {
      if (types === undefined || types.has(type)) edges.push({ edge, type, other, incoming })
    }
  }
  return { edges, scanned, truncated }
}

const stepsOf = (store: ReadStore, incoming: boolean) =>
  store.query<[edge: number, type: number, other: number]>(
    incoming
      ? "SELECT id, type, from_node FROM edge WHERE to_node = ? AND tenant = ? LIMIT ?"
      : "SELECT id, type, to_node FROM edge WHERE from_node = ? AND tenant = ? LIMIT ?",
  )

/** The nodes by type, then key. */
export function inOrder(store: ReadStore, tenant: number, nodes: Iterable<number>): number[] {
  const names = store.query<[type: string, key: string]>(
    "SELECT t.name, n.key FROM node n JOIN type t ON t.id = n.type WHERE n.id = ? AND n.tenant = ?",
  )
  const named = [...nodes].map((node) => ({ node, name: names.get(node, tenant) ?? ["", ""] }))
  named.sort((a, b) => compareUtf8(a.name[0], b.name[0]) || compareUtf8(a.name[1], b.name[1]))
  return named.map(({ node }) => node)
}

type RelationshipRow = readonly [
  type: string,
  fromType: string,
  fromKey: string,
  toType: string,
  toKey: string,
  discriminator: string,
  derived: number,
  properties: string,
]

export function relationshipAt(
  store: ReadStore,
  tenant: number,
  edge: number,
): VisibleRelationship {
  const row = store
    .query<RelationshipRow>(
      `SELECT et.name, ft.name, f.key, tt.name, t.key, e.discriminator, e.derived, e.properties
       FROM edge e JOIN type et ON et.id = e.type JOIN node f ON f.id = e.from_node
       JOIN type ft ON ft.id = f.type JOIN node t ON t.id = e.to_node JOIN type tt ON tt.id = t.type
       WHERE e.id = ? AND e.tenant = ?`,
    )
    .get(edge, tenant)
  invariant(row !== undefined, "An edge is there as long as its snapshot.")
  const [type, fromType, fromKey, toType, toKey, discriminator, derived, properties] = row
  return {
    type,
    from: { type: fromType, key: fromKey },
    to: { type: toType, key: toKey },
    discriminator,
    derived: derived === 1,
    properties: propertiesOf(properties),
  }
}
