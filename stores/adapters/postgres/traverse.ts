/** Steps from entities to entities, by number, for reads that go through the graph. */
import { invariant } from "../../../protocols/errors.ts"
import { edgesPerNodeScannedMax } from "../../../protocols/limits.ts"
import type { VisibleRelationship } from "../../graph/port.ts"
import { propertiesOf } from "../../graph/text.ts"
import type { Sql } from "./connection.ts"

export interface Step {
  readonly node: number
  readonly edge: number
  readonly type: number
  readonly other: number
  readonly incoming: boolean
}

export interface Around {
  readonly steps: readonly Step[]
  /** More relationships than were looked at, of one entity or together. */
  readonly truncated: boolean
}

/** Relationships at the nodes in both directions, at most `scanMax` together. */
export async function stepsAt(
  sql: Sql,
  tenant: number,
  nodes: readonly number[],
  scanMax: number,
): Promise<Around> {
  if (nodes.length === 0) return { steps: [], truncated: false }
  const rows = await sql.rows<[number, number, number, number, number]>(
    `SELECT w.node, e.id, e.type, e.other, e.incoming
     FROM unnest($2::bigint[]) WITH ORDINALITY w(node, at) CROSS JOIN LATERAL (
       (SELECT id, type, to_node AS other, 0 AS incoming FROM edge
        WHERE from_node = w.node AND tenant = $1 LIMIT $3)
       UNION ALL
       (SELECT id, type, from_node, 1 FROM edge WHERE to_node = w.node AND tenant = $1 LIMIT $3)
     ) e LIMIT $4`,
    tenant,
    nodes,
    edgesPerNodeScannedMax + 1,
    scanMax + 1,
  )
  const seen = new Map<string, number>()
  let truncated = rows.length > scanMax
  const steps: Step[] = []
  for (const [node, edge, type, other, incoming] of rows.slice(0, scanMax)) {
    const side = `${node}/${incoming}`
    const count = (seen.get(side) ?? 0) + 1
    seen.set(side, count)
    if (count > edgesPerNodeScannedMax) truncated = true
    else steps.push({ node, edge, type, other, incoming: incoming === 1 })
  }
  return { steps, truncated }
}

/** The nodes by type, then key. */
export async function inOrder(
  sql: Sql,
  tenant: number,
  nodes: Iterable<number>,
  count?: number,
): Promise<readonly number[]> {
  const rows = await sql.rows<[id: number]>(
    `SELECT n.id FROM node n JOIN type t ON t.id = n.type
     WHERE n.tenant = $1 AND n.id = ANY ($2::bigint[]) ORDER BY t.name, n.key LIMIT $3`,
    tenant,
    [...nodes],
    count ?? null,
  )
  return rows.map(([id]) => id)
}

type RelationshipRow = readonly [
  id: number,
  type: string,
  fromType: string,
  fromKey: string,
  toType: string,
  toKey: string,
  discriminator: string,
  derived: number,
  properties: string,
]

/** In the order of their numbers' list. */
export async function relationshipsByNumber(
  sql: Sql,
  tenant: number,
  edges: readonly number[],
): Promise<readonly VisibleRelationship[]> {
  if (edges.length === 0) return []
  const rows = await sql.rows<RelationshipRow>(
    `SELECT e.id, et.name, ft.name, f.key, tt.name, t.key, e.discriminator, e.derived,
       e.properties
     FROM edge e JOIN type et ON et.id = e.type JOIN node f ON f.id = e.from_node
     JOIN type ft ON ft.id = f.type JOIN node t ON t.id = e.to_node
     JOIN type tt ON tt.id = t.type WHERE e.tenant = $1 AND e.id = ANY ($2::bigint[])`,
    tenant,
    edges,
  )
  const byNumber = new Map(rows.map((row) => [row[0], relationshipOfRow(row)]))
  return edges.map((edge) => {
    const relationship = byNumber.get(edge)
    invariant(relationship !== undefined, "A relationship is there as long as its snapshot.")
    return relationship
  })
}

function relationshipOfRow(row: RelationshipRow): VisibleRelationship {
  const [, type, fromType, fromKey, toType, toKey, discriminator, derived, properties] = row
  return {
    type,
    from: { type: fromType, key: fromKey },
    to: { type: toType, key: toKey },
    discriminator,
    derived: derived === 1,
    properties: propertiesOf(properties),
  }
}
