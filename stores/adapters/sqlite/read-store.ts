/**
 * A read-only connection to `graph.db`. It needs no running node: beside one it reads the last
 * commit, and after a crash what the write-ahead log holds. A read is one snapshot, however many
 * statements.
 */
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import {
  DataDirectoryRefused,
  Invalid,
  LimitExceeded,
  StoreFailed,
  Unavailable,
} from "../../../protocols/errors.ts"
import { internedNamesMax } from "../../../protocols/limits.ts"
import type { StoreBroken } from "../../graph/port.ts"
import { settledTally } from "../../graph/settled.ts"
import { storeError } from "./failure.ts"
import { feedFormat, formatOf, readerPragmas } from "./schema.ts"
import { type Query, query } from "./statement.ts"

export class ReadStore {
  readonly path: string
  readonly #db: DatabaseSync
  readonly #queries = new Map<string, unknown>()
  // Numbers of names never change and are never given again.
  readonly #tenants = new Map<string, number>()
  readonly #types = new Map<string, number>()
  readonly #versions = new Map<string, string>()
  #dataVersion: number | undefined
  #isShared = false
  #answers = 0
  #releasing: NodeJS.Immediate | undefined
  #format: number

  /**
   * Throws what SQLite says, or `DataDirectoryRefused` for a newer format or an unfinished file.
   */
  constructor(path: string) {
    this.path = path
    this.#db = new DatabaseSync(path, { readOnly: true })
    for (const pragma of readerPragmas) this.#db.exec(pragma)
    this.#format = formatOf(this.#db, path)
    if (this.#format > 0) return
    this.#db.close()
    const message = `There is no graph in ${path} yet: what made it did not come to an end.`
    throw new DataDirectoryRefused({ path, reason: "missing", message })
  }

  /** A statement, prepared once per text; texts are of the program, never of a request. */
  query<A extends readonly unknown[]>(sql: string): Query<A> {
    const known = this.#queries.get(sql)
    if (known !== undefined) return known as Query<A>
    const prepared = query<A>(this.#db, sql)
    this.#queries.set(sql, prepared)
    return prepared
  }

  /** A file that no node of this release has opened yet has neither a feed nor revisions. */
  get hasFeed(): boolean {
    if (this.#format < feedFormat) this.#format = formatOf(this.#db, this.path)
    return this.#format >= feedFormat
  }

  /** What stands for an entity's revision in a statement on `node`. */
  get revision(): "revision" | "0" {
    return this.hasFeed ? "revision" : "0"
  }

  /** Number of a tenant; of one that the store does not know, a number that no row carries. */
  tenant(name: string): number {
    const known = this.#tenants.get(name)
    if (known !== undefined) return known
    const found = this.query<[id: number]>("SELECT id FROM tenant WHERE name = ?").get(name)?.[0]
    return found === undefined ? -1 : remember(this.#tenants, name, found)
  }

  /** Number of a type, likewise. */
  type(tenant: number, name: string): number {
    const own = `${tenant} ${name}`
    const known = this.#types.get(own)
    if (known !== undefined) return known
    const types = this.query<[id: number]>("SELECT id FROM type WHERE tenant = ? AND name = ?")
    const found = types.get(tenant, name)?.[0]
    return found === undefined ? -1 : remember(this.#types, own, found)
  }

  /** `use` in one snapshot, at once; refusals that it throws are failures of the effect. */
  run<A>(use: () => A): Effect.Effect<A, StoreBroken> {
    return this.read(use) as Effect.Effect<A, StoreBroken>
  }

  read<A>(use: () => A): Effect.Effect<A, Invalid | LimitExceeded | StoreBroken> {
    return Effect.try({
      try: () => this.snapshot(use),
      catch: (cause) => readError(cause, this.path),
    })
  }

  /**
   * Told by SQLite whether anybody has committed; only then the tenant's own rows are looked at:
   * each block that is committed raises a cursor, and nothing else but a source that is configured
   * and dead letters that are settled changes what is visible.
   */
  version(tenant: string): string {
    const data = this.query<[version: number]>("PRAGMA data_version").get()?.[0]
    if (data !== this.#dataVersion) {
      this.#dataVersion = data
      this.#versions.clear()
    }
    const known = this.#versions.get(tenant)
    if (known !== undefined) return known
    const version = this.query<[version: string]>(versionSql).get(tenant)?.[0] ?? ""
    this.#versions.set(tenant, version)
    return version
  }

  /** Alone, or together with the other reads of this turn of the event loop where they share. */
  snapshot<A>(use: () => A): A {
    if (this.#db.isTransaction) return use()
    this.#db.exec("BEGIN")
    if (this.#isShared) {
      this.#releasing = setImmediate(() => this.release())
      return use()
    }
    try {
      return use()
    } finally {
      this.release()
    }
  }

  /**
   * From now on reads of one turn of the event loop share a snapshot: to begin and end one is
   * three calls of the system, half of what a small read costs. Whoever learns of a commit calls
   * `answered` before anybody else is told, so that no read is older than what is acknowledged; and
   * a snapshot held no longer than a turn lets the writer begin its log again.
   */
  share(): void {
    this.#isShared = true
  }

  /** The writer has answered: what it was asked for is committed, or not. */
  answered(): void {
    this.#answers += 1
    this.release()
  }

  /** How often the writer of this process has answered. */
  get answers(): number | undefined {
    return this.#isShared ? this.#answers : undefined
  }

  release(): void {
    clearImmediate(this.#releasing)
    this.#releasing = undefined
    if (!this.#db.isOpen || !this.#db.isTransaction) return
    try {
      this.#db.exec("ROLLBACK")
    } catch {
      // Nothing was written; what is wrong with the file is told by the next read of it.
    }
  }

  /** Begins a snapshot that outlives the call; ended by `close`. */
  hold(): void {
    this.#db.exec("BEGIN")
  }

  close(): void {
    clearImmediate(this.#releasing)
    this.#queries.clear()
    if (this.#db.isOpen) this.#db.close()
  }
}

function remember(known: Map<string, number>, name: string, id: number): number {
  if (known.size >= internedNamesMax) known.clear()
  known.set(name, id)
  return id
}

const versionSql = `
  SELECT t.id
    || coalesce((SELECT group_concat(c.partition || ':' || c.sequence) FROM cursor c
                 WHERE c.tenant = t.id), '')
    || (SELECT ';' || count(*) FROM source s WHERE s.tenant = t.id)
    || coalesce((SELECT ';' || group_concat(s.id || ':' || s.priority) FROM source s
                 WHERE s.tenant = t.id AND s.priority <> 0), '')
    || coalesce((SELECT ';' || n.count FROM tally n WHERE n.tenant = t.id
                 AND n.what = '${settledTally}' AND n.of = 0), '')
  FROM tenant t WHERE t.name = ?`

/** What a read may fail with: what it refuses itself, else what it means that SQLite failed. */
export const readError = (cause: unknown, path: string) =>
  isExpected(cause) ? cause : storeError(cause, path)

const isExpected = (cause: unknown): cause is Invalid | LimitExceeded | StoreFailed | Unavailable =>
  cause instanceof Invalid ||
  cause instanceof LimitExceeded ||
  cause instanceof StoreFailed ||
  cause instanceof Unavailable
