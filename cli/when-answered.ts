/**
 * What a node opens and asks when it starts, where its servers may be on their way themselves:
 * machines and containers come up in any order. A server that does not answer is asked again for a
 * bounded time; one that refuses, or is not as it has to be, is not.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type IntelGraphError, Unavailable } from "../protocols/errors.ts"
import { retryMillisMax } from "../protocols/limits.ts"
import type { Io } from "./io.ts"

export interface Patience {
  readonly millisMax: number
  readonly io: Pick<Io, "tell" | "interrupted">
}

/** Opens, and opens again while unavailable; without patience once. Says for what it waits. */
export const whenAnswered =
  (patience: Patience | undefined) =>
  <A>(
    open: Effect.Effect<A, IntelGraphError, Scope.Scope>,
  ): Effect.Effect<A, IntelGraphError, Scope.Scope> =>
    patience === undefined
      ? open
      : Effect.suspend(() => {
          const { attempt, ended } = waiting(inOwnScope(open), patience)
          return Effect.raceFirst(attempt, ended(notAnswered))
        })

/**
 * Asks, and asks again while unavailable; without patience once. The first time is asked in any
 * case, and only further ones end where somebody wants to end.
 */
export const answered =
  (patience: Patience | undefined) =>
  <A>(ask: Effect.Effect<A, IntelGraphError>): Effect.Effect<A, IntelGraphError> =>
    patience === undefined
      ? ask
      : Effect.catchTag(ask, "Unavailable", (error) => {
          const { later, ended } = waiting(ask, patience)
          // Whoever wanted to end before is not told that anything is waited for.
          return Effect.raceFirst(ended(error), later(error))
        })

/** For several that wait at once, for the same: each reason is told once. */
export function sharedPatience({ millisMax, io }: Patience): Patience {
  let last = ""
  const tell = (line: string) => {
    if (line !== last) io.tell(line)
    last = line
  }
  return { millisMax, io: { tell, interrupted: io.interrupted } }
}

/** Waits for no attempt that would begin after `millisMax`; one that has begun ends as it does. */
function waiting<A, R>(open: Effect.Effect<A, IntelGraphError, R>, { millisMax, io }: Patience) {
  const until = performance.now() + millisMax
  let last: IntelGraphError | undefined
  const tell = (error: IntelGraphError) => {
    const { message } = error
    if (message !== last?.message) {
      io.tell(`intelgraph: ${message} It is asked again, for up to ${millisMax / 1_000} s.`)
    }
    last = error
  }
  /** After a while, because of this. */
  const later = (error: IntelGraphError): Effect.Effect<A, IntelGraphError, R> =>
    Effect.suspend(() => {
      if (performance.now() + retryMillisMax > until) return Effect.fail(error)
      tell(error)
      return Effect.andThen(Effect.sleep(retryMillisMax), attempt)
    })
  const attempt = Effect.catchTag(open, "Unavailable", later)
  /** Fails when somebody wants to end: as the last attempt did, or as told. */
  const ended = (first: IntelGraphError) =>
    Effect.flatMap(io.interrupted, () => Effect.fail(last ?? first))
  return { attempt, later, ended }
}

const notAnswered = new Unavailable({
  message: "The start was interrupted before its servers answered.",
  retryAfterMillis: retryMillisMax,
})

/** Nothing of an attempt that failed stays open. */
const inOwnScope = <A, E>(open: Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function* () {
    const own = yield* Scope.fork(yield* Effect.scope)
    return yield* Scope.provide(open, own).pipe(
      Effect.onError((cause) => Scope.close(own, Exit.failCause(cause))),
    )
  })
