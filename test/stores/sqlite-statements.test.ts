/** Rules that hold for every statement of the SQLite store, whatever it is for. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { describe, expect, it, vi } from "vitest"
import { ReadStore } from "../../stores/adapters/sqlite/read-store.ts"
import { readsOf } from "../../stores/adapters/sqlite/reads.ts"
import { migrate } from "../../stores/adapters/sqlite/schema.ts"
import { statementsOf } from "../../stores/adapters/sqlite/statements.ts"
import { writerThread } from "../../stores/adapters/sqlite/writer-thread.ts"
import { openGraphReads, openGraphStore } from "../../stores/index.ts"
import { run, runSync } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"
import { block, tenant, thing } from "./records.ts"
import { everything } from "./tenants-conformance.ts"

/** Texts of all statements that `use` prepares. */
function preparedBy(use: () => void): readonly string[] {
  const prepare = vi.spyOn(DatabaseSync.prototype, "prepare")
  try {
    use()
    return prepare.mock.calls.map(([sql]) => sql)
  } finally {
    prepare.mockRestore()
  }
}

function emptyStore() {
  const path = join(temporaryFolder(), "graph.db")
  const db = new DatabaseSync(path)
  migrate(db, path)
  return { path, db }
}

describe("statements", () => {
  it("all name a tenant, but those on fences and on the store as a whole", () => {
    const { path, db } = emptyStore()
    const written = preparedBy(() => statementsOf(db))
    const store = new ReadStore(path)
    const read = preparedBy(() => {
      runSync(everything(readsOf(store), tenant))
    })
    store.close()
    db.close()
    expect(Math.min(written.length, read.length)).toBeGreaterThan(10)
    const free = [...written, ...read].filter((sql) => !/\btenant\b/.test(sql))
    expect(free.filter((sql) => !/\b(meta|guard|user_version)\b/.test(sql))).toEqual([])
  })

  it("leave the text index alone until the commit, but for those that name something new", () => {
    const { db } = emptyStore()
    const written = preparedBy(() => statementsOf(db))
    const segments = db.prepare("SELECT count(*) AS count FROM search_data")
    const flushing = written.filter((sql, i) => {
      db.exec("BEGIN")
      db.prepare("INSERT INTO search (rowid, text) VALUES (?, 'word')").run(i + 1)
      const before = segments.get()?.count
      const parameters = new Set(
        (sql.match(/\?\d*/g) ?? []).map((name, n) => name + (name[1] ? "" : n)),
      )
      db.prepare(sql).get(...Array.from(parameters, (_, n) => 900 + n))
      const flushed = segments.get()?.count !== before
      db.exec("ROLLBACK")
      return flushed
    })
    db.close()
    expect(flushing.map((sql) => /INTO (\w+)/.exec(sql)?.[1])).toEqual(["tenant", "source", "type"])
  })
})

describe("a store that breaks", () => {
  it("fails every request, waiting and later ones, when its thread cannot work", async () => {
    const thread = writerThread({ path: temporaryFolder(), pragmas: [], retention: {} })
    const request = Effect.flip(thread.request(() => ({ kind: "guard", logId: "log", guards: [] })))
    const failures = await run(Effect.all([request, request], { concurrency: 2 }))
    const later = await run(request)
    for (const failure of [...failures, later])
      expect(failure).toMatchObject({ _tag: "StoreFailed" })
    await run(thread.close)
  })

  it("says that a damaged file is one, when it reads and when it writes", async () => {
    const folder = temporaryFolder()
    const path = join(folder, "whole.db")
    const { sink } = await runScoped(openGraphStore({ path }))
    const things = Array.from({ length: 500 }, (_, i) => thing(`k${i}`, { name: "x".repeat(200) }))
    await run(sink.commit([block(1, things)]))
    const damaged = join(folder, "damaged.db")
    await run(sink.backup(damaged))
    // The schema stays, what it describes is lost.
    const bytes = readFileSync(damaged)
    writeFileSync(damaged, bytes.fill(0xaa, 12 * 4096))
    const reads = await runScoped(openGraphReads(damaged))
    expect(await run(Effect.flip(reads.graphHash(tenant)))).toMatchObject({ _tag: "StoreFailed" })
    const broken = await runScoped(openGraphStore({ path: damaged }))
    const again = things.map((one) => ({ ...one, recordKey: `${one.recordKey}-2` }))
    const write = broken.sink.commit([block(2, again, { firstOrdinal: 500 })])
    expect(await run(Effect.flip(write))).toMatchObject({ _tag: "StoreFailed" })
    const text = join(folder, "text.db")
    writeFileSync(text, "This is no database. ".repeat(500))
    const opened = Effect.scoped(Effect.asVoid(openGraphStore({ path: text })))
    expect(await run(Effect.flip(opened))).toMatchObject({ _tag: "StoreFailed" })
  })
})
