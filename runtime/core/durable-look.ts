/**
 * A look at the durable state of an actor: its snapshot, and the events since.
 *
 * Promises: what it finds was stored at one time, and has everything that was answered before the
 * look began: the snapshot is read once more after the events, and where it is another one by then,
 * the look is taken anew. What may fail beneath: an owner that writes faster than it can be read
 * (`Unavailable`), records that are missing or changed (`LogDamaged`).
 */
import * as Effect from "effect/Effect"
import { type Address, formatAddress } from "../../protocols/address.ts"
import type { Json } from "../../protocols/canonical.ts"
import {
  type InvariantBroken,
  invariant,
  type LogDamaged,
  Unavailable,
} from "../../protocols/errors.ts"
import { durableLooksMax, retryMillisMax, stateGroupEntriesMax } from "../../protocols/limits.ts"
import type { DurableKind } from "./durable-kind.ts"
import {
  damaged,
  decodeRecord,
  eventPath,
  eventsPrefix,
  snapshotPath,
  upcast,
} from "./durable-record.ts"
import type { ActorStateShape, StateBroken, StateEntry } from "./state.ts"

export interface Found<S> {
  readonly state: S
  /** Of the last event in it; 0 where there was none yet. */
  readonly sequence: number
  /** Of the last event in the snapshot; 0 where there is none. */
  readonly snapshotSequence: number
  /** Of the events since. */
  readonly tailBytes: number
  /** Of the owner who wrote last. */
  readonly epoch: number
}

export const lookAtDurable = <S extends Json, E extends Json>(
  state: Pick<ActorStateShape, "read" | "list">,
  shard: number,
  address: Address,
  kind: DurableKind<S, E>,
): Effect.Effect<Found<S>, LogDamaged | InvariantBroken | StateBroken> =>
  Effect.gen(function* () {
    const path = snapshotPath(address)
    let snapshot = yield* state.read(shard, path)
    for (let looks = 0; looks < durableLooksMax; looks++) {
      const begun = fromSnapshot(address, kind, snapshot)
      if ("_tag" in begun) return yield* Effect.fail(begun)
      const tail = yield* state.list(shard, eventsPrefix(address), {
        after: eventPath(address, begun.sequence),
        limit: stateGroupEntriesMax,
      })
      const again = yield* state.read(shard, path)
      if (isSame(snapshot, again)) {
        const found = withEvents(address, kind, begun, tail)
        return "_tag" in found ? yield* Effect.fail(found) : found
      }
      snapshot = again
    }
    return yield* Effect.fail(tooBusy(address))
  })

function fromSnapshot<S extends Json, E extends Json>(
  address: Address,
  { initial, version, upcastSnapshot }: DurableKind<S, E>,
  bytes: Uint8Array | undefined,
): Found<S> | LogDamaged | InvariantBroken {
  if (bytes === undefined) {
    return { state: initial, sequence: 0, snapshotSequence: 0, tailBytes: 0, epoch: 0 }
  }
  const record = decodeRecord(address, bytes)
  if ("_tag" in record) return record
  const now = upcast(address, record, { version, upcasters: upcastSnapshot ?? {} })
  if ("_tag" in now) return now
  const { sequence, epoch } = record
  return { state: now.value as S, sequence, snapshotSequence: sequence, tailBytes: 0, epoch }
}

function withEvents<S extends Json, E extends Json>(
  address: Address,
  { version, upcastEvent, apply }: DurableKind<S, E>,
  begun: Found<S>,
  tail: readonly StateEntry[],
): Found<S> | LogDamaged | InvariantBroken {
  invariant(tail.length < stateGroupEntriesMax, "The events since a snapshot fit into one page.")
  let { state, sequence, tailBytes, epoch } = begun
  for (const { path, value } of tail) {
    sequence++
    if (Number(path.at(-1)) !== sequence) return damaged(address, sequence, "is missing")
    const record = decodeRecord(address, value ?? new Uint8Array(), sequence)
    if ("_tag" in record) return record
    if (record.epoch < epoch) return damaged(address, sequence, "is of an owner that was fenced")
    const now = upcast(address, record, { version, upcasters: upcastEvent ?? {} })
    if ("_tag" in now) return now
    state = apply(state, now.value as E)
    tailBytes += value?.byteLength ?? 0
    epoch = record.epoch
  }
  return { ...begun, state, sequence, tailBytes, epoch }
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return Buffer.compare(a, b) === 0
}

const tooBusy = (address: Address): Unavailable =>
  new Unavailable({
    message: `The state of ${formatAddress(address)} changes faster than it can be read.`,
    retryAfterMillis: retryMillisMax,
  })
