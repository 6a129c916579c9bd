/** The tests' way into Effect: the only place in `test/` that runs one. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

export const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)

export const runExit = <A, E>(effect: Effect.Effect<A, E>): Promise<Exit.Exit<A, E>> =>
  Effect.runPromiseExit(effect)

export const runSync = <A, E>(effect: Effect.Effect<A, E>): A => Effect.runSync(effect)

/** Runs in a scope that the caller closes. */
export const openScope = (): Scope.Closeable => Effect.runSync(Scope.make())

export const closeScope = (scope: Scope.Closeable): Promise<void> =>
  Effect.runPromise(Effect.flatMap(Effect.exit(Effect.void), (exit) => Scope.close(scope, exit)))
