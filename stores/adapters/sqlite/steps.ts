/**
 * Long reads: in a snapshot of their own, on a connection of their own, and in steps, between which
 * others run.
 */
import * as Effect from "effect/Effect"
import type { Invalid, LimitExceeded } from "../../../protocols/errors.ts"
import type { StoreBroken } from "../../graph/port.ts"
import { ReadStore, readError } from "./read-store.ts"

/** What `read` returns; it lets others run wherever it yields. */
export const readInSteps = <A>(
  path: string,
  read: (store: ReadStore) => Generator<void, A>,
): Effect.Effect<A, Invalid | LimitExceeded | StoreBroken> =>
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

const toEnd = <A>(
  path: string,
  steps: Generator<void, A>,
): Effect.Effect<A, Invalid | LimitExceeded | StoreBroken> =>
  Effect.flatMap(
    attempt(path, () => steps.next()),
    (step) =>
      step.done === true
        ? Effect.succeed(step.value)
        : Effect.flatMap(Effect.yieldNow, () => toEnd(path, steps)),
  )

const attempt = <A>(path: string, use: () => A) =>
  Effect.try({ try: use, catch: (cause) => readError(cause, path) })
