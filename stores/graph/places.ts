/**
 * Places in a change feed. They are counted along all changes of a tenant, in the order of their
 * revisions; a position's sequences add up to its place, and belong to it or to none.
 */
import { LimitExceeded } from "../../protocols/errors.ts"
import { changesPageMax } from "../../protocols/limits.ts"
import { sizeOf } from "./page.ts"
import type { FeedPosition } from "./port.ts"

/** Of a page of changes. */
export function checkChangesSize(first: number): void {
  if (first <= changesPageMax) {
    sizeOf({ first })
    return
  }
  const message = `At most ${changesPageMax} changes are read at once; ${first} were asked for.`
  throw new LimitExceeded({
    limit: "changesPageMax",
    bound: changesPageMax,
    value: first,
    message,
  })
}

export const sequencesOf = (text: string): readonly number[] => JSON.parse(text) as number[]

export const placeOf = ({ sequences }: FeedPosition): number =>
  sequences.reduce((sum, sequence) => sum + sequence, 0)

/** Partitions beyond the end of one are at 0. */
export function isSamePlace(a: readonly number[], b: readonly number[]): boolean {
  const length = Math.max(a.length, b.length)
  for (let i = 0; i < length; i++) if ((a[i] ?? 0) !== (b[i] ?? 0)) return false
  return true
}
