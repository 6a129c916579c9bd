/** The change feed of the embedded store: what is kept, for how long, and over which breaks. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { gunzipSync } from "node:zlib"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { changeRowsTrimmedMax, changesLookedMax, changesPerRowMax } from "../../protocols/limits.ts"
import { feedOf, watchNothing } from "../../stores/adapters/sqlite/changes.ts"
import { ReadStore } from "../../stores/adapters/sqlite/read-store.ts"
import { migrate } from "../../stores/adapters/sqlite/schema.ts"
import { GraphWriter } from "../../stores/adapters/sqlite/writer.ts"
import { EntriesText, type Entry, entriesOf } from "../../stores/graph/feed-entries.ts"
import { decodeBlock, encodeBlock } from "../../stores/graph/write/wire.ts"
import {
  type ChangeFeedShape,
  type EntityChange,
  type FeedPosition,
  openGraphStore,
  openGraphView,
  renewFeed,
} from "../../stores/index.ts"
import { run, runSync } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"
import { block, byKey, plainEntity, record, relates, retract, tenant, thing } from "./records.ts"

const fixture = join(import.meta.dirname, "../fixtures/v1/graph.db.gz")
const writingChild = fileURLToPath(new URL("./writing-child.ts", import.meta.url))
const freshPath = () => join(temporaryFolder(), "graph.db")

/** A store whose writer runs here, by a clock that the test sets. */
function writerAt(retention: { readonly changesMax: number; readonly millisMax: number }) {
  const path = freshPath()
  const db = new DatabaseSync(path)
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
  migrate(db, path)
  let nowMillis = 1_000_000
  const writer = new GraphWriter(db, { ...retention, nowMillis: () => nowMillis })
  const store = new ReadStore(path)
  let sequence = 0
  return {
    db,
    feed: feedOf(store, watchNothing),
    later: (millis: number) => {
      nowMillis += millis
    },
    commit: (records: Parameters<typeof block>[1]) => {
      const one = block(++sequence, records, { firstOrdinal: sequence * 10_000 })
      return writer.commit([decodeBlock(encodeBlock(one))])
    },
    close: () => {
      store.close()
      db.close()
    },
  }
}

const countOf = (db: DatabaseSync, table: string) =>
  Number(db.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.count)

function rest(feed: ChangeFeedShape, from: FeedPosition): readonly EntityChange[] | undefined {
  const changes: EntityChange[] = []
  for (let after = from; ; ) {
    const page = runSync(feed.changes(tenant, {}, { first: 500, after }))
    if (page === undefined) return undefined
    changes.push(...page.changes)
    if (!page.hasMore) return changes
    after = page.position
  }
}

describe("the entries of a change row", () => {
  it("are read as they were written", () => {
    const entry = fc.record({
      node: fc.maxSafeNat(),
      revision: fc.maxSafeNat(),
      type: fc.nat(),
      kind: fc.constantFrom<Entry["kind"][]>("created", "updated", "removed"),
      partition: fc.nat(63),
    })
    const alike = fc.tuple(entry, fc.nat(5)).map(([one, more]) =>
      Array.from({ length: more + 1 }, (_, i) => ({
        ...one,
        node: Math.min(one.node, 2 ** 52) + i,
        revision: Math.min(one.revision, 2 ** 52) + 2 * i,
      })),
    )
    fc.assert(
      fc.property(
        fc.array(alike).map((runs) => runs.flat()),
        (entries) => {
          const text = new EntriesText()
          for (const { node, revision, type, kind, partition } of entries) {
            text.add(node, revision, type, kind, partition)
          }
          expect([...entriesOf(text.text())]).toEqual(entries)
        },
      ),
    )
  })
})

describe("the SQLite change feed", () => {
  it("keeps so many changes, unless they are too old, and no longer knows older places", () => {
    const [changesMax, millisMax] = [10, 1000]
    const numbers = fc.record({ things: fc.integer({ min: 1, max: 6 }), millis: fc.nat(700) })
    fc.assert(
      fc.property(fc.array(numbers, { minLength: 1, maxLength: 25 }), (steps) => {
        const { db, feed, later, commit, close } = writerAt({ changesMax, millisMax })
        const ends: { at: FeedPosition; changes: number; begunAfter: number }[] = []
        let [changes, age] = [0, 0]
        for (const { things, millis } of steps) {
          later(millis)
          age += millis
          ends.push({ at: runSync(feed.position(tenant)), changes, begunAfter: age })
          commit(Array.from({ length: things }, (_, i) => thing(`k${changes + i}`)))
          changes += things
        }
        for (const end of ends) {
          const behind = rest(feed, end.at)
          const mayGo = changes - end.changes > changesMax || age - end.begunAfter > millisMax
          if (behind === undefined) expect(mayGo).toBe(true)
          else expect(behind.map(({ key }) => key)).toEqual(keys(end.changes, changes))
        }
        expect(countOf(db, "change")).toBeLessThanOrEqual(changesMax + 1)
        expect(rest(feed, runSync(feed.position(tenant)))).toEqual([])
        close()
      }),
      { numRuns: 30 },
    )
  })

  it("lets go of old changes a few rows at a time, and of the keys that only they needed", () => {
    const { db, feed, later, commit, close } = writerAt({ changesMax: 1, millisMax: 1000 })
    const link = (to: string) => record("link", { relationships: [relates(byKey("x"), byKey(to))] })
    const rows = 3 * changeRowsTrimmedMax
    for (let i = 0; i < rows; i++) commit([link(`to-${i}`)])
    expect([countOf(db, "change"), countOf(db, "gone")]).toEqual([1, 1])
    commit([retract("link")])
    expect([countOf(db, "change"), countOf(db, "gone")]).toEqual([1, 2])
    later(1001)
    commit([thing("z")])
    expect([countOf(db, "change"), countOf(db, "gone")]).toEqual([1, 0])
    expect(rest(feed, runSync(feed.position(tenant)))).toEqual([])
    close()
  })

  it("writes off no more rows at once than its bound, however old they are", () => {
    const { db, later, commit, close } = writerAt({ changesMax: 1000, millisMax: 1000 })
    for (let i = 0; i < 20; i++) commit([thing(`k${i}`)])
    later(5000)
    const left = Array.from({ length: 5 }, (_, i) => {
      commit([thing(`later-${i}`)])
      return countOf(db, "change")
    })
    // One row comes, and with it one more than the bound may go.
    const expected = [1, 2, 3, 4, 5].map(
      (n) => Math.max(0, 20 - n * (changeRowsTrimmedMax + 1)) + n,
    )
    expect(left).toEqual(expected)
    close()
  })

  it("splits the changes of a large transaction, and looks at so many in one page", () => {
    const { db, feed, commit, close } = writerAt({ changesMax: 1e6, millisMax: 1e9 })
    const begin = runSync(feed.position(tenant))
    const others = changesLookedMax + 10
    const many = Array.from({ length: others }, (_, i) => thing(`k${i}`))
    const wanted = record("w", {
      entities: [{ type: "wanted", key: "w", aliases: [], properties: {} }],
    })
    commit([...many, wanted])
    expect(countOf(db, "change")).toBe(Math.ceil((others + 1) / changesPerRowMax))
    const read = (after: FeedPosition) =>
      runSync(feed.changes(tenant, { types: ["wanted"] }, { first: 5, after }))
    const page = read(begin)
    expect(page).toMatchObject({ changes: [], hasMore: true })
    expect(page?.position.sequences).toEqual([changesLookedMax])
    expect(read(page?.position ?? begin)).toMatchObject({
      changes: [{ key: "w", revision: others + 1 }],
      hasMore: false,
    })
    close()
  })

  it("never gives a node's number twice, so that old changes name who they were of", async () => {
    const path = freshPath()
    const { feed } = await runScoped(openGraphView(await filledAndEmptied(path)))
    const { feed: name } = runSync(feed.position(tenant))
    const changes = rest(feed, { feed: name, sequences: [] })
    expect(changes?.map(({ kind, key }) => [kind, key])).toEqual([
      ["created", "a"],
      ["removed", "a"],
      ["created", "b"],
      ["removed", "b"],
      ["created", "c"],
    ])
  })

  it("goes on from the last place after each kill, with every change once", async () => {
    const path = freshPath()
    const seen: EntityChange[] = []
    let after: FeedPosition | undefined
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, [writingChild, path], {
        stdio: ["ignore", "pipe", "inherit"],
      })
      const ended = once(child, "exit")
      await once(child.stdout, "data")
      const { feed } = await runScoped(openGraphView(path))
      const enough = seen.length + 400
      while (seen.length < enough) {
        after ??= { ...runSync(feed.position(tenant)), sequences: [] }
        const page = runSync(feed.changes(tenant, {}, { first: 77, after }))
        seen.push(...(page?.changes ?? []))
        after = page?.position ?? after
        if (page?.changes.length === 0) await once(child.stdout, "data")
      }
      child.kill("SIGKILL")
      await ended
    }
    const { feed, reads } = await runScoped(openGraphStore({ path }))
    if (after !== undefined) seen.push(...(rest(feed, after) ?? []))
    const { entities } = await run(reads.counts(tenant))
    expect(seen.map(({ key }) => key)).toEqual(keys(0, entities))
    expect(seen.map(({ revision }) => revision)).toEqual(seen.map((_, i) => i + 1))
  })

  it("has another name in a restored copy, whose places are not those of the first", async () => {
    const path = freshPath()
    const store = await runScoped(openGraphStore({ path }))
    await run(store.sink.commit([block(1, [thing("a")])]))
    const at = await run(store.feed.position(tenant))
    const copy = freshPath()
    await run(store.sink.backup(copy))
    await run(renewFeed(copy))
    const restored = await runScoped(openGraphStore({ path: copy }))
    const there = await run(restored.feed.position(tenant))
    expect(there.feed).not.toBe(at.feed)
    expect(there.sequences).toEqual(at.sequences)
    const read = (after: FeedPosition) =>
      run(restored.feed.changes(tenant, {}, { first: 5, after }))
    expect(await read(at)).toBeUndefined()
    expect(await read(there)).toMatchObject({ changes: [] })
    expect((await read({ ...there, sequences: [] }))?.changes).toHaveLength(1)
  })
})

describe("a graph of the release before the feed", () => {
  it("is read as it is, without changes, and has a feed once it is written to", async () => {
    const path = freshPath()
    writeFileSync(path, gunzipSync(readFileSync(fixture)))
    const view = await runScoped(openGraphView(path))
    const hash = await run(view.reads.graphHash(tenant))
    const { items } = await run(view.reads.entities(tenant, {}, { first: 500 }))
    const [some] = items
    expect(new Set(items.map(({ revision }) => revision))).toEqual(new Set([0]))
    const before = await run(view.feed.position(tenant))
    expect(before).toEqual({ feed: "", sequences: [] })
    const nothing = { changes: [], hasMore: false }
    const read = (feed: ChangeFeedShape, after: FeedPosition) =>
      run(feed.changes(tenant, {}, { first: 5, after }))
    expect(await read(view.feed, before)).toMatchObject(nothing)
    const store = await runScoped(openGraphStore({ path }))
    const at = await run(store.feed.position(tenant))
    expect(await run(store.reads.graphHash(tenant))).toBe(hash)
    expect(await read(store.feed, before)).toBeUndefined()
    expect(await read(store.feed, at)).toMatchObject(nothing)
    await run(store.sink.commit([block(9000, [thing("new")], { epoch: 9000 })]))
    const change = { kind: "created", key: "new", revision: 1, entity: { revision: 1 } }
    expect(await read(store.feed, at)).toMatchObject({ changes: [change] })
    // Who had opened it before sees the same from now on.
    expect(await read(view.feed, at)).toMatchObject({ changes: [change] })
    const same = await run(view.reads.entity(tenant, some?.type ?? "", some?.key ?? ""))
    expect(same && plainEntity(same)).toEqual(some && plainEntity(some))
  })

  it("gives no number again of an entity that it held then and that has vanished", async () => {
    const path = freshPath()
    writeFileSync(path, gunzipSync(readFileSync(fixture)))
    const steps = [[retract("4")], [thing("new")], [retract("new")], [thing("newer")]]
    for (const [i, records] of steps.entries()) {
      const { sink } = await runScoped(openGraphStore({ path }))
      const more = { epoch: 9000, source: "people", run: { epoch: 9000, count: 1 } }
      const firstOrdinal = i * 10
      await run(sink.commit([block(9000 + i, records, { ...more, firstOrdinal })]))
    }
    const { feed } = await runScoped(openGraphView(path))
    const { feed: name } = runSync(feed.position(tenant))
    const changes = rest(feed, { feed: name, sequences: [] })
    expect(changes?.map(({ kind, type, key }) => [kind, type, key])).toEqual([
      ["removed", "person", "4"],
      ["removed", "company", "ajax"],
      ["created", "thing", "new"],
      ["removed", "thing", "new"],
      ["created", "thing", "newer"],
    ])
  })
})

const keys = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `k${from + i}`)

/** Opened anew before each step, so that the next number comes from the file. */
async function filledAndEmptied(path: string): Promise<string> {
  const steps = [[thing("a")], [retract("a")], [thing("b")], [retract("b")], [thing("c")]]
  for (const [i, records] of steps.entries()) {
    const { sink } = await runScoped(openGraphStore({ path }))
    await run(sink.commit([block(i + 1, records, { firstOrdinal: i })]))
  }
  return path
}
