/** Writes as the edge asks for them: who waits for a receipt when the edge ends gets it then. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { WritesShape } from "../../actors/index.ts"

export interface EndingWrites {
  /** Missing where nothing is written. */
  readonly writes: WritesShape | undefined
  /** Receipts are answered as they stand, from now on. */
  readonly end: () => void
}

export function endingWrites(writes: WritesShape | undefined): EndingWrites {
  const ended = Deferred.makeUnsafe<void>()
  const end = () => {
    Deferred.doneUnsafe(ended, Effect.void)
  }
  return { writes: writes === undefined ? undefined : until(ended, writes), end }
}

const until = (ended: Deferred.Deferred<void>, writes: WritesShape): WritesShape => ({
  receive: (tenant) => writes.receive(tenant),
  take: (request, arrived) => writes.take(request, arrived),
  receipt: (tenant, key, waitMillis) => {
    const now = writes.receipt(tenant, key, 0)
    if (waitMillis <= 0) return now
    const atTheEnd = Effect.andThen(Deferred.await(ended), now)
    return Effect.raceFirst(writes.receipt(tenant, key, waitMillis), atTheEnd)
  },
})
