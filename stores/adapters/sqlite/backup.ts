/**
 * A copy of `graph.db` while it is written to. The pages are copied in one step within one
 * snapshot, by a thread of the pool; the copy gets its name only once it is whole and on stable
 * storage.
 */
import { open, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"
import { backup, DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import type { StoreBroken } from "../../graph/port.ts"
import { storeError } from "./failure.ts"

const allPages = 0x7fff_ffff

export const copyStore = (path: string, target: string): Effect.Effect<void, StoreBroken> =>
  Effect.tryPromise({
    try: () => copy(path, target),
    catch: (cause) => storeError(cause, target),
  })

async function copy(path: string, target: string): Promise<void> {
  const partial = `${target}.partial`
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    await rm(partial, { force: true })
    await backup(db, partial, { rate: allPages })
  } finally {
    db.close()
  }
  await flush(partial)
  await rename(partial, target)
  await flush(dirname(target))
}

async function flush(path: string): Promise<void> {
  const file = await open(path, "r")
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
