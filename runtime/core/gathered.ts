/**
 * A read that all share who ask for it while the one before is under way.
 *
 * Promises: what anybody is told was read after they had asked. Where it fails, it fails for all
 * who share it; where whoever reads is interrupted, the others read anew. Of many shards that are
 * opened at once each needs the cursors of its sink as they are after its own guard.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"

/** What came of a read; `undefined` where it was interrupted. */
type Outcome<A, E> = Exit.Exit<A, E> | undefined

export function gathered<A, E>(read: Effect.Effect<A, E>): Effect.Effect<A, E> {
  const turn = Semaphore.makeUnsafe(1)
  let next: Deferred.Deferred<Outcome<A, E>> | undefined
  const readFor = (
    those: Deferred.Deferred<Outcome<A, E>>,
    restore: typeof Effect.interruptible,
  ): Effect.Effect<void> => {
    const begun = Effect.suspend(() => {
      if (next === those) next = undefined
      return Effect.exit(read)
    })
    const told = (outcome: Outcome<A, E>) =>
      Effect.sync(() => {
        if (next === those) next = undefined
        Deferred.doneUnsafe(those, Effect.succeed(outcome))
      })
    return restore(turn.withPermits(1)(begun)).pipe(
      Effect.flatMap(told),
      Effect.onInterrupt(() => told(undefined)),
    )
  }
  // Nobody is interrupted between being the one who reads and having to tell the others.
  const once = Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const shared = next
      if (shared !== undefined) return restore(Deferred.await(shared))
      const own = Deferred.makeUnsafe<Outcome<A, E>>()
      next = own
      return Effect.andThen(readFor(own, restore), Deferred.await(own))
    }),
  )
  const ask: Effect.Effect<A, E> = Effect.flatMap(once, (outcome) => outcome ?? ask)
  return ask
}
