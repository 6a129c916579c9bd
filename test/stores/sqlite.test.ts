/** The embedded graph store: the port's conformance suite, and what is of this adapter alone. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { afterAll, describe, expect, it } from "vitest"
import {
  deadLetterBytesPerTenantMax,
  deadLettersPerTenantMax,
  longReadsWaitingMax,
} from "../../protocols/limits.ts"
import { type GraphStore, graphFormat, openGraphReads, openGraphStore } from "../../stores/index.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"
import { graphConformance } from "./graph-conformance.ts"
import { block, rejected, tenant, thing } from "./records.ts"

const folder = mkdtempSync(join(tmpdir(), "intelgraph-sqlite-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const freshPath = () => join(folder, `graph-${files++}.db`)

graphConformance({ name: "SQLite", open: (path) => openGraphStore({ path }) })

const openedFor = <A>(
  options: Parameters<typeof openGraphStore>[0],
  use: (store: GraphStore) => Effect.Effect<A, unknown>,
) => run(Effect.scoped(Effect.flatMap(openGraphStore(options), use)))

const blocksOf = (count: number, records: number) =>
  Array.from({ length: count }, (_, i) =>
    block(
      i + 1,
      Array.from({ length: records }, (_, j) => thing(`k${i * records + j}`)),
      { firstOrdinal: i * records },
    ),
  )

describe("the SQLite graph store", () => {
  it("refuses a file of a newer format by name, for writing and for reading", async () => {
    const path = freshPath()
    await run(Effect.scoped(openGraphStore({ path })))
    const db = new DatabaseSync(path)
    db.exec(`PRAGMA user_version = ${graphFormat + 1}`)
    db.close()
    const opens = [Effect.asVoid(openGraphStore({ path })), Effect.asVoid(openGraphReads(path))]
    for (const open of opens) {
      const refused = await run(Effect.flip(Effect.scoped(open)))
      expect(refused).toMatchObject({ _tag: "DataDirectoryRefused", reason: "newer-format" })
      expect(refused.message).toContain(`format ${graphFormat + 1}`)
    }
  })

  it("says what is missing or no database, without making it", async () => {
    const path = freshPath()
    const missing = await run(Effect.flip(Effect.scoped(openGraphReads(path))))
    expect(missing).toMatchObject({ _tag: "DataDirectoryRefused", reason: "missing" })
    expect(existsSync(path)).toBe(false)
    const nowhere = join(folder, "no", "folder", "graph.db")
    const unwritable = await run(Effect.flip(Effect.scoped(openGraphStore({ path: nowhere }))))
    expect(unwritable).toMatchObject({ _tag: "DataDirectoryRefused", reason: "not-writable" })
    const text = fileURLToPath(import.meta.url)
    const noDatabase = await run(Effect.flip(Effect.scoped(openGraphReads(text))))
    expect(noDatabase).toMatchObject({ _tag: "StoreFailed" })
  })

  it("reads long ones one after the other, and goes on where one is given up", async () => {
    await openedFor({ path: freshPath() }, ({ sink, reads }) =>
      Effect.gen(function* () {
        yield* sink.guard("log", [{ shard: 0, epoch: 1 }])
        yield* sink.commit(blocksOf(8, 500))
        const whole = yield* reads.graphHash(tenant)
        const given = yield* Effect.forEach([1, 2, 3], () =>
          Effect.forkChild(reads.graphHash(tenant)),
        )
        const [first, second, third] = given
        if (first === undefined || second === undefined || third === undefined) return
        yield* Fiber.interrupt(first)
        yield* Fiber.interrupt(second)
        expect(yield* Fiber.join(third)).toBe(whole)
        const refused = yield* Effect.forEach(
          Array.from({ length: longReadsWaitingMax + 2 }),
          () => Effect.exit(reads.graphHash(tenant)),
          { concurrency: "unbounded" },
        )
        expect(refused.filter(({ _tag }) => _tag === "Failure")).toHaveLength(1)
      }),
    )
  })

  it("reads beside a writer, and sees each commit whole", async () => {
    const path = freshPath()
    const { sink } = await runScoped(openGraphStore({ path }))
    const reads = await runScoped(openGraphReads(path))
    let entities = 0
    for (const one of blocksOf(5, 20)) {
      await run(sink.commit([one]))
      entities += 20
      expect(await run(reads.counts(tenant))).toMatchObject({ entities })
    }
  })

  it("commits nothing of a call when the disk is full, and goes on with room", async () => {
    const path = freshPath()
    const big = block(2, [thing("b", { name: "x".repeat(1_000_000) })], { firstOrdinal: 1 })
    const small = await openedFor({ path, pagesMax: 80 }, (store) =>
      Effect.gen(function* () {
        yield* store.sink.commit([block(1, [thing("a")])])
        const hash = yield* store.reads.graphHash(tenant)
        const failure = yield* Effect.flip(store.sink.commit([big]))
        expect(failure).toMatchObject({ _tag: "DiskFull", path })
        expect(yield* store.reads.graphHash(tenant)).toBe(hash)
        expect(yield* store.sink.cursors()).toMatchObject([{ sequence: 1 }])
        return yield* store.sink.commit([block(2, [thing("c")], { firstOrdinal: 1 })])
      }),
    )
    expect(small).toMatchObject([{ kind: "applied" }])
    const again = await openedFor({ path }, ({ sink }) => sink.commit([{ ...big, sequence: 3 }]))
    expect(again).toMatchObject([{ kind: "applied", counted: { accepted: 1 } }])
  })

  it("counts dead letters beyond its bounds, kept without bytes, then not at all", async () => {
    const path = freshPath()
    const rejects = (sequence: number) =>
      openedFor({ path }, ({ sink }) =>
        sink.commit([block(sequence, [rejected(`!${sequence}`)], { firstOrdinal: sequence })]),
      )
    const setTally = (what: string, count: number) => {
      const db = new DatabaseSync(path)
      db.prepare("UPDATE tally SET count = ? WHERE what = ?").run(count, what)
      db.close()
    }
    await rejects(1)
    setTally("deadLetterBytes", deadLetterBytesPerTenantMax)
    await rejects(2)
    setTally("deadLetter", deadLettersPerTenantMax)
    await rejects(3)
    const reads = await runScoped(openGraphReads(path))
    const { items } = await run(reads.deadLetters(tenant, {}, { first: 9 }))
    expect(
      items.map(({ ordinal, lengthBytes, bytes }) => [ordinal, lengthBytes, bytes.length]),
    ).toEqual([
      [1, 3, 3],
      [2, 3, 0],
    ])
    const [source] = await run(reads.sources(tenant))
    expect(source?.counters).toMatchObject({ read: 3, deadLettered: 3 })
  })

  it("goes on after a reader has held an old snapshot for long", async () => {
    const path = freshPath()
    const { sink, reads } = await runScoped(openGraphStore({ path }))
    const reader = new DatabaseSync(path, { readOnly: true })
    reader.exec("BEGIN; SELECT count(*) FROM node")
    for (const one of blocksOf(4, 50)) await run(sink.commit([one]))
    reader.exec("COMMIT")
    reader.close()
    expect(await run(reads.counts(tenant))).toMatchObject({ entities: 200 })
  })

  it("answers unavailable while another process holds the file, then goes on", async () => {
    const path = freshPath()
    const { sink } = await runScoped(openGraphStore({ path, busyMillisMax: 1 }))
    const other = new DatabaseSync(path)
    other.exec("BEGIN IMMEDIATE")
    const one = block(1, [thing("a")])
    expect(await run(Effect.flip(sink.commit([one])))).toMatchObject({ _tag: "Unavailable" })
    other.exec("ROLLBACK")
    other.close()
    expect(await run(sink.commit([one]))).toMatchObject([{ kind: "applied" }])
  })

  it("finishes what it was sent before it closes, also what nobody waits for", async () => {
    const path = freshPath()
    await run(
      Effect.scoped(
        Effect.gen(function* () {
          const { sink } = yield* openGraphStore({ path })
          const fiber = yield* Effect.forkChild(sink.commit(blocksOf(3, 100)))
          yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
        }),
      ),
    )
    const reads = await runScoped(openGraphReads(path))
    expect(await run(reads.counts(tenant))).toMatchObject({ entities: 300 })
    expect(existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0).toBe(false)
  })

  it("copies itself while it is written to; the copy is a commit, whole", async () => {
    const path = freshPath()
    const { sink } = await runScoped(openGraphStore({ path }))
    const blocks = blocksOf(40, 100)
    const writing = Effect.forEach(blocks, (one) => sink.commit([one]))
    const copies = [freshPath(), freshPath(), freshPath()]
    const copying = Effect.forEach(copies, (copy) => sink.backup(copy))
    await run(Effect.all([writing, copying], { concurrency: 2 }))
    for (const copy of copies) {
      const restored = await runScoped(openGraphStore({ path: copy }))
      const [cursor] = await run(restored.sink.cursors())
      const { entities } = await run(restored.reads.counts(tenant))
      expect(entities).toBe((cursor?.sequence ?? 0) * 100)
    }
  })

  it("is whole after its writer was killed, for a reader as well", async () => {
    const path = freshPath()
    const entry = fileURLToPath(new URL("./writing-child.ts", import.meta.url))
    const child = spawn(process.execPath, [entry, path], { stdio: ["ignore", "pipe", "inherit"] })
    let committed = 0
    child.stdout.on("data", (bytes: Buffer) => {
      committed = Number(bytes.toString().trim().split("\n").at(-1))
      if (committed >= 10) child.kill("SIGKILL")
    })
    await once(child, "exit")
    expect(existsSync(`${path}-wal`)).toBe(true)
    const reads = await runScoped(openGraphReads(path))
    const { entities } = await run(reads.counts(tenant))
    const store = await runScoped(openGraphStore({ path }))
    const [cursor] = await run(store.sink.cursors())
    expect(cursor?.sequence).toBeGreaterThanOrEqual(committed)
    expect(entities).toBe((cursor?.sequence ?? 0) * 50)
    const [source] = await run(store.reads.sources(tenant))
    expect(source).toMatchObject({ entities, counters: { read: entities, accepted: entities } })
  })
})
