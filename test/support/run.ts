/** The tests' way into Effect: the only place in `test/` that runs one. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { onTestFinished } from "vitest"

export const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)

export const runExit = <A, E>(effect: Effect.Effect<A, E>): Promise<Exit.Exit<A, E>> =>
  Effect.runPromiseExit(effect)

export const runSync = <A, E>(effect: Effect.Effect<A, E>): A => Effect.runSync(effect)

/** Runs with a scope that closes when the test has finished. */
export const runScoped = async <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> => {
  const scope = Effect.runSync(Scope.make())
  onTestFinished(() => Effect.runPromise(Scope.close(scope, succeeded)))
  return Effect.runPromise(Scope.provide(effect, scope))
}

const succeeded = Effect.runSync(Effect.exit(Effect.void))
