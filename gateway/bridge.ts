/**
 * The one place of the edge where effects are run. An effect that completes at once gives its
 * value, not a promise, so that reads of the embedded store cost no turn of the event loop per
 * field.
 */

import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

/** What has not come after `millis` is interrupted, and fails with `late`. */
export interface Deadline {
  readonly millis: number
  readonly late: () => Error
}

/** Throws (or rejects with) the effect's typed error, or its defect. */
export function run<A, E>(effect: Effect.Effect<A, E>, deadline?: Deadline): A | Promise<A> {
  const fiber = Effect.runFork(effect)
  const exit = fiber.pollUnsafe()
  return exit === undefined ? wait(fiber, deadline) : settled(exit)
}

const wait = <A, E>(fiber: Fiber.Fiber<A, E>, deadline: Deadline | undefined): Promise<A> =>
  new Promise((resolve, reject) => {
    let late: Error | undefined
    const giveUp = () => {
      late = deadline?.late()
      fiber.interruptUnsafe()
    }
    const timer = deadline === undefined ? undefined : setTimeout(giveUp, deadline.millis)
    fiber.addObserver((exit) => {
      clearTimeout(timer)
      if (Exit.isSuccess(exit)) resolve(exit.value)
      else reject(late ?? Cause.squash(exit.cause))
    })
  })

function settled<A, E>(exit: Exit.Exit<A, E>): A {
  if (Exit.isSuccess(exit)) return exit.value
  throw Cause.squash(exit.cause)
}

export const isPromise = <A>(value: A | Promise<A>): value is Promise<A> =>
  typeof value === "object" && value !== null && "then" in value

/** `then`, at once where the value is there. */
export const andThen = <A, B>(value: A | Promise<A>, next: (value: A) => B): B | Promise<B> =>
  isPromise(value) ? value.then(next) : next(value)
