/**
 * A shortest path between two entities, whichever way relationships point, found from both ends at
 * once. Of several shortest ones it is the one whose entities come first by type, then key, from
 * the first to the last; between two entities the relationship that is first by type, outgoing
 * before incoming, then discriminator. So the answer depends on the graph alone.
 */
import { invariant } from "../../../protocols/errors.ts"
import { pathEdgesScannedMax, pathVisitedMax } from "../../../protocols/limits.ts"
import { compareUtf8 } from "../../../protocols/visible.ts"
import type { VisibleEntity, VisibleRelationship } from "../../graph/port.ts"
import { checkPathHops, pathTooMany, pathTooWide } from "../../graph/ways.ts"
import { entityAt, nodeAt } from "./read-entities.ts"
import type { ReadStore } from "./read-store.ts"
import { edgesAt, inOrder, relationshipAt, type Step } from "./traverse.ts"

type EntityKey = { readonly type: string; readonly key: string }

interface Path {
  readonly entities: readonly VisibleEntity[]
  readonly relationships: readonly VisibleRelationship[]
}

/** Nodes by their distance from one end. */
interface Side {
  readonly distances: Map<number, number>
  frontier: readonly number[]
  depth: number
}

export function pathBetween(
  store: ReadStore,
  tenant: number,
  from: EntityKey,
  to: EntityKey,
  hopsMax: number,
): Path | undefined {
  checkPathHops(hopsMax)
  const start = nodeAt(store, tenant, from.type, from.key)
  const end = nodeAt(store, tenant, to.type, to.key)
  if (start === undefined || end === undefined) return undefined
  const head = sideAt(start)
  const tail = sideAt(end)
  let scanned = 0
  while (!meets(head, tail)) {
    if (head.depth + tail.depth === hopsMax) return undefined
    const smaller = head.frontier.length <= tail.frontier.length ? head : tail
    if (smaller.frontier.length === 0) return undefined
    const visited = head.distances.size + tail.distances.size
    scanned = advance(store, tenant, smaller, { visited, scanned })
  }
  const nodes = firstPath(store, tenant, head, tail, start)
  return {
    entities: nodes.map((node) => found(entityAt(store, tenant, node))),
    relationships: nodes
      .slice(1)
      .map((node, i) => firstBetween(store, tenant, nodes[i] ?? node, node)),
  }
}

const sideAt = (node: number): Side => ({
  distances: new Map([[node, 0]]),
  frontier: [node],
  depth: 0,
})

const meets = (head: Side, tail: Side): boolean =>
  head.frontier.some((node) => tail.distances.get(node) === tail.depth)

/** One hop further; answers how many relationships the search has looked at by then. */
function advance(
  store: ReadStore,
  tenant: number,
  side: Side,
  { visited, scanned }: { readonly visited: number; readonly scanned: number },
): number {
  const next: number[] = []
  let scannedByNow = scanned
  side.depth++
  for (const node of side.frontier) {
    const around = edgesAt(store, tenant, node)
    scannedByNow += around.scanned
    if (around.truncated || scannedByNow > pathEdgesScannedMax) throw pathTooMany(scannedByNow)
    for (const { other } of around.edges) {
      if (side.distances.has(other)) continue
      side.distances.set(other, side.depth)
      next.push(other)
    }
    if (visited + next.length > pathVisitedMax) throw pathTooWide()
  }
  side.frontier = next
  return scannedByNow
}

/** The first of the shortest paths, by the order of entities. */
function firstPath(
  store: ReadStore,
  tenant: number,
  head: Side,
  tail: Side,
  start: number,
): readonly number[] {
  const onPath = [new Set(head.frontier.filter((node) => tail.distances.get(node) === tail.depth))]
  for (let depth = head.depth - 1; depth >= 0; depth--) {
    const before = new Set<number>()
    for (const node of onPath[0] ?? []) {
      for (const { other } of allEdgesAt(store, tenant, node)) {
        if (head.distances.get(other) === depth) before.add(other)
      }
    }
    onPath.unshift(before)
  }
  const nodes = [start]
  for (let depth = 1; depth <= head.depth + tail.depth; depth++) {
    const candidates = new Set<number>()
    for (const { other } of allEdgesAt(store, tenant, nodes.at(-1) ?? start)) {
      const fits =
        depth <= head.depth
          ? onPath[depth]?.has(other) === true
          : tail.distances.get(other) === head.depth + tail.depth - depth
      if (fits) candidates.add(other)
    }
    const [first] = inOrder(store, tenant, candidates)
    invariant(first !== undefined, "A path goes on until it ends.")
    nodes.push(first)
  }
  return nodes
}

function firstBetween(store: ReadStore, tenant: number, from: number, to: number) {
  const steps = allEdgesAt(store, tenant, from).filter(({ other }) => other === to)
  const all = steps.map(({ edge, incoming }) => ({
    incoming: Number(incoming),
    relationship: relationshipAt(store, tenant, edge),
  }))
  all.sort(
    (a, b) =>
      compareUtf8(a.relationship.type, b.relationship.type) ||
      a.incoming - b.incoming ||
      compareUtf8(a.relationship.discriminator, b.relationship.discriminator),
  )
  return found(all[0]?.relationship)
}

/** The way between the two ends is only known where none of it is cut off. */
function allEdgesAt(store: ReadStore, tenant: number, node: number): readonly Step[] {
  const around = edgesAt(store, tenant, node)
  if (around.truncated) throw pathTooMany(around.scanned)
  return around.edges
}

function found<A>(value: A | undefined): A {
  invariant(value !== undefined, "What a snapshot showed is still in it.")
  return value
}
