/**
 * A copy of a data directory while its node works: the sinks first, then the log, trimming held, so
 * that the log's copy has every block that the sinks' copy lacks (contracts §8). The copy gets its name
 * only when it is whole.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { backup, DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { type IntelGraphError, Invalid, StoreFailed } from "../protocols/errors.ts"
import type { MessageLogShape } from "../runtime/index.ts"
import { type DataFiles, dataFiles } from "../runtime/index.ts"
import type { GraphSinkShape } from "../stores/index.ts"

interface Copied {
  readonly directory: { readonly files: DataFiles }
  readonly ports: { readonly log: MessageLogShape; readonly sink: GraphSinkShape }
}

export const backupNode = (
  { directory, ports }: Copied,
  target: string,
): Effect.Effect<{ readonly target: string }, IntelGraphError> => {
  const partial = `${target}.partial`
  const to = dataFiles(partial)
  const copied = Effect.gen(function* () {
    yield* ports.sink.backup(to.graph)
    yield* copyDatabase(directory.files.log, to.log)
    yield* copyDatabase(directory.files.meta, to.meta)
  })
  return Effect.gen(function* () {
    if (existsSync(target)) {
      const message = `${target} exists already; a backup makes its own folder.`
      return yield* new Invalid({ what: "backup", message })
    }
    yield* attempt(partial, () => {
      rmSync(partial, { recursive: true, force: true })
      mkdirSync(partial, { recursive: true, mode: 0o700 })
    })
    yield* ports.log.holdTrimming(copied)
    yield* attempt(target, () => renameSync(partial, target))
    return { target }
  }).pipe(
    Effect.tapError(() => Effect.sync(() => rmSync(partial, { recursive: true, force: true }))),
  )
}

/** The database as it is in one snapshot, write-ahead log included. */
const copyDatabase = (from: string, to: string): Effect.Effect<void, StoreFailed> =>
  Effect.tryPromise({
    try: async () => {
      const db = new DatabaseSync(from, { readOnly: true })
      try {
        await backup(db, to, { rate: allPages })
      } finally {
        db.close()
      }
    },
    catch: (error) => failed(to, error),
  })

const allPages = 0x7fff_ffff

const attempt = (path: string, work: () => void): Effect.Effect<void, StoreFailed> =>
  Effect.try({ try: work, catch: (error) => failed(path, error) })

const failed = (path: string, error: unknown) => {
  const why = error instanceof Error ? error.message : String(error)
  return new StoreFailed({ store: path, message: `The backup to ${path} failed: ${why}` })
}
