/** Snapshots and tails of the change feed, as the command line tells them. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ChangeReader } from "../../cli/change-reader.ts"
import { ShownPages } from "../../cli/shown-pages.ts"
import { compareUtf8 } from "../../protocols/visible.ts"
import { type GraphStore, openGraphStore, type VisibleEntity } from "../../stores/index.ts"
import { block, plainEntity, record, retract, tenant, thing } from "../stores/records.ts"
import { intelgraph, start } from "../support/command.ts"
import { run } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"

describe("what a snapshot has shown", () => {
  it("is known for every entity, and held by the moments at which pages were read", () => {
    const named = fc.record({ type: fc.constantFrom("a", "b", "c"), key: fc.string() })
    const pages = fc.array(fc.record({ last: named, step: fc.nat(2) }), { maxLength: 9 })
    fc.assert(
      fc.property(pages, fc.array(named), fc.nat(20), (unsorted, asked, revision) => {
        const sorted = unsorted.sort((a, b) => compare(a.last, b.last))
        const shown = new ShownPages()
        let now = 1
        const read = sorted.map(({ last, step }) => {
          now += step
          shown.upTo(last, now)
          return { last, now }
        })
        shown.upToEnd(undefined, now + 1)
        for (const one of [...asked, ...sorted.map(({ last }) => last)]) {
          const at = read.find(({ last }) => compare(one, last) <= 0)?.now ?? now + 1
          expect(shown.has({ ...one, revision })).toBe(revision <= at)
        }
        expect(shown.size).toBe(new Set([...read.map((page) => page.now), now + 1]).size)
      }),
    )
  })
})

type Named = { readonly type: string; readonly key: string }
const compare = (a: Named, b: Named) => compareUtf8(a.type, b.type) || compareUtf8(a.key, b.key)
const nameOf = ({ type, key }: Named) => `${type}/${key}`

const old = (key: string, name = key) =>
  record(`old-${key}`, { entities: [{ type: "old", key, aliases: [], properties: { name } }] })

/** Commits as the reader goes on, and applies what it tells as a person would. */
async function readWhileWritten(types: readonly string[] | undefined, numbers: readonly number[]) {
  const store = await runScoped(openGraphStore({ path: join(temporaryFolder(), "graph.db") }))
  const [commit, things] = [committer(store), 1200]
  await commit(Array.from({ length: things }, (_, i) => thing(`k${i}`)))
  await commit(Array.from({ length: 700 }, (_, i) => old(`k${i}`)))
  const told = new Map<string, VisibleEntity>()
  const revisions = new Set<number>()
  let [at, ends] = [0, 0]
  const disturb = Effect.suspend(() => {
    const n = numbers[at++]
    if (n === undefined) return Effect.void
    const key = `k${n % (things + 50)}`
    const records = [thing(key, { n: at }), old(key, `${at}`), retract(`k${(n * 7) % things}`)]
    return Effect.promise(() => commit(records.slice(0, 1 + (n % 3))))
  })
  const reader = new ChangeReader({
    feed: store.feed,
    tenant,
    types,
    changesMax: Number.POSITIVE_INFINITY,
    follows: false,
    tokenOf: () => "",
    output: {
      entity: (entity) => {
        expect(told.has(nameOf(entity))).toBe(false)
        told.set(nameOf(entity), plainEntity(entity))
      },
      snapshotEnds: () => ends++,
      change: (change) => {
        expect(revisions.has(change.revision)).toBe(false)
        revisions.add(change.revision)
        const before = told.get(nameOf(change))
        expect(before === undefined).toBe(change.kind === "created")
        if (change.kind === "removed") told.delete(nameOf(change))
        else told.set(nameOf(change), plainEntity(change.entity ?? { ...gone, ...change }))
      },
      taken: disturb,
    },
  })
  await run(reader.snapshot())
  // What is committed behind its last look is for the next one.
  while (at <= numbers.length) await run(reader.behind(reader.place ?? expect.fail()))
  expect(ends).toBe(1)
  expect(await run(store.feed.position(tenant))).toEqual(reader.place)
  return { store, told }
}

const gone = { stub: true, properties: {}, aliases: [] }

function committer(store: GraphStore) {
  let [sequence, firstOrdinal] = [0, 0]
  return async (records: Parameters<typeof block>[1]) => {
    await run(store.sink.commit([block(++sequence, records, { firstOrdinal })]))
    firstOrdinal += records.length
  }
}

describe("a snapshot and its tail", () => {
  it.each([
    ["all types", undefined],
    ["some types", ["old", "thing", "unknown"]],
    ["one type", ["old"]],
  ])("are the graph, while it is written to: %s", async (_name, types) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(5000), { minLength: 3, maxLength: 14 }), async (numbers) => {
        const { store, told } = await readWhileWritten(types, numbers)
        const expected = new Map<string, VisibleEntity>()
        for (const type of ["thing", "old"]) {
          if (types?.includes(type) === false) continue
          for (let after: string | undefined; ; ) {
            const page = { first: 500, ...(after === undefined ? {} : { after }) }
            const { items, hasMore, end } = await run(store.reads.entities(tenant, { type }, page))
            for (const entity of items) expected.set(nameOf(entity), plainEntity(entity))
            if (!hasMore) break
            after = end
          }
        }
        expect(told.size).toBe(expected.size)
        for (const [name, entity] of expected) expect(told.get(name)).toEqual(entity)
      }),
      { numRuns: 6 },
    )
  })
})

const mapping = `version: 1
record: {key: $.id}
entities:
  - {type: person, key: $.id, name: $.name}
`

interface Line {
  readonly kind: string
  readonly key: string
  readonly revision: number
  readonly resume: string
}

const linesOf = (out: string): readonly Line[] =>
  out.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Line]))

describe("intelgraph changes", () => {
  const ingest = (folder: string, from: number, to: number) => {
    const rows = Array.from({ length: to - from }, (_, i) => `${from + i},Name ${from + i}\n`)
    writeFileSync(join(folder, "people.csv"), `id,name\n${rows.join("")}`)
    writeFileSync(join(folder, "people.yaml"), mapping)
    return intelgraph({ folder }, "ingest", "--mapping", "people.yaml", "people.csv", "--json")
  }
  const changes = (folder: string, ...words: readonly string[]) =>
    intelgraph({ folder }, "changes", "--json", ...words)

  it("follows what others write until Ctrl-C, and goes on from there", async () => {
    const folder = temporaryFolder()
    await ingest(folder, 0, 3)
    const following = start({ folder }, "changes", "--json", "--follow")
    await following.says(/Following/)
    let seen = 0
    const many = new Promise<void>((resolve) => {
      following.child.stdout.on("data", (text: string) => {
        seen += text.split("\n").length - 1
        if (seen >= 1000) resolve()
      })
    })
    await ingest(folder, 3, 2000)
    await many
    following.child.kill("SIGINT")
    const { code, out, err } = await following.ended
    expect(code).toBe(0)
    const first = linesOf(out)
    const place = /Go on with --after (\S+)/.exec(err)?.[1] ?? ""
    expect(place).toBe(first.at(-1)?.resume)
    const rest = await changes(folder, "--after", place)
    const keys = [...first, ...linesOf(rest.out)].map(({ key }) => Number(key))
    expect(keys.sort((a, b) => a - b)).toEqual(Array.from({ length: 1997 }, (_, i) => i + 3))
  })

  it("tells the entities as they are, then from which place to go on", async () => {
    const folder = temporaryFolder()
    await ingest(folder, 0, 2)
    const { out } = await changes(folder, "--snapshot", "--types", "person")
    expect(linesOf(out)).toMatchObject([
      { kind: "snapshot", key: "0", resume: null },
      { kind: "snapshot", key: "1", resume: null },
      { kind: "snapshot-end", revision: 2 },
    ])
    const place = linesOf(out).at(-1)?.resume ?? ""
    await ingest(folder, 1, 4)
    const behind = ["--after", place, "--types", "person"]
    expect(linesOf((await changes(folder, ...behind)).out)).toMatchObject([
      {
        kind: "created",
        key: "2",
        entity: { stub: false, properties: { name: "Name 2" }, aliases: [], revision: 3 },
      },
      { kind: "created", key: "3" },
    ])
    expect(linesOf((await changes(folder, ...behind, "--first", "1")).out)).toHaveLength(1)
    const plain = await intelgraph({ folder }, "changes", ...behind)
    expect(plain.out).toMatch(/^ +3 {2}created {3}person {2}2\n +4 {2}created/)
    expect(plain.err).toMatch(/Go on with --after \S+ --types person\n/)
  })

  it("says what is wrong with a place: of other types, of a copy, kept no more", async () => {
    const folder = temporaryFolder()
    await ingest(folder, 0, 3)
    const [first] = linesOf((await changes(folder)).out)
    const after = ["--after", first?.resume ?? ""]
    const refused = (...words: readonly string[]) => changes(folder, ...after, ...words)
    const other = await refused("--types", "person")
    expect([other.code, other.err]).toEqual([2, expect.stringContaining("not one that this node")])
    expect(await refused("--snapshot")).toMatchObject({ code: 2, out: "" })
    await intelgraph({ folder }, "backup", "copy")
    await intelgraph({ folder }, "restore", "copy", "--data-dir", "restored")
    const expired = {
      code: 1,
      out: "",
      err:
        "intelgraph: The changes behind this place are not kept any more. " +
        "Begin anew with --snapshot in place of --after.\n",
    }
    expect(await refused("--data-dir", "restored")).toEqual(expired)
    const db = new DatabaseSync(join(folder, "intelgraph-data/graph.db"))
    db.exec("DELETE FROM change")
    db.close()
    expect(await refused()).toEqual(expired)
  })
})
