/**
 * What one incarnation of a connector does later: each step is a message to itself, so the actor
 * does one thing at a time. The next incarnation knows nothing of the steps of this one.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { type IntelGraphError, Unavailable } from "../protocols/errors.ts"
import { lookMillisMax, retryMillisMax } from "../protocols/limits.ts"
import type { ActorContext } from "../runtime/index.ts"
import type { ConnectorMessage } from "./messages.ts"
import { errorOf } from "./shard.ts"

type Step = Extract<ConnectorMessage, { readonly kind: "step" }>

export class Steps {
  readonly #context: ActorContext<ConnectorMessage>
  readonly #fail: (error: IntelGraphError) => void

  /** `fail` ends the node. */
  constructor(context: ActorContext<ConnectorMessage>, fail: (error: IntelGraphError) => void) {
    this.#context = context
    this.#fail = fail
  }

  /** As a message to the connector. */
  message(step: () => void): Step {
    return { kind: "step", of: this, step }
  }

  /** Does what one of its messages says. */
  take({ of, step }: Step): void {
    if (of === this) step()
  }

  /** When the timer of this name runs out, once or again and again. */
  after(name: string, millis: number, step: () => void, { repeat = false } = {}): void {
    this.#context.startTimer(name, millis, this.message(step), { repeat })
  }

  /** Runs `effect` beside the actor and goes on with what became of it. */
  pipe<A, E>(effect: Effect.Effect<A, E>, then: (exit: Exit.Exit<A, E>) => void): void {
    this.#context.pipe(effect, (exit) => this.message(() => then(exit)))
  }

  /** Goes on with what was opened, which stays open as long as this incarnation lives. */
  hold<A>(
    open: Effect.Effect<A, IntelGraphError, Scope.Scope>,
    then: (value: A) => void,
    failed: (error: IntelGraphError) => void,
  ): void {
    const tell = (value: A) =>
      Effect.sync(() =>
        this.#context.self.tell(
          this.message(() => then(value)),
          "control",
        ),
      )
    // Beside the actor, it never ends by itself.
    const held = open.pipe(Effect.tap(tell), Effect.andThen(Effect.never), Effect.scoped)
    this.pipe(held, (exit) => {
      if (Exit.isFailure(exit)) failed(errorOf(exit.cause))
    })
  }

  /** Goes on with the value; tries again while unavailable, else ends the node. */
  whenDone<A>(effect: Effect.Effect<A, IntelGraphError>, then: (value: A) => void): void {
    this.pipe(effect, (exit) => {
      if (Exit.isSuccess(exit)) return then(exit.value)
      const error = errorOf(exit.cause)
      if (error._tag !== "Unavailable") return this.#fail(error)
      this.pipe(Effect.sleep(retryMillisMax), () => this.whenDone(effect, then))
    })
  }

  /** As `whenDone`, of what only reads: what is not answered in time is asked again. */
  whenTold<A>(read: Effect.Effect<A, IntelGraphError>, then: (value: A) => void): void {
    const duration = lookMillisMax
    this.whenDone(Effect.timeoutOrElse(read, { duration, orElse: silent }), then)
  }
}

const silent = () =>
  Effect.fail(
    new Unavailable({
      message: `The store has not answered for ${lookMillisMax / 1_000} s.`,
      retryAfterMillis: retryMillisMax,
    }),
  )
