/**
 * Copies of a data directory, made while the node runs, and put back elsewhere (contracts §8).
 *
 * Promises: the copies fit together. Removals from the log are held, the graph is copied first and
 * the log after it, so that the log's copy still has every block that the graph's copy lacks.
 * `meta.db` comes last: a folder without it is no backup. What may fail beneath: the disk of the
 * target. Does not promise the newest block: what is committed while the copy is made may be
 * missing from it, whole.
 */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
} from "node:fs"
import { backup, DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { DataDirectoryRefused, LogDamaged } from "../../../protocols/errors.ts"
import { backupPagesPerStep, fileLockMillisMax } from "../../../protocols/limits.ts"
import type { LogBroken, MessageLogShape } from "../../core/log.ts"
import {
  type DataDirectory,
  type DataFiles,
  dataFiles,
  makeFolder,
  openDataDirectoryReadOnly,
} from "./data-directory.ts"
import { openEmbeddedLogReadOnly } from "./open.ts"
import { logBrokenOf, wireErrorOf } from "./sqlite-errors.ts"

export interface BackupProgress {
  readonly file: "graph.db" | "log.db" | "meta.db"
  readonly pages: number
  readonly pagesTotal: number
}

export interface BackupRequest<E> {
  readonly directory: DataDirectory
  readonly log: Pick<MessageLogShape, "holdTrimming">
  /** Copies the graph store as it is now into a new file. */
  readonly graph: (path: string) => Effect.Effect<void, E>
  /** A folder that is empty or is not there yet. */
  readonly target: string
  readonly onProgress?: (progress: BackupProgress) => void
}

export function backupDirectory<E>(
  request: BackupRequest<E>,
): Effect.Effect<void, E | LogBroken | DataDirectoryRefused> {
  const { directory, log, graph, target, onProgress = () => {} } = request
  const to = dataFiles(target)
  const copied = (file: BackupProgress["file"]) =>
    Effect.sync(() => onProgress({ file, pages: 1, pagesTotal: 1 }))
  const copy = (file: "log.db" | "meta.db", from: string, into: string) =>
    copyDatabase(from, into, (pages, pagesTotal) => onProgress({ file, pages, pagesTotal }))
  return prepareTarget(target).pipe(
    Effect.andThen(
      log.holdTrimming(
        Effect.gen(function* () {
          yield* graph(to.graph)
          yield* copied("graph.db")
          yield* copy("log.db", directory.files.log, to.log)
          yield* copied("log.db")
        }),
      ),
    ),
    Effect.andThen(copy("meta.db", directory.files.meta, to.meta)),
    Effect.andThen(copied("meta.db")),
  )
}

export interface RestoreRequest<E> {
  readonly from: string
  /** A folder that is empty or is not there yet. */
  readonly target: string
  /** What the copied graph store needs before it goes its own way. */
  readonly graph: (path: string) => Effect.Effect<void, E>
}

/**
 * Puts a backup in place, after checking that it is whole. Nobody may use the backup's folder
 * meanwhile. Checks of graph against log follow when the node takes over.
 */
export function restoreDirectory<E>({
  from,
  target,
  graph,
}: RestoreRequest<E>): Effect.Effect<void, E | LogBroken | DataDirectoryRefused> {
  const [source, to] = [dataFiles(from), dataFiles(target)]
  const copy = (name: "graph" | "log" | "meta") =>
    Effect.try({
      try: () => copyDurably(source[name], to[name]),
      catch: (error) => refused(target, "not-writable", reasonOf(error)),
    })
  return Effect.scoped(checkBackup(from, source)).pipe(
    Effect.andThen(prepareTarget(target)),
    Effect.andThen(copy("graph")),
    Effect.andThen(graph(to.graph)),
    Effect.andThen(copy("log")),
    Effect.andThen(copy("meta")),
  )
}

const checkBackup = (
  path: string,
  files: DataFiles,
): Effect.Effect<void, LogBroken | DataDirectoryRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* openDataDirectoryReadOnly(path)
    for (const file of [files.graph, files.log]) {
      if (!existsSync(file)) yield* refused(path, "missing", `${file} is missing in the backup.`)
      yield* checkPages(file)
    }
    const view = yield* openEmbeddedLogReadOnly(directory)
    if (directory.meta.get("logId") !== view.id) {
      const message = `${files.log} is not the log that belongs to ${files.meta}.`
      yield* new LogDamaged({ partition: "", sequence: 0, message })
    }
  })

/** Reads every page once: a damaged copy is found here and not when it is needed. */
function checkPages(file: string): Effect.Effect<void, LogBroken> {
  const damaged = (why: string) =>
    new LogDamaged({ partition: "", sequence: 0, message: `${file} is damaged: ${why}` })
  return Effect.try({
    try: () => {
      const db = new DatabaseSync(file, { readOnly: true, timeout: fileLockMillisMax })
      try {
        return String(Object.values(db.prepare("pragma quick_check(1)").get() ?? {})[0])
      } finally {
        db.close()
      }
    },
    catch: (error) => logBrokenOf(file, wireErrorOf(error)),
  }).pipe(Effect.flatMap((found) => (found === "ok" ? Effect.void : damaged(found))))
}

/**
 * One moment of a database that is being written: the transaction keeps the pages of its beginning.
 */
function copyDatabase(
  from: string,
  to: string,
  onStep: (pages: number, pagesTotal: number) => void,
): Effect.Effect<void, LogBroken> {
  const failed = (error: unknown) => logBrokenOf(to, wireErrorOf(error))
  const open = Effect.try({
    try: () => {
      const db = new DatabaseSync(from, { readOnly: true, timeout: fileLockMillisMax })
      db.exec("begin; select count(*) from sqlite_schema")
      return db
    },
    catch: failed,
  })
  return Effect.acquireUseRelease(
    open,
    (db) =>
      Effect.tryPromise({
        try: () =>
          backup(db, to, {
            rate: backupPagesPerStep,
            progress: ({ totalPages, remainingPages }) =>
              onStep(totalPages - remainingPages, totalPages),
          }),
        catch: failed,
      }),
    (db) => Effect.sync(() => db.close()),
  )
}

function prepareTarget(path: string): Effect.Effect<void, DataDirectoryRefused> {
  return Effect.try({
    try: () => {
      makeFolder(path)
      if (readdirSync(path).length > 0) throw refused(path, "foreign", `${path} is not empty.`)
      chmodSync(path, 0o700)
    },
    catch: (error) =>
      error instanceof DataDirectoryRefused
        ? error
        : refused(path, "not-writable", reasonOf(error)),
  })
}

function copyDurably(from: string, to: string): void {
  copyFileSync(from, to)
  const file = openSync(to, "r+")
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

const refused = (path: string, reason: DataDirectoryRefused["reason"], message: string) =>
  new DataDirectoryRefused({ path, reason, message })
