/** What reads of a graph promise: order, pages, search, ways through the graph, bounds. */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { filteredRowsMax, pageSizeMax, searchedCharactersMax } from "../../protocols/limits.ts"
import { type GraphStore, propertiesTextOf } from "../../stores/index.ts"
import { run } from "../support/run.ts"
import type { Open } from "./graph-conformance.ts"
import { block, byKey, record, rejected, relates, tenant, thing } from "./records.ts"

const keysOf = (page: { readonly items: readonly { readonly key: string }[] }) =>
  page.items.map(({ key }) => key)

const refused = <A>(effect: Effect.Effect<A, unknown>) => run(Effect.flip(effect))

/** Things joined by `uses`, as pairs of keys. */
const graphOf = (...pairs: readonly (readonly [string, string])[]) =>
  block(1, [
    record("graph", {
      relationships: pairs.map(([from, to]) => relates(byKey(from), byKey(to))),
    }),
  ])

const at = (key: string) => ({ type: "thing", key })

export function conformanceOfReads(open: Open): void {
  pagesAndSearch(open)
  waysThroughTheGraph(open)
  rankings(open)
  deadLetters(open)
  manyAtOnce(open)
  versions(open)
}

function manyAtOnce(open: Open): void {
  /** Names that a text must carry unharmed. */
  const keys = ["a", 'q"\\', "\u{1f600}é", "nul\0", "[1]", "\ud800", "", "stub"]

  it("reads many entities, assertions and relationships as it reads each", async () => {
    const { sink, reads } = await open()
    const said = keys.slice(0, 5).map((key) => thing(key, { name: key }))
    const pairs = keys
      .slice(0, 5)
      .flatMap((key) => [
        relates(byKey(key), byKey("a")),
        relates(byKey(key), byKey("stub"), { type: "other" }),
        relates(byKey("a"), byKey(key), { discriminator: "2" }),
      ])
    await run(sink.commit([block(1, [...said, record("pairs", { relationships: pairs })])]))
    const names = [...keys, ...keys].map(at).concat({ type: "nothing", key: "a" })
    const entities = await run(reads.entitiesAt(tenant, names))
    const assertions = await run(reads.assertionsOf(tenant, names))
    const query = { direction: "both" } as const
    const first = await run(reads.relationshipsOf(tenant, names, query, { first: 2 }))
    for (const [n, { type, key }] of names.entries()) {
      const one = await run(reads.entity(tenant, type, key))
      expect(entities[n]?.properties).toEqual(one?.properties)
      expect(entities[n]?.key).toBe(one?.key)
      expect(assertions[n]).toEqual(await run(reads.assertions(tenant, type, key)))
      const page = await run(reads.relationships(tenant, { type, key }, query, { first: 2 }))
      expect(first[n]).toEqual(page)
    }
    expect(entities.filter((entity) => entity !== undefined)).toHaveLength(2 * 6)
    expect(first.map(({ items }) => items.length)).toContain(2)
    expect(await run(reads.entitiesAt("nobody", names))).toEqual(names.map(() => undefined))
    expect(await run(reads.entitiesAt(tenant, []))).toEqual([])
  })

  it("pages through the relationships of each from the same place", async () => {
    const { sink, reads } = await open()
    await run(sink.commit([graphOf(["a", "b"], ["a", "c"], ["a", "d"], ["x", "c"], ["x", "e"])]))
    const query = { direction: "out", type: "uses" } as const
    const [begin] = await run(reads.relationshipsOf(tenant, [at("a")], query, { first: 2 }))
    const after = begin?.end ?? ""
    const pages = await run(
      reads.relationshipsOf(tenant, [at("a"), at("x")], query, { first: 1, after }),
    )
    expect(pages.map(({ items }) => items.map(({ to }) => to.key))).toEqual([["d"], ["e"]])
    const wrong = reads.relationshipsOf(tenant, [at("a")], query, { first: 1, after: "wrong" })
    expect(await refused(wrong)).toMatchObject({ _tag: "Invalid" })
  })
}

function versions(open: Open): void {
  it("gives a tenant another version after each commit for it, and only then", async () => {
    const { sink, reads } = await open()
    const seen = new Set<string>()
    const expectNew = async () => {
      const version = await run(reads.version(tenant))
      expect(seen.has(version)).toBe(false)
      seen.add(version)
      expect(await run(reads.version(tenant))).toBe(version)
      return version
    }
    await expectNew()
    await run(sink.commit([block(1, [thing("a")])]))
    await expectNew()
    await run(sink.commit([block(2, [record("pair", { relationships: [] })])]))
    const before = await expectNew()
    const theirs = { ...block(1, [thing("a")]), tenant: "other" }
    await run(sink.commit([theirs]))
    expect(await run(reads.version(tenant))).toBe(before)
    await run(sink.configureSource(tenant, "source", { priority: 5 }))
    await expectNew()
  })

  it("counts what is acknowledged before anybody is told of it", async () => {
    const { sink, reads } = await open()
    const before = reads.acknowledged()
    const told = await run(
      Effect.map(sink.commit([block(1, [thing("a")])]), () => reads.acknowledged()),
    )
    if (before !== undefined) expect(told).toBeGreaterThan(before)
    expect(told === undefined).toBe(before === undefined)
  })
}

function pagesAndSearch(open: Open): void {
  it("pages through entities in order of type and key, by bytes, each once", async () => {
    const { sink, reads } = await open()
    const other = (key: string) =>
      record(key, { entities: [{ type: "another", key, aliases: [], properties: {} }] })
    const keys = ["b", "~", "Z", "\u{ff5e}", "\u{1f600}", "a"]
    await run(sink.commit([block(1, [...keys.map((key) => thing(key)), other("x")])]))
    const found: string[] = []
    for (let after: string | undefined; ; ) {
      const page = await run(
        reads.entities(tenant, {}, { first: 2, ...(after === undefined ? {} : { after }) }),
      )
      found.push(...keysOf(page))
      if (!page.hasMore) break
      after = page.end
    }
    expect(found).toEqual(["x", "Z", "a", "b", "~", "\u{ff5e}", "\u{1f600}"])
  })

  it("gives the same page to who does not look at aliases and revisions", async () => {
    const { sink, reads } = await open()
    const said = [thing("a", { name: "A" }), thing("b", { list: ["p", "q"] })]
    const stub = record("pair", { relationships: [relates(byKey("a"), byKey("stub"))] })
    await run(sink.commit([block(1, [...said, stub])]))
    const shown = async (isPlain: boolean) => {
      const { items, ...rest } = await run(reads.entities(tenant, { isPlain }, { first: 2 }))
      const plain = items.map(({ type, key, stub, properties }) => ({
        type,
        key,
        stub,
        properties,
      }))
      return { ...rest, items: plain, texts: items.map(propertiesTextOf) }
    }
    expect(await shown(true)).toEqual(await shown(false))
  })

  it("finds entities by the beginnings of all words, in names and text properties", async () => {
    const { sink, reads } = await open()
    const things = [
      thing("1", { name: "Résumé of an Operation", n: 1 }),
      thing("2", { name: "Other", description: "an operator's resume, CVE-2021-44228" }),
      thing("3", { names: ["Operation", "Nothing"], raw: "resume" }),
    ]
    await run(sink.commit([block(1, things)]))
    const search = async (text: string) =>
      keysOf(await run(reads.entities(tenant, { text }, { first: 9 })))
    expect(await search("resume OPER")).toEqual(["1", "2"])
    expect(await search("operation")).toEqual(["1", "3"])
    expect(await search("cve-2021-44228")).toEqual(["2"])
    expect(await search('" OR * NEAR(')).toEqual([])
    expect(await search("-- ,")).toEqual([])
    expect(await search("peration")).toEqual([])
    expect(await search("a\u{1e900}b क्षि \ue0001")).toEqual([])
    const typed = (type: string) => reads.entities(tenant, { type, text: "other" }, { first: 9 })
    expect(keysOf(await run(typed("thing")))).toEqual(["2"])
    expect(keysOf(await run(typed("unknown")))).toEqual([])
  })

  it("forgets the text of what has changed or gone", async () => {
    const { sink, reads } = await open()
    await run(sink.commit([block(1, [thing("1", { name: "old" }), thing("2", { name: "old" })])]))
    const changed = [thing("1", { name: "new" }), record("2", { op: "retract" })]
    await run(sink.commit([block(2, changed, { firstOrdinal: 2 })]))
    const search = async (text: string) =>
      keysOf(await run(reads.entities(tenant, { text }, { first: 9 })))
    expect(await search("old")).toEqual([])
    expect(await search("new")).toEqual(["1"])
  })

  it("filters by property: equal, among, at least, at most, members of lists", async () => {
    const { sink, reads } = await open()
    const things = [
      thing("1", { score: 5, tags: ["x", "y"], date: "2021" }),
      thing("2", { score: 7.5, tags: ["z"], date: "2022" }),
      thing("3", { score: "7", ok: true }),
      thing("4", {
        say: `he said "x" -- ${"é ".repeat(300)}`,
        filler: "word ".repeat(searchedCharactersMax / 4),
        late: "end of it",
        marks: "--",
      }),
    ]
    await run(sink.commit([block(1, things)]))
    const where = async (...properties: Parameters<typeof reads.entities>[1]["properties"] & {}) =>
      keysOf(await run(reads.entities(tenant, { properties }, { first: 9 })))
    expect(await where({ name: "score", gte: 5, lte: 7 })).toEqual(["1"])
    expect(await where({ name: "score", in: [7.5, "7"] })).toEqual(["2", "3"])
    expect(await where({ name: "tags", eq: "y" })).toEqual(["1"])
    expect(await where({ name: "tags", eq: ["z"] }, { name: "date", gte: "2022" })).toEqual(["2"])
    expect(await where({ name: "ok", eq: true })).toEqual(["3"])
    expect(await where({ name: "toString", gte: "" })).toEqual([])
    expect(await where({ name: "say", eq: `he said "x" -- ${"é ".repeat(300)}` })).toEqual(["4"])
    expect(await where({ name: "late", eq: "end of it" })).toEqual(["4"])
    expect(await where({ name: "late", eq: "END of it" })).toEqual([])
    expect(await where({ name: "marks", eq: "--" })).toEqual(["4"])
    const none = reads.entities(tenant, { properties: [{ name: "score" }] }, { first: 9 })
    expect(await refused(none)).toMatchObject({ _tag: "Invalid" })
  })

  it("ends a page early where a filter looked at many rows, and goes on from there", async () => {
    const { sink, reads } = await open()
    const things = Array.from({ length: filteredRowsMax + 10 }, (_, i) =>
      thing(`k${100_000 + i}`, { n: i === filteredRowsMax + 5 ? 1 : 0 }),
    )
    await run(sink.commit([block(1, things)]))
    const properties = [{ name: "n", eq: 1 }]
    const early = await run(reads.entities(tenant, { properties }, { first: 5 }))
    expect(early).toMatchObject({ items: [], hasMore: true })
    const rest = { first: 5, after: early.end ?? "" }
    const page = await run(reads.entities(tenant, { properties }, rest))
    expect([keysOf(page), page.hasMore]).toEqual([[`k${100_005 + filteredRowsMax}`], false])
  })

  it("refuses cursors that it never made, and pages that are too large", async () => {
    const { sink, reads } = await open()
    await run(sink.commit([block(1, [thing("1"), thing("2")])]))
    for (const after of ["", "x", "W10", "WyJhIiwiYiJd!", "WzEsMl0", "bnVsbA"]) {
      const page = { first: 1, after }
      expect(await refused(reads.entities(tenant, {}, page))).toMatchObject({ _tag: "Invalid" })
      const around = reads.relationships(tenant, at("1"), { direction: "out" }, page)
      expect(await refused(around)).toMatchObject({ _tag: "Invalid" })
      expect(await refused(reads.deadLetters(tenant, {}, page))).toMatchObject({ _tag: "Invalid" })
    }
    const wide = reads.entities(tenant, {}, { first: pageSizeMax + 1 })
    expect(await refused(wide)).toMatchObject({ _tag: "LimitExceeded", bound: pageSizeMax })
    expect(await refused(reads.entities(tenant, {}, { first: 0 }))).toMatchObject({
      _tag: "Invalid",
    })
  })

  it("keeps properties with any name and value as they were", async () => {
    const { sink, reads } = await open()
    const text = `{"10":"ten","9":[true,false],"__proto__":["x"],"constructor":"c","null":"null",
      "quote\\"":"\\"revoked\\":true","u":"\\u2028é😀\\n","x":-0.5,"y":1e21,"empty":[]}`
    const properties = JSON.parse(text)
    const said = (source: string) => block(1, [thing("a", properties)], { source })
    await run(sink.commit([said("one"), { ...said("two"), partition: 1, shard: 7 }]))
    const entity = await run(reads.entity(tenant, "thing", "a"))
    expect(Object.entries(entity?.properties ?? {}).sort()).toEqual(
      Object.entries(properties).sort(),
    )
    expect(({} as { readonly x?: unknown }).x).toBeUndefined()
  })
}

function waysThroughTheGraph(open: Open): void {
  const store = async (...pairs: readonly (readonly [string, string])[]) => {
    const opened = await open()
    await run(opened.sink.commit([graphOf(...pairs)]))
    return opened.reads
  }

  it("pages through relationships in order of type, other end and discriminator", async () => {
    const { sink, reads } = await open()
    const relationships = [
      relates(byKey("m"), byKey("b")),
      relates(byKey("m"), byKey("a"), { discriminator: "2" }),
      relates(byKey("m"), byKey("a"), { discriminator: "1" }),
      relates(byKey("m"), byKey("m")),
      relates(byKey("z"), byKey("m"), { type: "by", derived: true, properties: { n: 1 } }),
    ]
    await run(sink.commit([block(1, [record("r", { relationships })])]))
    const page = async (direction: "in" | "out" | "both", first: number, after?: string) =>
      run(
        reads.relationships(
          tenant,
          at("m"),
          { direction },
          { first, ...(after === undefined ? {} : { after }) },
        ),
      )
    const names = ({ items }: Awaited<ReturnType<typeof page>>) =>
      items.map(({ type, from, to, discriminator }) =>
        [type, from.key, to.key, discriminator].join(" ").trim(),
      )
    const all = ["by z m", "uses m a 1", "uses m a 2", "uses m b", "uses m m"]
    expect(names(await page("both", 9))).toEqual(all)
    const half = await page("both", 3)
    expect(half.hasMore).toBe(true)
    expect(names(await page("both", 9, half.end))).toEqual(all.slice(3))
    expect(names(await page("in", 9))).toEqual(["by z m", "uses m m"])
    expect((await page("in", 1)).items).toMatchObject([{ derived: true, properties: { n: 1 } }])
  })

  it("finds neighbours up to three hops away, nearest first", async () => {
    const reads = await store(["a", "c"], ["b", "a"], ["c", "d"], ["d", "e"], ["e", "f"])
    const { entities, relationships } = await run(reads.neighbors(tenant, at("a"), { hops: 3 }))
    expect(entities.map(({ key, hops }) => `${key}${hops}`)).toEqual(["b1", "c1", "d2", "e3"])
    expect(relationships.map(({ from, to }) => `${from.key}${to.key}`).sort()).toEqual([
      "ac",
      "ba",
      "cd",
      "de",
    ])
    const none = await run(reads.neighbors(tenant, at("a"), { hops: 1, types: ["other"] }))
    expect(none).toEqual({ entities: [], relationships: [], truncated: false })
    expect(await refused(reads.neighbors(tenant, at("a"), { hops: 4 }))).toMatchObject({
      _tag: "Invalid",
    })
  })

  it("says where a hop had more than a thousand neighbours, and shows the first", async () => {
    const reads = await store(
      ...Array.from({ length: 1001 }, (_, i) => ["hub", `n${10_000 + i}`] as const),
    )
    const { entities, truncated } = await run(reads.neighbors(tenant, at("hub"), { hops: 1 }))
    expect(truncated).toBe(true)
    expect([entities.length, entities.at(0)?.key, entities.at(-1)?.key]).toEqual([
      1000,
      "n10000",
      "n10999",
    ])
  })

  it("finds a shortest path against the direction too, the first by key of several", async () => {
    const reads = await store(
      ["a", "x"],
      ["a", "m"],
      ["m", "z"],
      ["x", "z"],
      ["z", "b"],
      ["c", "b"],
      ["a", "long1"],
    )
    const path = await run(reads.path(tenant, at("a"), at("c"), 6))
    expect(path?.entities.map(({ key }) => key)).toEqual(["a", "m", "z", "b", "c"])
    expect(path?.relationships.map(({ from, to }) => `${from.key}${to.key}`)).toEqual([
      "am",
      "mz",
      "zb",
      "cb",
    ])
    expect(await run(reads.path(tenant, at("a"), at("c"), 3))).toBeUndefined()
    expect(await run(reads.path(tenant, at("a"), at("nowhere"), 6))).toBeUndefined()
    const itself = await run(reads.path(tenant, at("a"), at("a"), 1))
    expect(itself).toMatchObject({ entities: [{ key: "a" }], relationships: [] })
  })

  it("finds the same path as a search from one side does, in any small graph", async () => {
    const pairs: [string, string][] = []
    for (let i = 0; i < 40; i++) {
      for (const step of [7, 11]) pairs.push([`n${i}`, `n${(i * step + 3) % 40}`])
    }
    const reads = await store(...pairs)
    for (let goal = 1; goal < 40; goal++) {
      const path = await run(reads.path(tenant, at("n0"), at(`n${goal}`), 6))
      expect(path?.relationships.length).toBe(distance(pairs, "n0", `n${goal}`, 6))
    }
  })
}

function distance(
  pairs: readonly (readonly [string, string])[],
  from: string,
  to: string,
  hopsMax: number,
): number | undefined {
  let reached = new Set([from])
  for (let hops = 0; hops <= hopsMax; hops++) {
    if (reached.has(to)) return hops
    const next = pairs.flatMap(([a, b]) => [
      ...(reached.has(a) ? [b] : []),
      ...(reached.has(b) ? [a] : []),
    ])
    reached = new Set([...reached, ...next])
  }
  return undefined
}

function rankings(open: Open): void {
  const entity = (type: string, key: string, properties = {}) => ({
    type,
    key,
    aliases: [],
    properties,
  })
  const group = (key: string, properties = {}) => entity("group", key, properties)
  const uses = (from: string, to: string) =>
    relates({ type: "group", key: from }, { type: "technique", key: to })
  const mapped = (from: string, to: string) =>
    relates({ type: "flaw", key: from }, { type: "technique", key: to }, { type: "mapped-to" })

  it("counts distinct entities on a way, keeps ties by name, leaves the excluded out", async () => {
    const { sink, reads } = await open()
    const attack = record("attack", {
      entities: [
        group("g1", { name: "Zebra" }),
        group("g2", { name: "Ant", revoked: false }),
        group("g3", { name: "Old", revoked: true }),
        group("g4", { name: "None" }),
        entity("technique", "t1"),
      ],
      relationships: [
        uses("g1", "t1"),
        relates(
          { type: "group", key: "g1" },
          { type: "technique", key: "t1" },
          { discriminator: "2" },
        ),
        uses("g2", "t2"),
        uses("g1", "t3"),
        uses("g3", "t1"),
        uses("g4", "t4"),
      ],
    })
    const flaws = record("flaws", {
      relationships: [
        mapped("f1", "t1"),
        mapped("f1", "t2"),
        mapped("f2", "t3"),
        mapped("f2", "t4"),
      ],
    })
    const known = record("known", { entities: [entity("flaw", "f1")] })
    await run(
      sink.commit([
        block(1, [attack, flaws, record("flaw", { entities: [entity("flaw", "f2")] })]),
        { ...block(1, [known], { source: "kev" }), partition: 1, shard: 9 },
      ]),
    )
    const request = {
      type: "group",
      unless: ["revoked", "deprecated"],
      steps: [
        { relationship: "uses", direction: "out" as const, type: "technique" },
        { relationship: "mapped-to", direction: "in" as const, type: "flaw", source: "kev" },
      ],
      count: 0,
      first: 10,
    }
    const rows = async (more = {}) =>
      (await run(reads.rank(tenant, { ...request, ...more }))).map(
        (row) => [row.entity.key, row.count] as const,
      )
    expect(await rows()).toEqual([
      ["g2", 1],
      ["g1", 1],
    ])
    expect(await rows({ first: 1 })).toEqual([["g2", 1]])
    expect(await rows({ steps: request.steps.slice(0, 1) })).toEqual([
      ["g1", 2],
      ["g2", 1],
      ["g4", 1],
    ])
    expect(await rows({ count: 1, unless: [] })).toHaveLength(3)
    expect(await refused(reads.rank(tenant, { ...request, count: 2 }))).toMatchObject({
      _tag: "Invalid",
    })
  })
}

function deadLetters(open: Open): void {
  it("keeps what was set aside with its place, and pages through it", async () => {
    const { sink, reads } = (await open()) satisfies GraphStore
    await run(sink.commit([block(1, [rejected("!0"), thing("a"), rejected("!2")])]))
    const page = await run(reads.deadLetters(tenant, {}, { first: 1 }))
    expect(page).toMatchObject({ hasMore: true })
    expect(page.items).toMatchObject([
      {
        source: "source",
        run: { epoch: 1, count: 1 },
        ordinal: 0,
        recordKey: "!0",
        file: "file.json",
        offset: 7,
        lengthBytes: 3,
        reason: "invalid-json",
        detail: "It is no JSON.",
        fingerprint: "f00d",
      },
    ])
    expect(Buffer.from(page.items[0]?.bytes ?? []).toString()).toBe("{,}")
    const next = { first: 9, after: page.end ?? "" }
    const rest = await run(reads.deadLetters(tenant, { source: "source" }, next))
    expect(rest.items.map(({ ordinal }) => ordinal)).toEqual([2])
    const id = rest.items[0]?.id ?? ""
    const one = await run(reads.deadLetters(tenant, { id }, { first: 9 }))
    expect(one.items.map(({ ordinal }) => ordinal)).toEqual([2])
    for (const query of [{ reason: "poison" }, { source: "nobody" }]) {
      expect((await run(reads.deadLetters(tenant, query, { first: 9 }))).items).toEqual([])
    }
    expect((await run(reads.deadLetters("other", { id }, { first: 9 }))).items).toEqual([])
  })
}
