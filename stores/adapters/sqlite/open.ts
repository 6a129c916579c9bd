/** Opens `graph.db`: with its writer for a node, or for reading alone. */
import { accessSync, constants, existsSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { DataDirectoryRefused } from "../../../protocols/errors.ts"
import type { GraphReadsShape, GraphStore, GraphView, StoreBroken } from "../../graph/port.ts"
import { sinkOf } from "../thread/sink.ts"
import { copyStore } from "./backup.ts"
import { feedOf, watchNothing } from "./changes.ts"
import { cursorsOf } from "./cursors.ts"
import { openError } from "./failure.ts"
import { ReadStore } from "./read-store.ts"
import { readsOf } from "./reads.ts"
import { formatOf, graphFormat, migrate, writerPragmas } from "./schema.ts"
import { writerThread } from "./writer-thread.ts"

export interface OpenOptions {
  readonly path: string
  /** Pages of 4 KiB that the file may have; `DiskFull` beyond. No bound where it is left out. */
  readonly pagesMax?: number
  /** How long another process's lock is waited for. */
  readonly busyMillisMax?: number
  /** Changes of a tenant that are kept at least, and how long; as agreed where left out. */
  readonly changesKept?: { readonly changesMax?: number; readonly millisMax?: number }
}

type OpenFailure = DataDirectoryRefused | StoreBroken

/**
 * Opens the store at `path`, makes it where there is none, and starts its writer's thread. One
 * process at a time writes; who that is, is decided before (the data directory's lock). Closing the
 * scope lets what was sent to the writer finish.
 */
export const openGraphStore = (
  options: OpenOptions,
): Effect.Effect<GraphStore, OpenFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const { path } = options
    yield* attempt(path, () => prepare(path))
    const thread = yield* Effect.acquireRelease(
      attempt(path, () =>
        writerThread({ path, pragmas: pragmasOf(options), retention: options.changesKept ?? {} }),
      ),
      (opened) => opened.close,
    )
    const store = yield* openReadStore(path)
    store.share()
    thread.beforeAnswers(() => store.answered())
    const feed = feedOf(store, (tenant, changed) => thread.watch(tenant, changed))
    const cursors = cursorsIn(store)
    const sink = sinkOf(thread, { cursors, backup: (target) => copyStore(path, target) })
    return { sink, cursors, reads: readsOf(store), feed }
  })

/** Opens the store at `path` for reading; a node may be writing to it, or have died doing so. */
export const openGraphReads = (
  path: string,
): Effect.Effect<GraphReadsShape, OpenFailure, Scope.Scope> =>
  Effect.map(openGraphView(path), ({ reads }) => reads)

/** With its feed, which tells nobody: what another process writes is seen by looking again. */
export const openGraphView = (path: string): Effect.Effect<GraphView, OpenFailure, Scope.Scope> =>
  Effect.map(openReadStore(path), (store) => ({
    cursors: cursorsIn(store),
    reads: readsOf(store),
    feed: feedOf(store, watchNothing),
  }))

const cursorsIn =
  (store: ReadStore): GraphView["cursors"] =>
  (tenant) =>
    store.run(() => cursorsOf(store, tenant))

const openReadStore = (path: string): Effect.Effect<ReadStore, OpenFailure, Scope.Scope> =>
  Effect.acquireRelease(
    attempt(path, () => {
      if (!existsSync(path)) {
        const message = `There is no graph store at ${path}.`
        throw new DataDirectoryRefused({ path, reason: "missing", message })
      }
      return new ReadStore(path)
    }),
    (store) => Effect.sync(() => store.close()),
  )

function pragmasOf({ pagesMax, busyMillisMax }: OpenOptions): readonly string[] {
  const pragmas = [...writerPragmas]
  if (pagesMax !== undefined) pragmas.push(`PRAGMA max_page_count = ${pagesMax}`)
  if (busyMillisMax !== undefined) pragmas.push(`PRAGMA busy_timeout = ${busyMillisMax}`)
  return pragmas
}

// A file of this format is left alone: opened for writing and closed again it would first be made
// to take in its whole write-ahead log, which after a crash is a part of a second.
function prepare(path: string): void {
  if (existsSync(path)) {
    accessSync(path, constants.W_OK)
    if (formatAt(path) === graphFormat) return
  }
  const db = new DatabaseSync(path)
  try {
    for (const pragma of writerPragmas) db.exec(pragma)
    migrate(db, path)
  } finally {
    db.close()
  }
}

function formatAt(path: string): number {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return formatOf(db, path)
  } finally {
    db.close()
  }
}

const attempt = <A>(path: string, use: () => A): Effect.Effect<A, OpenFailure> =>
  Effect.try({ try: use, catch: (cause) => openError(cause, path) })
