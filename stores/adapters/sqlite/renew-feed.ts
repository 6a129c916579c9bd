/** What a copy of a store needs before it goes its own way. */
import { randomBytes } from "node:crypto"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import type { StoreBroken } from "../../graph/port.ts"
import { storeError } from "./failure.ts"

const nameBytes = 8

/**
 * Gives the copy's feed another name: its places will be used for other changes than those of the
 * store that it was copied from. A file of before the feed gets a name when it is migrated.
 */
export const renewFeed = (path: string): Effect.Effect<void, StoreBroken> =>
  Effect.try({
    try: () => {
      const db = new DatabaseSync(path)
      try {
        const name = randomBytes(nameBytes).toString("hex")
        db.exec("PRAGMA synchronous = FULL")
        db.prepare("UPDATE meta SET value = ? WHERE name = 'feed'").run(name)
      } finally {
        db.close()
      }
    },
    catch: (cause) => storeError(cause, path),
  })
