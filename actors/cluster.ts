/**
 * How a node takes part in a cluster: opens and closes shards one by one, as placement says.
 *
 * Promises: a shard's actors run between the end of its takeover and its close; what a takeover
 * that failed or was interrupted began is undone by the close that follows, or by itself. A node
 * whose graph is not the one that the log has fed does not join.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { constant } from "effect/Function"
import type * as Scope from "effect/Scope"
import type { IntelGraphError } from "../protocols/errors.ts"
import { leaveMillisMax } from "../protocols/limits.ts"
import {
  type ActorRef,
  type Guarded,
  gathered,
  type Host,
  type Peers,
  type Register,
  type RunningPlacement,
  runPlacement,
  type ShardWork,
  type TakeoverFailed,
  takeOver,
  type Who,
} from "../runtime/index.ts"
import type { RootMessage } from "./root.ts"
import { openShards, otherGraph, type PulledBytes } from "./shard-memory.ts"
import type { World } from "./world.ts"

/**
 * `failed`: it is tried again here or elsewhere, unless the error is `LogDamaged`. `damaged`: it is
 * taken over once more, and waits for a person where the same is found again.
 */
export type ShardEvent =
  | {
      readonly event: "opened"
      readonly shard: number
      readonly epoch: number
      /** How long each step of the takeover took. */
      readonly millis: Readonly<Record<string, number>>
    }
  | { readonly event: "failed"; readonly shard: number; readonly error: TakeoverFailed }
  | { readonly event: "damaged"; readonly shard: number; readonly error: IntelGraphError }
  | { readonly event: "closed"; readonly shard: number; readonly why: "given" | "lost" }

/** Among which nodes, and as which of them. */
export interface Membership extends Who {
  readonly register: Register
  /** The part of the shards that this node takes goes by it. */
  readonly weight: number
  /** Its way to the others. Without one it takes writes whose source and receipts it has. */
  readonly peers?: Peers | undefined
}

interface ClusterParts {
  readonly world: World
  readonly root: ActorRef<RootMessage>
  readonly pulled: PulledBytes
  readonly cluster: Membership
  readonly onEvent: (event: ShardEvent) => void
}

/** Begins to take part. With the scope's end it goes, and others may take its shards at once. */
export const joinCluster = (
  parts: ClusterParts,
): Effect.Effect<RunningPlacement, IntelGraphError, Scope.Scope> =>
  Effect.gen(function* () {
    const { world, cluster } = parts
    const { host } = world.ports
    yield* checkGraph(world)
    const placement = yield* runPlacement({ ...cluster, work: workOf(parts), host })
    yield* Effect.addFinalizer(() => {
      placement.order("leave")
      return Effect.ignore(Effect.timeout(placement.left, leaveMillisMax))
    })
    yield* Effect.forkScoped(Effect.map(placement.failed, (error) => world.fail(error)))
    return placement
  })

function workOf({ world, root, pulled, onEvent }: ClusterParts): ShardWork {
  const { log, state, sink, host } = world.ports
  const { mailboxes } = world
  // Those of all shards are read at once: whoever opens many shares it.
  const sinks = (sink.each ?? [sink]).map(
    (one): Guarded => ({
      guard: (logId, guards) => one.guard(logId, guards),
      cursors: constant(gathered(one.cursors())),
    }),
  )
  return {
    isNeeded: (shard) => world.isNeeded(shard),
    open: (shard) =>
      Effect.gen(function* () {
        const laps = new Laps(host)
        const onStep = (step: string) => laps.done(step)
        const taken = yield* takeOver({ log, state, sinks, shards: [shard], onStep })
        const memories = yield* openShards(taken, state, { mailboxes, pulled })
        laps.done("parked")
        const [owner, memory] = [taken.owners[0], memories.get(shard)]
        if (owner === undefined || memory === undefined) return yield* Effect.die(shard)
        yield* toRoot(root, (done) => ({ kind: "open", shard: { owner, memory }, done }))
        // What is parked comes from no log: nothing else tells of a tenant that another node made.
        for (const { partition } of memory.lanes.values()) world.unknownTenant(partition.tenant)
        laps.done("actors")
        onEvent({ event: "opened", ...owner, millis: laps.millis })
        return owner.epoch
      }).pipe(
        Effect.onInterrupt(() => Effect.sync(() => mailboxes.disowns(shard))),
        Effect.tapError((error) =>
          Effect.sync(() => {
            mailboxes.disowns(shard)
            onEvent({ event: "failed", shard, error })
          }),
        ),
      ),
    close: (shard, why) =>
      Effect.andThen(
        toRoot(root, (done) => ({ kind: "close", shard, done })),
        Effect.sync(() => {
          mailboxes.disowns(shard)
          onEvent({ event: "closed", shard, why })
        }),
      ),
  }
}

/** How long each of several steps took that came one after the other. */
class Laps {
  readonly #host: Pick<Host, "nowMillis">
  readonly #millis = new Map<string, number>()
  #atMillis: number

  constructor(host: Pick<Host, "nowMillis">) {
    this.#host = host
    this.#atMillis = host.nowMillis()
  }

  done(step: string): void {
    const now = this.#host.nowMillis()
    this.#millis.set(step, (this.#millis.get(step) ?? 0) + now - this.#atMillis)
    this.#atMillis = now
  }

  get millis(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#millis].map(([step, of]) => [step, Math.round(of)]))
  }
}

/** Tells the root, and waits until it is done. */
const toRoot = (root: ActorRef<RootMessage>, message: (done: () => void) => RootMessage) =>
  Effect.gen(function* () {
    const done = yield* Deferred.make<void>()
    const told = root.offer(message(() => Deferred.doneUnsafe(done, Effect.void)))
    // A root that takes nothing any more ends the node.
    yield* Effect.ignore(told)
    yield* Deferred.await(done)
  })

/**
 * The log gives up a block once every sink has it, or it is parked. A graph that knows of none of
 * the partitions that the log has carried is not its graph: every shard would be found damaged.
 */
const checkGraph = Effect.fnUntraced(function* ({ ports: { log, sink } }: World) {
  yield* sink.guard(log.id, [])
  const tails = yield* log.tails
  const given = tails.find(({ lastSequence, pending }) => lastSequence > 0 && pending === 0)
  if (given === undefined) return
  const cursors = yield* sink.cursors()
  if (cursors.length > 0) return
  return yield* otherGraph(`${given.tenant}/${given.partition}`, given.lastSequence, 0)
})
