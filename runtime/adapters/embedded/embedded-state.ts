/**
 * The `ActorState` of one node, in the same file and transactions as the log. Epochs are kept in
 * memory too, so that the fence is decided in call order; reads pass the writer, after the writes
 * before them.
 */
import * as Effect from "effect/Effect"
import { Fenced, invariant, type LimitExceeded } from "../../../protocols/errors.ts"
import { shardCount } from "../../../protocols/limits.ts"
import type { LogBroken, Ownership } from "../../core/log.ts"
import { isParkedPath } from "../../core/parking.ts"
import type { ActorStateShape, StateBroken, StateEntry } from "../../core/state.ts"
import { limitOf, pageLimit } from "../../core/state-limits.ts"
import { endOfPrefix, keyOfPath, pathOfKey } from "../../core/state-path.ts"
import type { LogWriter } from "./log-writer.ts"
import { stateBrokenOf } from "./sqlite-errors.ts"
import { submitted } from "./submitted.ts"
import type { TrimHold } from "./trim-hold.ts"
import type { Operation, Result, StoredState } from "./wire.ts"

export function makeEmbeddedState(writer: LogWriter, hold: TrimHold): ActorStateShape {
  const epochs = new Map(writer.opened.epochs.map(({ shard, epoch }) => [shard, epoch]))
  const store = (operation: Operation): Effect.Effect<Result, StateBroken> =>
    Effect.mapError(submitted(writer, operation), stateBrokenOf)
  const entriesOf = (result: Result): readonly StoredState[] =>
    result.kind === "entries" ? result.entries : []

  return {
    claim: (shards) =>
      Effect.suspend(() => {
        const refusal = writer.refusal()
        if (refusal !== undefined) return Effect.fail(stateBrokenOf(refusal))
        const owners = [...new Set(shards)].map((shard) => {
          invariant(shard >= 0 && shard < shardCount, `There is no shard ${shard}.`)
          const epoch = (epochs.get(shard) ?? 0) + 1
          epochs.set(shard, epoch)
          return { shard, epoch }
        })
        return Effect.as(store({ kind: "claim", owners }), owners)
      }),

    read: (shard, path) =>
      Effect.map(
        store({ kind: "get", shard, key: ownBytes(keyOfPath(path)) }),
        (result) => entriesOf(result)[0]?.value,
      ),

    list: (shard, prefix, { after, limit }) =>
      Effect.map(
        store({ kind: "list", shard, ...rangeOf(prefix, after), limit: pageLimit(limit) }),
        (result) => entriesOf(result).map(({ key, value }) => ({ path: pathOfKey(key), value })),
      ),

    write: (owner, entries) =>
      Effect.suspend((): Effect.Effect<void, Fenced | LimitExceeded | StateBroken> => {
        const refusal = fenceOf(owner, epochs.get(owner.shard) ?? 0) ?? limitOf(entries)
        if (refusal !== undefined) return Effect.fail(refusal)
        const broken = writer.refusal()
        if (broken !== undefined) return Effect.fail(stateBrokenOf(broken))
        return Effect.mapError(storeGroup(writer, hold, owner.shard, entries), stateBrokenOf)
      }),
  }
}

/** Bytes between which the paths of a page lie. */
export function rangeOf(prefix: readonly string[], after: readonly string[] | undefined) {
  const from = after === undefined ? keyOfPath(prefix) : [...keyOfPath(after), 0]
  return { from: new Uint8Array(from), end: ownBytes(endOfPrefix(prefix)) }
}

/** While trimming is held, a removed parked block stays: the copied sinks may not have it yet. */
function storeGroup(
  writer: LogWriter,
  hold: TrimHold,
  shard: number,
  entries: readonly StateEntry[],
): Effect.Effect<void, LogBroken> {
  const removals = entries.filter(({ path, value }) => value === undefined && isParkedPath(path))
  const group: Operation = { kind: "write", shard, entries: entries.map(storedOf) }
  if (removals.length === 0) return Effect.asVoid(submitted(writer, group))
  // A group is written as one or not at all, and only removals may wait.
  invariant(removals.length === entries.length, "A group removes parked blocks or does else.")
  return hold.isHeld ? hold.trim([group], () => {}) : Effect.asVoid(submitted(writer, group))
}

const storedOf = ({ path, value }: StateEntry): StoredState => ({
  key: ownBytes(keyOfPath(path)),
  value: value === undefined ? undefined : ownBytes(value),
})

/** A view into a larger buffer would take all of that buffer to the other thread. */
const ownBytes = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

function fenceOf(owner: Ownership, current: number): Fenced | undefined {
  if (owner.epoch === current) return undefined
  return new Fenced({
    ...owner,
    current,
    message: `Shard ${owner.shard} is owned under epoch ${current}, not ${owner.epoch}.`,
  })
}
