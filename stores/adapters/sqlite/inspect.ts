/** What a person who looks after a store wants to know of it; changes nothing. */
import * as Effect from "effect/Effect"
import type { Cursor, StoreBroken } from "../../graph/port.ts"
import { cursorsOf } from "./cursors.ts"
import { storeError } from "./failure.ts"
import { ReadStore } from "./read-store.ts"

export interface GraphInspection {
  /** The log whose sequences the cursors count; `undefined` before the first node. */
  readonly logId: string | undefined
  readonly cursors: readonly Cursor[]
}

export const inspectGraph = (path: string): Effect.Effect<GraphInspection, StoreBroken> =>
  Effect.try({
    try: () => {
      const store = new ReadStore(path)
      try {
        const logId = store
          .query<[value: string]>("SELECT value FROM meta WHERE name = 'log'")
          .get()?.[0]
        return { logId, cursors: cursorsOf(store, undefined) }
      } finally {
        store.close()
      }
    },
    catch: (cause) => storeError(cause, path),
  })
