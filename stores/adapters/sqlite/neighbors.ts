/** What lies around an entity, hop by hop, bounded at each. */
import {
  edgesPerNodeScannedMax,
  neighborsEdgesScannedMax,
  neighborsNodesPerHopMax,
  neighborsRelationshipsMax,
} from "../../../protocols/limits.ts"
import type { GraphReadsShape, Neighborhood, VisibleEntity } from "../../graph/port.ts"
import { checkNeighborHops, neighborOf } from "../../graph/ways.ts"
import { entityAt, nodeAt } from "./read-entities.ts"
import type { ReadStore } from "./read-store.ts"
import { edgesAt, inOrder, relationshipAt } from "./traverse.ts"

type NeighborsQuery = Parameters<GraphReadsShape["neighbors"]>[2]

export function neighborhoodOf(
  store: ReadStore,
  tenant: number,
  of: { readonly type: string; readonly key: string },
  query: NeighborsQuery,
): Neighborhood {
  const { hops } = query
  checkNeighborHops(hops)
  const start = nodeAt(store, tenant, of.type, of.key)
  if (start === undefined) return { entities: [], relationships: [], truncated: false }
  const types = query.types && new Set(query.types.map((type) => store.type(tenant, type)))
  const reached = new Set([start])
  const followed = new Map<number, readonly [number, number]>()
  const entities: (VisibleEntity & { readonly hops: number })[] = []
  let truncated = false
  let scanned = 0
  let frontier: readonly number[] = [start]
  for (let hop = 1; hop <= hops && frontier.length > 0; hop++) {
    const found = new Set<number>()
    for (const node of frontier) {
      const scanMax = Math.min(edgesPerNodeScannedMax, neighborsEdgesScannedMax - scanned)
      if (scanMax <= 0) {
        truncated = true
        break
      }
      const around = edgesAt(store, tenant, node, types, scanMax)
      scanned += around.scanned
      if (around.truncated) truncated = true
      for (const { edge, other } of around.edges) {
        followed.set(edge, [node, other])
        if (!reached.has(other)) found.add(other)
      }
    }
    const ordered = inOrder(store, tenant, found)
    if (ordered.length > neighborsNodesPerHopMax) truncated = true
    frontier = ordered.slice(0, neighborsNodesPerHopMax)
    for (const node of frontier) {
      reached.add(node)
      const entity = entityAt(store, tenant, node)
      if (entity !== undefined) entities.push(neighborOf(entity, hop))
    }
  }
  const shown = [...followed].filter(([, [a, b]]) => reached.has(a) && reached.has(b))
  if (shown.length > neighborsRelationshipsMax) truncated = true
  const relationships = shown
    .slice(0, neighborsRelationshipsMax)
    .map(([edge]) => relationshipAt(store, tenant, edge))
  return { entities, relationships, truncated }
}
