/**
 * A shortest path between two entities, whichever way relationships point, found from both ends at
 * once, a hop of one side at a time. Of several shortest ones it is the same one that every adapter
 * finds: whose entities come first by type, then key, from the first to the last; between two
 * entities the relationship that is first by type, outgoing before incoming, then discriminator.
 */
import { invariant } from "../../../protocols/errors.ts"
import { pathEdgesScannedMax, pathVisitedMax } from "../../../protocols/limits.ts"
import { compareUtf8 } from "../../../protocols/visible.ts"
import type { EntityName, VisibleEntity, VisibleRelationship } from "../../graph/port.ts"
import { checkPathHops, pathTooMany, pathTooWide } from "../../graph/ways.ts"
import type { Sql } from "./connection.ts"
import { entitiesByNumber, nodeAt } from "./read-entities.ts"
import { inOrder, relationshipsByNumber, type Step, stepsAt } from "./traverse.ts"

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

export async function pathBetween(
  sql: Sql,
  tenant: number,
  from: EntityName,
  to: EntityName,
  hopsMax: number,
): Promise<Path | undefined> {
  checkPathHops(hopsMax)
  const start = await nodeAt(sql, tenant, from)
  const end = await nodeAt(sql, tenant, to)
  if (start === undefined || end === undefined) return undefined
  const head = sideAt(start)
  const tail = sideAt(end)
  let scanned = 0
  while (!meets(head, tail)) {
    if (head.depth + tail.depth === hopsMax) return undefined
    const smaller = head.frontier.length <= tail.frontier.length ? head : tail
    if (smaller.frontier.length === 0) return undefined
    const visited = head.distances.size + tail.distances.size
    scanned = await advance(sql, tenant, smaller, { visited, scanned })
  }
  const nodes = await firstPath(sql, tenant, head, tail, start)
  const byNumber = await entitiesByNumber(sql, tenant, nodes)
  const edges: number[] = []
  for (const [i, node] of nodes.slice(1).entries()) {
    edges.push(await firstBetween(sql, tenant, nodes[i] ?? node, node))
  }
  return {
    entities: nodes.map((node) => found(byNumber.get(node))),
    relationships: await relationshipsByNumber(sql, tenant, edges),
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
async function advance(
  sql: Sql,
  tenant: number,
  side: Side,
  { visited, scanned }: { readonly visited: number; readonly scanned: number },
): Promise<number> {
  const next: number[] = []
  side.depth++
  const steps = await allSteps(sql, tenant, side.frontier, pathEdgesScannedMax - scanned)
  for (const { other } of steps) {
    if (side.distances.has(other)) continue
    side.distances.set(other, side.depth)
    next.push(other)
    if (visited + next.length > pathVisitedMax) throw pathTooWide()
  }
  side.frontier = next
  return scanned + steps.length
}

/** The first of the shortest paths, by the order of entities. */
async function firstPath(
  sql: Sql,
  tenant: number,
  head: Side,
  tail: Side,
  start: number,
): Promise<readonly number[]> {
  const onPath = [new Set(head.frontier.filter((node) => tail.distances.get(node) === tail.depth))]
  for (let depth = head.depth - 1; depth >= 0; depth--) {
    const steps = await allSteps(sql, tenant, [...(onPath[0] ?? [])])
    const before = steps.filter(({ other }) => head.distances.get(other) === depth)
    onPath.unshift(new Set(before.map(({ other }) => other)))
  }
  const nodes = [start]
  for (let depth = 1; depth <= head.depth + tail.depth; depth++) {
    const steps = await allSteps(sql, tenant, nodes.slice(-1))
    const candidates = steps.filter(({ other }) =>
      depth <= head.depth
        ? onPath[depth]?.has(other) === true
        : tail.distances.get(other) === head.depth + tail.depth - depth,
    )
    const ends = new Set(candidates.map(({ other }) => other))
    const [first] = await inOrder(sql, tenant, ends, 1)
    nodes.push(found(first))
  }
  return nodes
}

async function firstBetween(sql: Sql, tenant: number, from: number, to: number): Promise<number> {
  const steps = (await allSteps(sql, tenant, [from])).filter(({ other }) => other === to)
  const relationships = await relationshipsByNumber(
    sql,
    tenant,
    steps.map(({ edge }) => edge),
  )
  const all = steps.map(({ edge, incoming }, i) => {
    const { type, discriminator } = found(relationships[i])
    return { edge, incoming: Number(incoming), type, discriminator }
  })
  all.sort(
    (a, b) =>
      compareUtf8(a.type, b.type) ||
      a.incoming - b.incoming ||
      compareUtf8(a.discriminator, b.discriminator),
  )
  return found(all[0]).edge
}

/** The way between the two ends is only known where none of it is cut off. */
async function allSteps(
  sql: Sql,
  tenant: number,
  nodes: readonly number[],
  scanMax = pathEdgesScannedMax,
): Promise<readonly Step[]> {
  const { steps, truncated } = await stepsAt(sql, tenant, nodes, scanMax)
  if (truncated) throw pathTooMany(pathEdgesScannedMax + 1)
  return steps
}

function found<A>(value: A | undefined): A {
  invariant(value !== undefined, "What a snapshot showed is still in it.")
  return value
}
