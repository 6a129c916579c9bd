/** Opens the graph of a data directory for writing. */
import { existsSync } from "node:fs"
import * as Effect from "effect/Effect"
import { StoreFailed } from "../protocols/errors.ts"
import type { DataDirectory } from "../runtime/index.ts"
import { openGraphStore } from "../stores/index.ts"

/**
 * Makes the graph in a new directory only. The log, whose id the directory keeps, is made after it
 * and lets go of what the graph holds: beside a log, an empty graph in place of a lost one would
 * answer as if nothing had ever been ingested.
 */
export const openGraph = ({ files, meta }: DataDirectory) =>
  Effect.suspend(() => {
    const path = files.graph
    if (existsSync(path) || meta.get("logId") === undefined) return openGraphStore({ path })
    const message = `${path} is gone. Restore the latest backup.`
    return Effect.fail(new StoreFailed({ store: path, message }))
  })
