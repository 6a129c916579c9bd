/**
 * State of one actor that outlives it: events, and a snapshot in place of the oldest of them, in
 * the actor state under the fence of the shard's epoch (contracts §6). With one event per snapshot
 * it is a snapshot alone.
 *
 * Promises: the events of one `persist` are stored all or none, and only by the shard's owner; they
 * show in `state` once they are stored, never before; what was answered is what every later open
 * finds, once and in order. A snapshot and the removal of the events in it are one group, so that
 * snapshot and tail are what all events are. An event that `apply` throws on is not stored.
 *
 * What may fail beneath: a write may end without its outcome being known (`Unavailable`, or an
 * interruption). The same events again are then the same records with the same bytes, written once
 * more, and happen once. Other events are not written before it is known what became of the former:
 * an empty group of the owner makes sure that it cannot land any more, and a look tells. If it did
 * land, `state` has it, and whoever decided without it is told to decide anew. Records that are
 * missing or changed are `LogDamaged`.
 *
 * Does not promise to tell two of one owner apart: under one epoch an address is open once at a
 * time. What is opened anew makes sure of the writes of its former life first.
 */
import * as Effect from "effect/Effect"
import { type Address, formatAddress } from "../../protocols/address.ts"
import type { Json } from "../../protocols/canonical.ts"
import {
  Fenced,
  type Invalid,
  type InvariantBroken,
  LimitExceeded,
  type LogDamaged,
  Unavailable,
} from "../../protocols/errors.ts"
import {
  durableEventBytesMax,
  durableEventsPerPersistMax,
  durableEventsPerSnapshotDefault,
  durablePersistsAtOnceMax,
  durableTailBytesMax,
  stateValueBytesMax,
} from "../../protocols/limits.ts"
import { checkDurable, type DurableKind } from "./durable-kind.ts"
import { type Found, lookAtDurable } from "./durable-look.ts"
import { damaged, encodeRecord, eventPath, snapshotPath, valueOfRecord } from "./durable-record.ts"
import type { Ownership } from "./log.ts"
import type { ActorStateShape, StateBroken, StateEntry } from "./state.ts"

/** What keeps a state from being read. */
export type DurableUnread = Invalid | LogDamaged | InvariantBroken | StateBroken

/** What keeps events from being persisted. */
export type DurableUnwritten = Fenced | LimitExceeded | DurableUnread

/** The state as somebody sees it who does not own it. */
export interface DurableView<S> {
  readonly state: S
  /** Events in it. */
  readonly sequence: number
}

/** The state of an address, for the owner of the shard that it is on. */
export const openDurable = <S extends Json, E extends Json>(
  state: ActorStateShape,
  owner: Ownership,
  address: Address,
  kind: DurableKind<S, E>,
): Effect.Effect<Durable<S, E>, Fenced | DurableUnread> =>
  Effect.gen(function* () {
    yield* checkDurable(address, kind)
    const parts = { state, owner, address, kind }
    return new Durable(parts, yield* settledLook(parts))
  })

/** The state of an address as it is stored now, for anybody. */
export const readDurable = <S extends Json, E extends Json>(
  state: Pick<ActorStateShape, "read" | "list">,
  shard: number,
  address: Address,
  kind: DurableKind<S, E>,
): Effect.Effect<DurableView<S>, DurableUnread> =>
  Effect.gen(function* () {
    yield* checkDurable(address, kind)
    const { state: value, sequence } = yield* lookAtDurable(state, shard, address, kind)
    return { state: value, sequence }
  })

interface Parts<S extends Json, E extends Json> {
  readonly state: ActorStateShape
  readonly owner: Ownership
  readonly address: Address
  readonly kind: DurableKind<S, E>
}

/** A group that may be stored, and what is true once it is. */
interface Group<S> {
  readonly entries: readonly StateEntry[]
  readonly after: Found<S>
}

export class Durable<S extends Json, E extends Json> {
  readonly #parts: Parts<S, E>
  #found: Found<S>
  /** Handed to the port, and nothing known of its outcome. */
  #unknown: Group<S> | undefined
  #isPersisting = false

  /** Use `openDurable`. */
  constructor(parts: Parts<S, E>, found: Found<S>) {
    this.#parts = parts
    this.#found = found
  }

  /** As it is stored; of events whose outcome is unknown it has none. */
  get state(): S {
    return this.#found.state
  }

  /** Events in `state`. */
  get sequence(): number {
    return this.#found.sequence
  }

  /**
   * Stores events that were decided from `state`, all or none. One at a time: a second one would
   * have been decided from a state that is changing, and is refused (`LimitExceeded`). After
   * `Unavailable` the same events may be persisted again, with no other persist in between, and
   * happen once; or decide anew from `state`. No events make sure that nothing is unknown.
   */
  persist(events: readonly E[]): Effect.Effect<void, DurableUnwritten> {
    const ended = Effect.sync(() => {
      this.#isPersisting = false
    })
    return Effect.acquireUseRelease(
      this.#begin(events),
      (group) => this.#store(group),
      () => ended,
    )
  }

  #begin(events: readonly E[]): Effect.Effect<Group<S>, LimitExceeded | Invalid> {
    return Effect.suspend(() => {
      if (this.#isPersisting) {
        const atOnce = durablePersistsAtOnceMax
        return Effect.fail(tooMany("durablePersistsAtOnceMax", atOnce, atOnce + 1))
      }
      const group = this.#groupOf(events)
      if ("_tag" in group) return Effect.fail(group)
      this.#isPersisting = true
      return Effect.succeed(group)
    })
  }

  #store(group: Group<S>): Effect.Effect<void, DurableUnwritten> {
    const { state, owner } = this.#parts
    return Effect.gen({ self: this }, function* () {
      const isOther = this.#unknown !== undefined && !isSameGroup(this.#unknown, group)
      const hasMoved = isOther && (yield* this.#settle())
      if (group.entries.length === 0) return
      if (hasMoved) return yield* Effect.fail(decideAnew(this.#parts.address))
      this.#unknown = group
      yield* state.write(owner, group.entries)
      this.#unknown = undefined
      this.#found = group.after
    })
  }

  /** Finds out what became of the group that has no outcome: whether it was stored. */
  #settle(): Effect.Effect<boolean, DurableUnwritten> {
    const { address } = this.#parts
    return Effect.gen({ self: this }, function* () {
      const found = yield* settledLook(this.#parts)
      const before = this.#found.sequence
      if (found.sequence < before) {
        return yield* Effect.fail(damaged(address, before, "was stored, and is missing"))
      }
      this.#unknown = undefined
      this.#found = found
      return found.sequence > before
    })
  }

  #groupOf(events: readonly E[]): Group<S> | LimitExceeded | Invalid {
    if (events.length > durableEventsPerPersistMax) {
      return tooMany("durableEventsPerPersistMax", durableEventsPerPersistMax, events.length)
    }
    const { owner, address, kind } = this.#parts
    let { state, sequence, tailBytes } = this.#found
    const entries: StateEntry[] = []
    for (const event of events) {
      sequence++
      const encoded = this.#encoded(sequence, event)
      if (typeof encoded !== "string") return encoded
      const value = Buffer.from(encoded, "utf8")
      if (value.byteLength > durableEventBytesMax) {
        return tooMany("durableEventBytesMax", durableEventBytesMax, value.byteLength)
      }
      tailBytes += value.byteLength
      entries.push({ path: eventPath(address, sequence), value })
      // As it will be read, so that an owner that reads it later is where this one is now.
      state = kind.apply(state, valueOfRecord(encoded) as E)
    }
    const after = { ...this.#found, state, sequence, tailBytes, epoch: owner.epoch }
    const tailLength = sequence - after.snapshotSequence
    const most = kind.eventsPerSnapshotMax ?? durableEventsPerSnapshotDefault
    const isFull = tailLength >= most || tailBytes > durableTailBytesMax
    return isFull && entries.length > 0 ? this.#snapshotOf(after) : { entries, after }
  }

  /** A snapshot in place of all events before it, stored ones and new ones. */
  #snapshotOf({ state, sequence, epoch }: Found<S>): Group<S> | LimitExceeded | Invalid {
    const { address } = this.#parts
    const encoded = this.#encoded(sequence, state)
    if (typeof encoded !== "string") return encoded
    const value = Buffer.from(encoded, "utf8")
    if (value.byteLength > stateValueBytesMax) {
      return tooMany("stateValueBytesMax", stateValueBytesMax, value.byteLength)
    }
    const entries: StateEntry[] = [{ path: snapshotPath(address), value }]
    for (let at = this.#found.snapshotSequence + 1; at <= this.#found.sequence; at++) {
      entries.push({ path: eventPath(address, at), value: undefined })
    }
    const after = {
      state: valueOfRecord(encoded) as S,
      sequence,
      epoch,
      snapshotSequence: sequence,
      tailBytes: 0,
    }
    return { entries, after }
  }

  #encoded(sequence: number, value: Json): string | Invalid {
    const { owner, kind } = this.#parts
    return encodeRecord({ sequence, epoch: owner.epoch, version: kind.version, value })
  }
}

/** What is stored, once nothing that this owner wrote before can land any more. */
const settledLook = <S extends Json, E extends Json>(
  parts: Parts<S, E>,
): Effect.Effect<Found<S>, Fenced | DurableUnread> =>
  Effect.gen(function* () {
    const { state, owner, address, kind } = parts
    yield* Effect.catchTag(state.write(owner, []), "LimitExceeded", Effect.die)
    const found = yield* lookAtDurable(state, owner.shard, address, kind)
    if (found.epoch > owner.epoch) return yield* Effect.fail(fencedBy(owner, found.epoch))
    return found
  })

const fencedBy = (owner: Ownership, current: number): Fenced =>
  new Fenced({
    ...owner,
    current,
    message: `Shard ${owner.shard} was written under epoch ${current}, and not ${owner.epoch}.`,
  })

function isSameGroup<S>(a: Group<S>, b: Group<S>): boolean {
  if (a.entries.length !== b.entries.length) return false
  return a.entries.every(({ path, value }, i) => {
    const other = b.entries[i]
    if (other?.path.at(-1) !== path.at(-1)) return false
    if (value === undefined || other?.value === undefined) return value === other?.value
    return Buffer.compare(value, other.value) === 0
  })
}

const decideAnew = (address: Address): Unavailable =>
  new Unavailable({
    message: `What ${formatAddress(address)} wrote before was stored after all, so this was not.`,
    retryAfterMillis: 0,
    next: "Decide anew from the state as it is now.",
  })

const tooMany = (limit: string, bound: number, value: number): LimitExceeded =>
  new LimitExceeded({
    limit,
    bound,
    value,
    message: `What an actor persists has ${limit} ${value}, and ${bound} is the most.`,
  })
