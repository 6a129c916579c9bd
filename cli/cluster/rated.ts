/** Actors that were looked at twice, and how fast they did what they did meanwhile. */
import type { ActorRow } from "./actor-rows.ts"

export interface RatedRow extends ActorRow {
  readonly handledPerSecond: number
  readonly refusedPerSecond: number
}

/** What was not there at the first look has done all that it did since then. */
export function rated(
  before: readonly ActorRow[],
  after: readonly ActorRow[],
  millis: number,
): readonly RatedRow[] {
  const known = new Map(before.map((row) => [keyOf(row), row]))
  const perSecond = (count: number) => Math.round((Math.max(0, count) * 10_000) / millis) / 10
  return after.map((row) => {
    const last = known.get(keyOf(row))
    return {
      ...row,
      handledPerSecond: perSecond(row.handled - (last?.handled ?? 0)),
      refusedPerSecond: perSecond(row.refused - (last?.refused ?? 0)),
    }
  })
}

/** The busiest first. */
export const byWork = (a: RatedRow, b: RatedRow): number =>
  b.handledPerSecond - a.handledPerSecond || b.handled - a.handled || byName(a, b)

/** The fullest first. */
export const byDepth = (a: RatedRow, b: RatedRow): number =>
  b.depth + b.parked - (a.depth + a.parked) ||
  b.inTurn - a.inTurn ||
  b.refusedPerSecond - a.refusedPerSecond ||
  byName(a, b)

export const byName = (a: ActorRow, b: ActorRow): number =>
  order(a.address, b.address) || order(a.node, b.node)

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const keyOf = ({ node, address }: ActorRow): string => `${node} ${address}`
