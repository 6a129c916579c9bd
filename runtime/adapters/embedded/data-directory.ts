/**
 * The folder of an embedded node: `lock.db`, `meta.db`, `log.db`, `graph.db` (contracts §8).
 *
 * Promises: one writer per folder, proven by an exclusive transaction on `lock.db` that ends with
 * the process, however it ends; a folder of an older format is migrated forward, one of a newer
 * format is refused by name; the folder is readable by its owner only. Refuses a folder that holds
 * other things. Does not promise anything on network file systems without locks.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { DataDirectoryRefused } from "../../../protocols/errors.ts"
import { fileLockMillisMax } from "../../../protocols/limits.ts"
import type { StateBroken } from "../../core/state.ts"
import { type Migration, migrations } from "./migrations.ts"
import { logBrokenOf, stateBrokenOf, wireErrorOf } from "./sqlite-errors.ts"

/** Format of the folder as this program writes it. */
export const directoryFormat = migrations.length + 1

export interface DataFiles {
  readonly lock: string
  readonly meta: string
  readonly log: string
  readonly graph: string
  readonly pid: string
  /** Folder of writes that are not finished. */
  readonly spool: string
}

/** Small facts of the folder by name: format, log id, what the command line keeps. */
export interface Meta {
  readonly get: (name: string) => string | undefined
  /** `undefined` removes it. On stable storage when it ends. */
  readonly set: (name: string, value: string | undefined) => Effect.Effect<void, StateBroken>
}

export interface DataDirectory {
  readonly path: string
  readonly files: DataFiles
  readonly meta: Meta
}

export const dataFiles = (path: string): DataFiles => ({
  lock: join(path, "lock.db"),
  meta: join(path, "meta.db"),
  log: join(path, "log.db"),
  graph: join(path, "graph.db"),
  pid: join(path, "node.pid"),
  spool: join(path, "spool"),
})

/** Makes or opens the folder for its one writer; free for another when the scope ends. */
export function openDataDirectory(
  path: string,
  options: { readonly migrations: readonly Migration[] } = { migrations },
): Effect.Effect<DataDirectory, DataDirectoryRefused, Scope.Scope> {
  const files = dataFiles(path)
  return Effect.gen(function* () {
    yield* attempt(path, () => prepareFolder(path))
    yield* Effect.acquireRelease(
      attempt(path, () => lock(path, files)),
      (held) => Effect.sync(() => unlock(held, files)),
    )
    const db = yield* Effect.acquireRelease(
      attempt(path, () => openMeta(path, files, options.migrations)),
      (meta) => Effect.sync(() => meta.close()),
    )
    return { path, files, meta: metaOf(db, files.meta) }
  })
}

/** Looks into the folder of a node that may be running or not; changes nothing. */
export function openDataDirectoryReadOnly(
  path: string,
): Effect.Effect<DataDirectory, DataDirectoryRefused, Scope.Scope> {
  const files = dataFiles(path)
  return Effect.acquireRelease(
    attempt(path, () => {
      const db = openExistingMeta(path, files)
      try {
        checkFormat(path, readFormat(db), directoryFormat)
      } catch (error) {
        db.close()
        throw error
      }
      return db
    }),
    (db) => Effect.sync(() => db.close()),
  ).pipe(Effect.map((db) => ({ path, files, meta: metaOf(db, files.meta) })))
}

/**
 * Makes a folder and what is missing above it. Node's own `recursive` never ends where a file
 * system takes no folders, such as /proc.
 */
export function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!existsSync(path)) throw error
  }
}

function prepareFolder(path: string): void {
  makeFolder(path)
  const names = readdirSync(path)
  if (names.length > 0 && !names.includes("lock.db") && !names.includes("meta.db")) {
    throw refused(path, "foreign", `${path} holds other files and is no data directory.`)
  }
  chmodSync(path, 0o700)
}

function lock(path: string, files: DataFiles): DatabaseSync {
  const db = new DatabaseSync(files.lock)
  try {
    db.exec("begin exclusive")
  } catch (error) {
    db.close()
    const { code } = wireErrorOf(error)
    if ((code & 0xff) !== sqliteBusy) throw error
    const pid = readPid(files)
    const by = pid === undefined ? "another process" : `process ${pid}`
    throw refused(path, "locked", `${path} is in use by ${by}.`)
  }
  writeFileSync(files.pid, `${process.pid}\n`, { mode: 0o600 })
  return db
}

const sqliteBusy = 5

function unlock(db: DatabaseSync, files: DataFiles): void {
  rmSync(files.pid, { force: true })
  db.close()
}

function readPid(files: DataFiles): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(files.pid, "utf8"), 10)
    return Number.isInteger(pid) ? pid : undefined
  } catch {
    return undefined
  }
}

function openMeta(path: string, files: DataFiles, steps: readonly Migration[]): DatabaseSync {
  const db = new DatabaseSync(files.meta, { timeout: fileLockMillisMax })
  try {
    const newest = steps.length + 1
    db.exec("pragma journal_mode=wal; pragma synchronous=full")
    db.exec("create table if not exists meta(name text primary key, value text not null) strict")
    const format = readFormat(db) ?? 1
    checkFormat(path, format, newest)
    migrate(db, format, steps)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function migrate(db: DatabaseSync, format: number, steps: readonly Migration[]): void {
  db.exec("begin immediate")
  try {
    for (const step of steps.slice(format - 1)) step(db)
    writeMeta(db, "format", String(steps.length + 1))
    db.exec("commit")
  } catch (error) {
    db.exec("rollback")
    throw error
  }
}

function openExistingMeta(path: string, files: DataFiles): DatabaseSync {
  try {
    return new DatabaseSync(files.meta, { readOnly: true, timeout: fileLockMillisMax })
  } catch {
    throw refused(path, "missing", `${path} is no data directory, or cannot be read.`)
  }
}

function readFormat(db: DatabaseSync): number | undefined {
  const row = db.prepare("select value from meta where name = 'format'").get()
  return row === undefined ? undefined : Number(row.value)
}

function checkFormat(path: string, format: number | undefined, newest: number): void {
  if (format === undefined || format <= newest) return
  throw refused(
    path,
    "newer-format",
    `${path} has format ${format}; this program reads up to format ${newest}.`,
  )
}

function writeMeta(db: DatabaseSync, name: string, value: string | undefined): void {
  if (value === undefined) db.prepare("delete from meta where name = ?").run(name)
  else {
    db.prepare(
      `insert into meta(name, value) values (?, ?)
       on conflict(name) do update set value = excluded.value`,
    ).run(name, value)
  }
}

const metaOf = (db: DatabaseSync, file: string): Meta => ({
  get: (name) => {
    const row = db.prepare("select value from meta where name = ?").get(name)
    return row === undefined ? undefined : String(row.value)
  },
  set: (name, value) =>
    Effect.try({
      try: () => writeMeta(db, name, value),
      catch: (error) => stateBrokenOf(logBrokenOf(file, wireErrorOf(error))),
    }),
})

function attempt<A>(path: string, work: () => A): Effect.Effect<A, DataDirectoryRefused> {
  return Effect.try({
    try: work,
    catch: (error) => {
      if (error instanceof DataDirectoryRefused) return error
      const why = error instanceof Error ? error.message : String(error)
      return refused(path, "not-writable", `${path} cannot be used: ${why}.`)
    },
  })
}

const refused = (path: string, reason: DataDirectoryRefused["reason"], message: string) =>
  new DataDirectoryRefused({ path, reason, message })
