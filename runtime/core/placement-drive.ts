/**
 * Runs the keeper of a node's shards over its ports: asks the register what the keeper wants to
 * know, opens and closes shards as it says, and tells it what came of that and when.
 *
 * Promises: for one shard one opening or closing at a time; a close ends after `closeMillisMax`
 * whatever the work does. What may fail beneath: everything the ports may; it is told to the
 * keeper, which decides. Two things end it: a register that cannot be read (`StoreFailed`), and
 * another process of this node's name (`Conflict`). With the scope all ends at once: what was held
 * is free when its leases vanish. `leave`, awaited, gives it back before.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { Conflict, type StoreFailed } from "../../protocols/errors.ts"
import {
  closeMillisMax,
  leaseMillis,
  registerMillisMax,
  registerRetryMillis,
} from "../../protocols/limits.ts"
import type { Host } from "./host.ts"
import type { TakeoverFailed } from "./placement.ts"
import type { ClaimRequest } from "./placement-claim.ts"
import { ShardKeeper } from "./placement-keeper.ts"
import type { Register, Who } from "./placement-register.ts"
import type { KeeperCommand, KeeperInput, KeeperView, Order } from "./placement-talk.ts"

/** What a node does with a shard that it holds the lease of. */
export interface ShardWork {
  /**
   * Takes the shard over and starts its actors; answers the epoch. Where it fails or is
   * interrupted, nothing of it is left running.
   */
  readonly open: (shard: number) => Effect.Effect<number, TakeoverFailed>
  /**
   * Stops the shard's actors, where any are. `given`: what is under way may finish before. `lost`:
   * at once.
   */
  readonly close: (shard: number, why: "given" | "lost") => Effect.Effect<void>
  /** Somebody waits for this shard's actors: it is opened before others. */
  readonly isNeeded?: (shard: number) => boolean
}

export interface PlacementOptions extends Who {
  /** The part of the shards that this node takes goes by it. */
  readonly weight: number
  readonly register: Register
  readonly work: ShardWork
  readonly host: Pick<Host, "nowMillis" | "after">
}

export interface RunningPlacement {
  readonly order: (order: Order) => void
  /** A write under this epoch was refused: the shard is closed, and taken again if it still may. */
  readonly fenced: (shard: number, epoch: number) => void
  /**
   * What was found under this epoch lets no owner go on: the shard is closed, taken once more, and
   * stays closed where that is found again.
   */
  readonly damaged: (shard: number, epoch: number) => void
  readonly view: () => KeeperView
  /** A drain, or a leave, has ended. */
  readonly left: Effect.Effect<void>
  /** Placement cannot go on. */
  readonly failed: Effect.Effect<Conflict | StoreFailed>
}

/** Begins to take part. Ends with the scope. */
export const runPlacement: (
  options: PlacementOptions,
) => Effect.Effect<RunningPlacement, never, Scope.Scope> = Effect.fn("runtime.runPlacement")(
  function* (options) {
    const fork = yield* FiberSet.makeRuntime<never, void>()
    const left = yield* Deferred.make<void>()
    const failure = yield* Deferred.make<Conflict | StoreFailed>()
    const driver = new Driver(options, {
      fork,
      left: () => Deferred.doneUnsafe(left, Effect.void),
      fail: (error) => Deferred.doneUnsafe(failure, Effect.succeed(error)),
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => driver.stop()))
    driver.start()
    return {
      order: (order) => driver.tell({ kind: "order", order }),
      fenced: (shard, epoch) => driver.tell({ kind: "fenced", shard, epoch }),
      damaged: (shard, epoch) => driver.tell({ kind: "damaged", shard, epoch }),
      view: () => driver.view(),
      left: Deferred.await(left),
      failed: Deferred.await(failure),
    }
  },
)

interface Ends {
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly left: () => void
  readonly fail: (error: Conflict | StoreFailed) => void
}

class Driver {
  readonly #options: PlacementOptions
  readonly #ends: Ends
  readonly #keeper: ShardKeeper
  readonly #opening = new Map<number, Fiber.Fiber<void>>()
  #inputs: KeeperInput[] = []
  #isStopped = false
  #cancel: () => void = () => undefined

  constructor(options: PlacementOptions, ends: Ends) {
    this.#options = options
    this.#ends = ends
    const { node, incarnation, weight, work, register } = options
    const { isNeeded } = work
    const isSteady = register.isSteady?.() ?? true
    this.#keeper = new ShardKeeper({ node, incarnation }, weight, { isNeeded, isSteady })
  }

  start(): void {
    this.#ends.fork(this.#watch())
    this.tell({ kind: "time" })
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  view(): KeeperView {
    return this.#keeper.view()
  }

  /** One input after the other, also where doing what was said brings the next. */
  tell(input: KeeperInput): void {
    this.#inputs.push(input)
    if (this.#inputs.length > 1) return
    const { host } = this.#options
    for (let at = 0; at < this.#inputs.length && !this.#isStopped; at++) {
      const next = this.#inputs[at]
      if (next === undefined) continue
      for (const command of this.#keeper.on(next, host.nowMillis())) this.#do(command)
    }
    this.#inputs = []
    this.#setTimer()
  }

  #setTimer(): void {
    const { host } = this.#options
    const { wakeAtMillis } = this.#keeper
    this.#cancel()
    if (this.#isStopped || wakeAtMillis === Number.POSITIVE_INFINITY) return
    const millis = Math.max(0, wakeAtMillis - host.nowMillis())
    this.#cancel = host.after(millis, () => this.tell({ kind: "time" }))
  }

  #do(command: KeeperCommand): void {
    switch (command.kind) {
      case "put":
      case "remove":
        this.#ends.fork(this.#ask(command))
        return
      case "open":
        this.#opening.set(command.shard, this.#ends.fork(this.#open(command.shard)))
        return
      case "close":
        this.#ends.fork(this.#close(command.shard, command.why))
        return
      case "name-taken":
        this.#ends.fail(this.#nameTaken())
        return
      case "left":
        this.stop()
        this.#ends.left()
    }
  }

  /** One watch after the other, each from the beginning. */
  #watch(): Effect.Effect<void> {
    const { register } = this.#options
    const watch = register.watch((news) => this.tell({ kind: "news", news }))
    return watch.pipe(
      Effect.catchTag("Unavailable", () => Effect.sleep(registerRetryMillis)),
      Effect.forever,
      Effect.catch((error) => Effect.sync(() => this.#ends.fail(error))),
    )
  }

  #ask(request: ClaimRequest): Effect.Effect<void> {
    const { register } = this.#options
    const asked =
      request.kind === "put"
        ? register.put(request.entry, request.expected, leaseMillis)
        : register.remove(request.place, request.expected)
    return asked.pipe(
      Effect.timeout(registerMillisMax),
      Effect.catch(() => Effect.succeed({ kind: "unknown" } as const)),
      Effect.map((answer) => this.tell({ kind: "answer", request: request.request, answer })),
    )
  }

  #open(shard: number): Effect.Effect<void> {
    const opened = this.#options.work.open(shard).pipe(
      Effect.map((epoch): KeeperInput => ({ kind: "opened", shard, epoch })),
      Effect.catch(({ _tag }) => {
        const lasting = _tag === "LogDamaged"
        return Effect.succeed<KeeperInput>({ kind: "not-opened", shard, lasting })
      }),
    )
    // Not before this fiber is known as the one that opens.
    return Effect.andThen(Effect.yieldNow, opened).pipe(
      Effect.flatMap((input) => Effect.sync(() => this.#opened(shard, input))),
    )
  }

  #opened(shard: number, input: KeeperInput): void {
    this.#opening.delete(shard)
    this.tell(input)
  }

  #close(shard: number, why: "given" | "lost"): Effect.Effect<void> {
    const opening = this.#opening.get(shard)
    this.#opening.delete(shard)
    const ended = opening === undefined ? Effect.void : Fiber.interrupt(opening)
    return Effect.andThen(ended, this.#options.work.close(shard, why)).pipe(
      Effect.timeoutOption(closeMillisMax),
      Effect.map(() => this.tell({ kind: "closed", shard })),
    )
  }

  #nameTaken(): Conflict {
    const { node } = this.#options
    return new Conflict({
      message: `Another process takes part as node ${node}.`,
      next: "Stop the other process, or give this node another name.",
    })
  }
}
