/**
 * Tokens and audit rows in `meta.db` (tables: `runtime/adapters/embedded/migrations.ts`), over a
 * connection of its own. Only the process that has the data directory's lock writes.
 *
 * May fail beneath: the disk. A call then throws and has changed nothing.
 */
import { DatabaseSync, type SQLOutputValue } from "node:sqlite"
import * as Effect from "effect/Effect"
import type * as EffectScope from "effect/Scope"
import { invariant, StoreFailed } from "../../protocols/errors.ts"
import { auditRowsMax, auditRowsPerTrim, fileLockMillisMax } from "../../protocols/limits.ts"
import { scopes } from "./access.ts"
import type { AuditQuery, AuditRow } from "./audit.ts"
import type { AccessStore, StoredToken } from "./records.ts"

/** The row of `meta` that says for ever that a token was made. */
const everMadeName = "tokensEverMade"

/** Opens the store of a data directory whose lock this process has. */
export const openAccessStore = (
  path: string,
): Effect.Effect<AccessStore, StoreFailed, EffectScope.Scope> =>
  Effect.acquireRelease(
    attempt(path, () => new DatabaseSync(path, { timeout: fileLockMillisMax })),
    (db) => Effect.sync(() => db.close()),
  ).pipe(Effect.flatMap((db) => attempt(path, () => storeOn(db, path))))

/** What is kept, for a look beside a node that may be running; newest first. */
export interface AccessView {
  readonly tokens: readonly StoredToken[]
  readonly audit: readonly AuditRow[]
}

/** A folder that was written before tokens existed has none. */
export const viewAccess = (
  path: string,
  query: AuditQuery,
): Effect.Effect<AccessView, StoreFailed> =>
  attempt(path, () => {
    const db = new DatabaseSync(path, { readOnly: true, timeout: fileLockMillisMax })
    try {
      const found = db.prepare("select 1 from sqlite_schema where name = 'token'").get()
      if (found === undefined) return { tokens: [], audit: [] }
      return { tokens: tokensOf(db), audit: auditOf(db, query) }
    } finally {
      db.close()
    }
  })

function storeOn(db: DatabaseSync, path: string): AccessStore {
  const keep = keeperOn(db)
  const change = (sync: "full" | "normal", work: () => void) => {
    try {
      db.exec(`pragma synchronous=${sync}`)
      db.exec("begin immediate")
      work()
      db.exec("commit")
    } catch (error) {
      if (db.isTransaction) db.exec("rollback")
      throw failed(path, error)
    }
  }
  return {
    everMade: () => db.prepare("select 1 from meta where name = ?").get(everMadeName) !== undefined,
    tokens: () => tokensOf(db),
    add: (token, forgotten, row) =>
      change("full", () => {
        db.prepare("insert or ignore into meta(name, value) values (?, '1')").run(everMadeName)
        for (const id of forgotten) db.prepare("delete from token where id = ?").run(id)
        insertToken(db, token)
        keep([row])
      }),
    revoke: (id, atMillis, row) =>
      change("full", () => {
        db.prepare("update token set revokedMillis = ? where id = ?").run(atMillis, id)
        keep([row])
      }),
    // Without a wait for the disk: it would be a wait of the node's own thread.
    write: (rows) => change("normal", () => keep(rows)),
  }
}

/** Inserts rows of audit and lets those over the bound go. */
function keeperOn(db: DatabaseSync): (rows: readonly AuditRow[]) => void {
  const insert = db.prepare(
    "insert into audit(atMillis, by, tenant, action, what, outcome) values (?, ?, ?, ?, ?, ?)",
  )
  const count = db.prepare("select count(*) as n from audit")
  const largest = db.prepare(
    "select tenant, outcome from audit group by 1, 2 order by count(*) desc, 1, 2 limit 1",
  )
  const drop = db.prepare(
    `delete from audit where id in
       (select id from audit where tenant = ? and outcome = ? order by id limit ?)`,
  )
  return (rows) => {
    for (const { atMillis, by, tenant, action, what, outcome } of rows) {
      insert.run(atMillis, by, tenant, action, what, outcome)
    }
    // Counted each time: a transaction that was rolled back leaves no count to mend.
    let total = Number(count.get()?.n)
    while (total > auditRowsMax) {
      const group = largest.get()
      const gone = drop.run(String(group?.tenant), String(group?.outcome), auditRowsPerTrim)
      total -= Number(gone.changes)
    }
  }
}

function insertToken(db: DatabaseSync, token: StoredToken): void {
  db.prepare(
    `insert into token(id, digest, tenant, scopes, label, createdMillis, expiresMillis)
     values (?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    token.id,
    token.digest,
    token.tenant,
    token.scopes.join(","),
    token.label,
    token.createdMillis,
    token.expiresMillis,
  )
}

const tokensOf = (db: DatabaseSync): readonly StoredToken[] =>
  db.prepare("select * from token order by createdMillis desc, id").all().map(tokenOfRow)

type Row = { readonly [column: string]: SQLOutputValue }

function tokenOfRow(row: Row): StoredToken {
  const { digest } = row
  invariant(digest instanceof Uint8Array && digest.length === 32, "A digest has 32 bytes.")
  const held = String(row.scopes).split(",")
  return {
    id: String(row.id),
    digest,
    tenant: String(row.tenant),
    scopes: scopes.filter((scope) => held.includes(scope)),
    label: String(row.label),
    createdMillis: Number(row.createdMillis),
    expiresMillis: Number(row.expiresMillis),
    revokedMillis: row.revokedMillis === null ? undefined : Number(row.revokedMillis),
  }
}

function auditOf(db: DatabaseSync, { tenant, first }: AuditQuery): readonly AuditRow[] {
  const where = tenant === undefined ? "" : "where tenant = ?"
  const given = tenant === undefined ? [first] : [tenant, first]
  return db
    .prepare(`select * from audit ${where} order by id desc limit ?`)
    .all(...given)
    .map((row) => ({
      atMillis: Number(row.atMillis),
      by: String(row.by),
      tenant: String(row.tenant),
      action: String(row.action) as AuditRow["action"],
      what: String(row.what),
      outcome: String(row.outcome) as AuditRow["outcome"],
    }))
}

const attempt = <A>(path: string, work: () => A): Effect.Effect<A, StoreFailed> =>
  Effect.try({ try: work, catch: (error) => failed(path, error) })

const failed = (path: string, error: unknown) =>
  new StoreFailed({
    store: path,
    message: `${path} failed: ${error instanceof Error ? error.message : String(error)}.`,
  })
