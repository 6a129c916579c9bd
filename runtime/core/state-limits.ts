/** The bounds of one group and one page of the actor state, the same in every adapter. */
import { LimitExceeded } from "../../protocols/errors.ts"
import {
  stateGroupEntriesMax,
  statePathBytesMax,
  stateValueBytesMax,
} from "../../protocols/limits.ts"
import type { StateEntry } from "./state.ts"
import { keyOfPath } from "./state-path.ts"

export const pageLimit = (limit: number): number => Math.min(limit, stateGroupEntriesMax)

/** What keeps a group from being written, where it is too large. */
export function limitOf(entries: readonly StateEntry[]): LimitExceeded | undefined {
  const over = (limit: string, bound: number, value: number) =>
    value <= bound
      ? undefined
      : new LimitExceeded({
          limit,
          bound,
          value,
          message: `A group of actor state has ${limit} ${value}, and ${bound} is the most.`,
        })
  const bytesOf = (of: (entry: StateEntry) => number) =>
    entries.reduce((most, entry) => Math.max(most, of(entry)), 0)
  return (
    over("stateGroupEntriesMax", stateGroupEntriesMax, entries.length) ??
    over(
      "stateValueBytesMax",
      stateValueBytesMax,
      bytesOf(({ value }) => value?.byteLength ?? 0),
    ) ??
    over(
      "statePathBytesMax",
      statePathBytesMax,
      bytesOf(({ path }) => keyOfPath(path).byteLength),
    )
  )
}
