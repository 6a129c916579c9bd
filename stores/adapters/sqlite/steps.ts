/**
 * Long reads: in a snapshot of their own, on a connection of their own, and in steps, between which
 * others run.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { type Invalid, type LimitExceeded, Unavailable } from "../../../protocols/errors.ts"
import { longReadsWaitingMax, retryMillisMax } from "../../../protocols/limits.ts"
import type { StoreBroken } from "../../graph/port.ts"
import { ReadStore, readError } from "./read-store.ts"

type Failure = Invalid | LimitExceeded | StoreBroken

/** What `read` returns; it lets others run wherever it yields. */
export type ReadInSteps = <A>(
  read: (store: ReadStore) => Generator<void, A>,
) => Effect.Effect<A, Failure>

/**
 * Long reads of one file, one after the other: each holds on to what it looks up, and while any
 * snapshot is open the write-ahead log cannot begin anew.
 */
export function longReads(path: string): ReadInSteps {
  const turn = Semaphore.makeUnsafe(1)
  let asked = 0
  return (read) =>
    Effect.suspend(() => {
      if (asked > longReadsWaitingMax) return Effect.fail(tooMany())
      asked++
      return turn.withPermit(readInSteps(path, read)).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            asked--
          }),
        ),
      )
    })
}

const tooMany = () =>
  new Unavailable({
    message: `${longReadsWaitingMax} long reads (rankings, hashes) wait already.`,
    retryAfterMillis: retryMillisMax,
  })

const readInSteps = <A>(
  path: string,
  read: (store: ReadStore) => Generator<void, A>,
): Effect.Effect<A, Failure> =>
  Effect.acquireUseRelease(
    attempt(path, () => {
      const store = new ReadStore(path)
      store.hold()
      return store
    }),
    (store) =>
      Effect.flatMap(
        attempt(path, () => read(store)),
        (steps) => toEnd(path, steps),
      ),
    (store) => Effect.sync(() => store.close()),
  )

const toEnd = <A>(path: string, steps: Generator<void, A>): Effect.Effect<A, Failure> =>
  Effect.flatMap(
    attempt(path, () => steps.next()),
    (step) =>
      step.done === true
        ? Effect.succeed(step.value)
        : Effect.flatMap(Effect.yieldNow, () => toEnd(path, steps)),
  )

const attempt = <A>(path: string, use: () => A) =>
  Effect.try({ try: use, catch: (cause) => readError(cause, path) })
