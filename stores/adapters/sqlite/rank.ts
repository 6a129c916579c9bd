/** Entities of a type by how many distinct entities a way through the graph reaches. */
import {
  rankEdgesPerTurn,
  rankEdgesScannedMax,
  rankTiesHeldMax,
} from "../../../protocols/limits.ts"
import { sizeOf } from "../../graph/page.ts"
import type { RankRequest, RankRow, RankStep, VisibleEntity } from "../../graph/port.ts"
import { byRank, checkRanking, excludedTexts, rankTooMany } from "../../graph/ranking.ts"
import { entityAt } from "./read-entities.ts"
import type { ReadStore } from "./read-store.ts"

/** A step with numbers for names, and what is known already of the nodes at its beginning. */
interface Way {
  readonly relationship: number
  readonly incoming: boolean
  readonly type: number
  readonly source: number | undefined
  readonly ends: Map<number, readonly number[]>
  readonly leadsOn: Map<number, boolean>
}

/** Yields now and then, to let others run. */
export function* rankRows(
  store: ReadStore,
  tenant: number,
  request: RankRequest,
): Generator<void, readonly RankRow[]> {
  const { steps, count } = request
  const first = sizeOf(request)
  checkRanking(request)
  const walker = new Walker(store, tenant, steps)
  const groups = store.query<[id: number, properties: string]>(
    "SELECT id, properties FROM node WHERE tenant = ? AND type = ? AND asserted > 0",
  )
  const excluding = excludedTexts(request)
  const ranked: { readonly node: number; readonly count: number }[] = []
  let [looked, pause] = [0, rankEdgesPerTurn]
  for (const [node, properties] of groups.iterate(tenant, store.type(tenant, request.type))) {
    if (looked++ + walker.scanned >= pause) {
      pause = looked + walker.scanned + rankEdgesPerTurn
      yield
    }
    if (excluding.some((text) => properties.includes(text))) continue
    const reached = walker.reached(node, count)
    if (reached > 0) ranked.push({ node, count: reached })
  }
  return yield* firstOf(ranked, first, (node) => entityAt(store, tenant, node))
}

/** The first rows, ties by name, then key; entities are read only down to the last count shown. */
function* firstOf(
  ranked: { readonly node: number; readonly count: number }[],
  first: number,
  read: (node: number) => VisibleEntity | undefined,
): Generator<void, readonly RankRow[]> {
  ranked.sort((a, b) => b.count - a.count)
  const least = ranked[first - 1]?.count ?? 0
  let rows: RankRow[] = []
  for (const { node, count } of ranked) {
    if (count < least) break
    const entity = read(node)
    if (entity !== undefined) rows.push({ entity, count })
    // Many may tie with the last one shown: no more of them are held than of the others.
    if (rows.length < first + rankTiesHeldMax) continue
    rows = rows.sort(byRank).slice(0, first)
    yield
  }
  return rows.sort(byRank).slice(0, first)
}

class Walker {
  readonly #store: ReadStore
  readonly #tenant: number
  readonly #ways: readonly Way[]
  scanned = 0

  constructor(store: ReadStore, tenant: number, steps: readonly RankStep[]) {
    this.#store = store
    this.#tenant = tenant
    const sources = store.query<[id: number]>("SELECT id FROM source WHERE tenant = ? AND name = ?")
    this.#ways = steps.map((step) => ({
      relationship: store.type(tenant, step.relationship),
      incoming: step.direction === "in",
      type: store.type(tenant, step.type),
      source: step.source === undefined ? undefined : (sources.get(tenant, step.source)?.[0] ?? -1),
      ends: new Map(),
      leadsOn: new Map(),
    }))
  }

  /** Distinct ends of step `count` from which the rest of the way can be gone. */
  reached(node: number, count: number): number {
    let ends: ReadonlySet<number> = new Set([node])
    for (let step = 0; step <= count; step++) {
      ends = new Set([...ends].flatMap((at) => this.#ends(step, at)))
    }
    let reached = 0
    for (const end of ends) if (this.#leadsOn(count + 1, end)) reached++
    return reached
  }

  #leadsOn(step: number, node: number): boolean {
    const way = this.#ways[step]
    if (way === undefined) return true
    let leads = way.leadsOn.get(node)
    if (leads === undefined) {
      leads = this.#ends(step, node).some((end) => this.#leadsOn(step + 1, end))
      way.leadsOn.set(node, leads)
    }
    return leads
  }

  #ends(step: number, node: number): readonly number[] {
    const way = this.#ways[step]
    if (way === undefined) return []
    const known = way.ends.get(node)
    if (known !== undefined) return known
    const rows = this.#rows(way, node)
    this.scanned += rows.length + 1
    if (this.scanned > rankEdgesScannedMax) throw rankTooMany(this.scanned)
    const ends = [...new Set(rows.map(([end]) => end))]
    const fitting = ends.filter((end) => this.#describes(way.source, end))
    way.ends.set(node, fitting)
    return fitting
  }

  #rows({ incoming, relationship, type }: Way, node: number) {
    const [here, there] = incoming ? ["to_node", "from_node"] : ["from_node", "to_node"]
    const rows = this.#store.query<[end: number]>(
      `SELECT e.${there} FROM edge e JOIN node n ON n.id = e.${there}
       WHERE e.${here} = ? AND e.type = ? AND e.tenant = ? AND n.type = ? LIMIT ?`,
    )
    return rows.all(node, relationship, this.#tenant, type, rankEdgesScannedMax + 1)
  }

  #describes(source: number | undefined, node: number): boolean {
    if (source === undefined) return true
    const rows = this.#store.query<[one: number]>(
      `SELECT 1 FROM assertion a JOIN record r ON r.id = a.record
       WHERE a.node = ? AND a.tenant = ? AND r.source = ? LIMIT 1`,
    )
    return rows.get(node, this.#tenant, source) !== undefined
  }
}
