/**
 * Which shards this node owns, and how it takes and gives them up. The order of a takeover is
 * decided by `Takeover`; this drives it over the ports. A cluster brings another `Lease`; one node
 * has them all.
 */
import * as Effect from "effect/Effect"
import { shardOf } from "../../protocols/address.ts"
import type {
  DiskFull,
  Fenced,
  LogDamaged,
  StoreFailed,
  Unavailable,
} from "../../protocols/errors.ts"
import type { LogBroken, MessageLogShape, Ownership } from "./log.ts"
import type { ActorStateShape } from "./state.ts"
import {
  type SinkCursor,
  type Taken,
  Takeover,
  type TakeoverAnswer,
  type TakeoverStep,
} from "./takeover.ts"

/** What of a sink a takeover needs. */
export interface Guarded {
  readonly guard: (
    logId: string,
    guards: readonly Ownership[],
  ) => Effect.Effect<void, Fenced | LogDamaged | StoreFailed | DiskFull | Unavailable>
  readonly cursors: () => Effect.Effect<readonly SinkCursor[], StoreFailed | DiskFull | Unavailable>
}

/** Who may try to own a shard, among nodes that know of each other. */
export interface Lease {
  /** Of these shards the ones that this node may take now. */
  readonly acquire: (shards: readonly number[]) => Effect.Effect<readonly number[], Unavailable>
  /** Others may take them at once. */
  readonly release: (shards: readonly number[]) => Effect.Effect<void, Unavailable>
}

/** The lease of a node that is alone: the lock on its data directory stands for it. */
export const soleLease: Lease = {
  acquire: (shards) => Effect.succeed(shards),
  release: () => Effect.void,
}

export interface Placement {
  readonly log: Pick<MessageLogShape, "id" | "announce" | "open" | "tailsOf">
  readonly state: Pick<ActorStateShape, "claim">
  readonly sinks: readonly Guarded[]
  readonly shards: readonly number[]
  readonly lease?: Lease
  /** Told of each step that is done, so that it can be seen where the time goes. */
  readonly onStep?: (step: TakeoverStep["kind"]) => void
}

export type TakeoverFailed = Fenced | LogBroken

/**
 * Takes the shards over, in the order of contracts §6. `LogDamaged` where a cursor passes the log.
 */
export const takeOver: (placement: Placement) => Effect.Effect<Taken, TakeoverFailed> = Effect.fn(
  "runtime.takeOver",
)(function* (placement) {
  const takeover = new Takeover(placement.shards, placement.sinks.length)
  while (true) {
    const { step } = takeover
    if (step.kind === "owned") return step.taken
    if (step.kind === "refused") return yield* step.error
    takeover.answer(yield* perform(placement, takeover))
    placement.onStep?.(step.kind)
  }
})

/** Gives shards up. Their actors have stopped: nothing pulls or commits for them any more. */
export const giveUp = (placement: Placement): Effect.Effect<void, Unavailable> =>
  (placement.lease ?? soleLease).release(placement.shards)

function perform(
  { log, state, sinks, shards: wanted, lease = soleLease }: Placement,
  { step }: Takeover,
): Effect.Effect<TakeoverAnswer, TakeoverFailed> {
  switch (step.kind) {
    case "lease":
      return Effect.map(lease.acquire(step.shards), (shards) => ({ kind: "leased", shards }))
    case "claim":
      return Effect.gen(function* () {
        const owners = yield* state.claim(step.shards)
        yield* Effect.forEach(owners, log.announce, { discard: true })
        return { kind: "claimed", owners }
      })
    case "guard": {
      const guard = sinks[step.sink]?.guard(log.id, step.owners) ?? Effect.void
      return Effect.as(guard, { kind: "guarded" })
    }
    case "read-cursors": {
      const read = sinks[step.sink]?.cursors() ?? Effect.succeed([])
      // A sink tells those of all: what others own moves on, and is held against nothing here.
      return Effect.map(read, (all) => {
        const cursors = all.filter((at) => wanted.includes(shardOf(at.tenant, at.partition)))
        return { kind: "cursors", cursors }
      })
    }
    case "read-tails": {
      const read = Effect.forEach(wanted, log.tailsOf, { concurrency: "unbounded" })
      return Effect.map(read, (tails) => ({ kind: "tails", tails: tails.flat() }))
    }
    case "open": {
      // All at once: the log may make one transaction of them.
      const opened = Effect.forEach(step.owners, log.open, { concurrency: "unbounded" })
      return Effect.map(opened, (tails) => ({ kind: "opened", tails: tails.flat() }))
    }
    default:
      return Effect.die(step)
  }
}
