/** What lies around an entity, hop by hop, bounded at each. */
import {
  neighborsEdgesScannedMax,
  neighborsNodesPerHopMax,
  neighborsRelationshipsMax,
} from "../../../protocols/limits.ts"
import type { EntityName, GraphReadsShape, Neighborhood } from "../../graph/port.ts"
import { checkNeighborHops, neighborOf } from "../../graph/ways.ts"
import type { Sql } from "./connection.ts"
import { entitiesByNumber, nodeAt } from "./read-entities.ts"
import { inOrder, relationshipsByNumber, stepsAt } from "./traverse.ts"

type NeighborsQuery = Parameters<GraphReadsShape["neighbors"]>[2]

export async function neighborhoodOf(
  sql: Sql,
  tenant: number,
  of: EntityName,
  query: NeighborsQuery,
): Promise<Neighborhood> {
  const { hops } = query
  checkNeighborHops(hops)
  const start = await nodeAt(sql, tenant, of)
  if (start === undefined) return { entities: [], relationships: [], truncated: false }
  const types = await typesOf(sql, tenant, query.types)
  const reached = new Set([start])
  const followed = new Map<number, readonly [number, number]>()
  const entities: ReturnType<typeof neighborOf>[] = []
  let truncated = false
  let scanned = 0
  let frontier: readonly number[] = [start]
  for (let hop = 1; hop <= hops && frontier.length > 0; hop++) {
    const around = await stepsAt(sql, tenant, frontier, neighborsEdgesScannedMax - scanned)
    scanned += around.steps.length
    if (around.truncated) truncated = true
    const found = new Set<number>()
    for (const { node, edge, type, other } of around.steps) {
      if (types?.has(type) === false) continue
      followed.set(edge, [node, other])
      if (!reached.has(other)) found.add(other)
    }
    if (found.size > neighborsNodesPerHopMax) truncated = true
    frontier = await inOrder(sql, tenant, found, neighborsNodesPerHopMax)
    const byNumber = await entitiesByNumber(sql, tenant, frontier)
    for (const node of frontier) {
      reached.add(node)
      const entity = byNumber.get(node)
      if (entity !== undefined) entities.push(neighborOf(entity, hop))
    }
  }
  const shown = [...followed].filter(([, [a, b]]) => reached.has(a) && reached.has(b))
  if (shown.length > neighborsRelationshipsMax) truncated = true
  const edges = shown.slice(0, neighborsRelationshipsMax).map(([edge]) => edge)
  return { entities, relationships: await relationshipsByNumber(sql, tenant, edges), truncated }
}

async function typesOf(sql: Sql, tenant: number, names: readonly string[] | undefined) {
  if (names === undefined) return undefined
  const rows = await sql.rows<[id: number]>(
    "SELECT id FROM type WHERE tenant = $1 AND name = ANY ($2::text[])",
    tenant,
    names,
  )
  return new Set(rows.map(([id]) => id))
}
