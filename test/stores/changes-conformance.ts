/**
 * What every adapter's change feed must do: tell each change of what is visible once, in the order
 * of revisions, from any place on, so that a snapshot that is brought forward by it is the graph.
 */
import fc from "fast-check"
import { expect, it } from "vitest"
import { shardOf } from "../../protocols/address.ts"
import { canonicalJson, type Json } from "../../protocols/canonical.ts"
import type { BlockEffects } from "../../protocols/graph.ts"
import { changesPageMax } from "../../protocols/limits.ts"
import type {
  EntityChange,
  FeedPosition,
  GraphStore,
  SnapshotPage,
  VisibleEntity,
} from "../../stores/index.ts"
import { run, runExit } from "../support/run.ts"
import { choices, chooser, priorities, readings, schedule } from "./arbitrary.ts"
import { block, byKey, plainEntity, record, relates, retract, tenant, thing } from "./records.ts"

/** By type and key. */
type Graph = Map<string, VisibleEntity>
type Step = (store: GraphStore, tenant: string) => Promise<unknown>
type Change = Omit<EntityChange, "entity" | "position">

const followedMillisMax = 60_000

export function conformanceOfChanges(open: () => Promise<GraphStore>, histories = 40): void {
  it("tells what a transaction comes to, and nothing where nothing is seen of it", async () => {
    const store = await open()
    const told = teller(store)
    const links = (name: string, key: string) =>
      record(name, { relationships: [relates(byKey(key), byKey("b"))] })
    await commit(store, block(1, [thing("a", { n: 1 }), thing("a", { n: 2 })]))
    expect(await told()).toEqual(["created thing/a 2"])
    await commit(store, block(2, [thing("a", { n: 2 })], { firstOrdinal: 2 }))
    expect(await told()).toEqual([])
    await commit(store, block(3, [thing("a", { n: 3 }), thing("a", { n: 2 })], { firstOrdinal: 3 }))
    expect(await told()).toEqual([])
    await commit(store, block(4, [links("link", "a")], { firstOrdinal: 5 }))
    expect(await told()).toEqual(["created thing/b 4"])
    await commit(store, block(5, [thing("b"), retract("a")], { firstOrdinal: 6 }))
    expect(await told()).toEqual(["updated thing/b 5", "updated thing/a 6"])
    await commit(store, block(6, [retract("link"), thing("c")], { firstOrdinal: 8 }))
    expect(await told()).toEqual(["created thing/c 7", "removed thing/a 8"])
    await commit(store, block(7, [links("x", "d"), retract("x")], { firstOrdinal: 10 }))
    expect(await told()).toEqual([])
    await commit(store, block(8, [thing("a", { n: 4 })], { firstOrdinal: 12 }))
    const [again = ""] = await told()
    expect(again).toMatch(/^created thing\/a \d+$/)
    const { revision } = (await run(store.reads.entity(tenant, "thing", "a"))) ?? { revision: 0 }
    expect(again).toBe(`created thing/a ${revision}`)
    expect(revision).toBeGreaterThan(8)
  })

  it("names what is gone by now, from each of its changes on", async () => {
    const store = await open()
    await commit(store, block(1, [thing("a")]))
    await commit(store, block(2, [thing("a", { n: 1 })], { firstOrdinal: 1 }))
    await commit(store, block(3, [retract("a")], { firstOrdinal: 2 }))
    await commit(store, block(4, [thing("b")], { firstOrdinal: 3 }))
    const { feed } = await run(store.feed.position(tenant))
    const changes = await all(store, tenant, { feed, sequences: [] }, undefined, 2)
    expect(changes.map(({ entity, position: _, ...change }) => [change, entity?.key])).toEqual([
      [{ kind: "created", type: "thing", key: "a", revision: 1 }, undefined],
      [{ kind: "updated", type: "thing", key: "a", revision: 2 }, undefined],
      [{ kind: "removed", type: "thing", key: "a", revision: expect.any(Number) }, undefined],
      [{ kind: "created", type: "thing", key: "b", revision: expect.any(Number) }, "b"],
    ])
  })

  it("leads from any place and any snapshot to what is visible, whatever happened", async () => {
    const store = await open()
    let tenants = 0
    await fc.assert(
      fc.asyncProperty(readings, priorities, choices, async (runs, settings, numbers) => {
        const choose = chooser(numbers)
        const steps = stepsOf(schedule(runs, choose), settings, choose)
        await follows(store, `random-${tenants++}`, steps, choose)
      }),
      // A failure is told before the test's time is over, however far it was made smaller by then.
      { numRuns: histories, interruptAfterTimeLimit: followedMillisMax },
    )
  })

  it("tells whoever watches a tenant, until it stops, and after the change is there", async () => {
    const store = await open()
    const seen: string[] = []
    const changes = () => run(store.feed.position(tenant)).then(({ sequences }) => sequences)
    const watch = (name: string, label: string) =>
      store.feed.watch(name, () => void seen.push(label))
    const stop = watch(tenant, "first")
    const stopOther = watch(tenant, "second")
    watch("other", "other")
    await commit(store, block(1, [thing("a")]))
    expect([seen.splice(0), await changes()]).toEqual([["first", "second"], [1]])
    await commit(store, block(2, [thing("a")], { firstOrdinal: 1 }))
    expect(seen).toEqual([])
    stop()
    stop()
    const other = { source: "weaker", run: { epoch: 1, count: 2 }, partition: 1 }
    await commit(store, block(1, [thing("a", { name: "b" })], other))
    expect([seen.splice(0), await changes()]).toEqual([[], [1]])
    await run(store.sink.configureSource(tenant, "weaker", { priority: 1 }))
    expect([seen.splice(0), await changes()]).toEqual([["second"], [2]])
    stopOther()
    await commit(store, block(3, [thing("c")], { firstOrdinal: 2 }))
    expect(seen).toEqual([])
  })

  it("does not know places of another feed, beyond its end, or that never were", async () => {
    const [store, other] = [await open(), await open()]
    for (const one of [store, other]) await commit(one, block(1, [thing("a")], { partition: 1 }))
    const { feed } = await run(store.feed.position(tenant))
    const read = (position: FeedPosition) =>
      run(store.feed.changes(tenant, {}, { first: 1, after: position }))
    expect((await read({ feed, sequences: [] }))?.changes).toHaveLength(1)
    expect(await read({ feed, sequences: [0, 1, 0] })).toMatchObject({ changes: [] })
    expect(await read({ feed, sequences: [1] })).toBeUndefined()
    expect(await read({ feed, sequences: [0, 2] })).toBeUndefined()
    expect(await read({ feed, sequences: [-1, 1] })).toBeUndefined()
    expect(await read({ feed, sequences: [0.5] })).toBeUndefined()
    expect(await read(await run(other.feed.position(tenant)))).toBeUndefined()
  })

  it("shows a tenant its own changes only", async () => {
    const store = await open()
    const names = ["one", "two"]
    for (const name of names) {
      await commit(store, block(1, [thing("a", { of: name })], { tenant: name }))
      await commit(store, block(2, [thing(`only-${name}`)], { tenant: name, firstOrdinal: 1 }))
    }
    for (const name of [...names, "nobody"]) {
      const { feed, sequences } = await run(store.feed.position(name))
      const changes = await all(store, name, { feed, sequences: [] }, undefined, 9)
      expect(sequences).toEqual(name === "nobody" ? [] : [2])
      const expected = [
        { key: "a", revision: 1, entity: { properties: { of: name } } },
        { key: `only-${name}`, revision: 2 },
      ]
      expect(changes).toMatchObject(name === "nobody" ? [] : expected)
    }
  })

  it("reads at most a page at once", async () => {
    const store = await open()
    const after = await run(store.feed.position(tenant))
    const failure = (first: number) =>
      runExit(store.feed.changes(tenant, {}, { first, after })).then((exit) => String(exit))
    expect(await failure(changesPageMax + 1)).toContain("LimitExceeded")
    expect(await failure(0)).toContain("Invalid")
    expect(await failure(changesPageMax)).toContain("Success")
  })
}

const commit = (store: GraphStore, ...blocks: readonly BlockEffects[]) =>
  run(store.sink.commit(blocks))

/** What happened since it was last asked. */
function teller(store: GraphStore) {
  let after: FeedPosition | undefined
  return async () => {
    after ??= { feed: (await run(store.feed.position(tenant))).feed, sequences: [] }
    const changes = await all(store, tenant, after, undefined, 500)
    after = changes.at(-1)?.position ?? after
    return changes.map(({ kind, type, key, revision }) => `${kind} ${type}/${key} ${revision}`)
  }
}

/** Settings among the calls, wherever `choose` puts them. */
function stepsOf(
  calls: readonly (readonly BlockEffects[])[],
  settings: readonly { readonly source: string; readonly priority: number }[],
  choose: (below: number) => number,
): readonly Step[] {
  const steps: Step[] = calls.map((blocks) => (store, name) => {
    const own = blocks.map((one) => ({ ...one, tenant: name, shard: shardOf(name, one.partition) }))
    return commit(store, ...own)
  })
  for (const { source, priority } of settings) {
    const step: Step = (store, name) => run(store.sink.configureSource(name, source, { priority }))
    steps.splice(choose(steps.length + 1), 0, step)
  }
  return steps
}

/**
 * Goes through the steps and checks each against the graph before and after it; then from each
 * moment on, and from a snapshot whose pages are of several moments.
 */
async function follows(
  store: GraphStore,
  name: string,
  steps: readonly Step[],
  choose: (below: number) => number,
): Promise<void> {
  const begin = await run(store.feed.position(name))
  const moments: { at: FeedPosition; graph: Graph }[] = []
  const expected: Change[] = []
  const pages: SnapshotPage[] = []
  let graph: Graph = await graphOf(store, name)
  for (const step of steps) {
    const at = await run(store.feed.position(name))
    moments.push({ at, graph })
    if (choose(2) === 0) await readOn(store, name, pages)
    await step(store, name)
    const after = await graphOf(store, name)
    const happened = await all(store, name, at, undefined, 1 + choose(3))
    expect(happened.map(plain).sort(byName)).toEqual(changesBetween(graph, after).sort(byName))
    for (const { revision, ...one } of happened) {
      expect(revision).toBeGreaterThan(expected.at(-1)?.revision ?? 0)
      expected.push(plain({ revision, ...one }))
    }
    graph = after
  }
  while (pages.at(-1)?.hasMore !== false) await readOn(store, name, pages)
  for (const { at, graph: seen } of moments) {
    const tail = await all(store, name, at, undefined, 1 + choose(9))
    expect(bring(seen, tail)).toEqual(graph)
  }
  expect(afterSnapshot(pages, await all(store, name, begin, undefined, 3))).toEqual(graph)
  await resumesAnywhere(store, name, begin, expected, choose)
}

/** From behind each change on there come the others, of all types or of one. */
async function resumesAnywhere(
  store: GraphStore,
  name: string,
  begin: FeedPosition,
  expected: readonly Change[],
  choose: (below: number) => number,
): Promise<void> {
  const types = choose(2) === 0 ? undefined : ["t", "nothing"]
  const wanted = expected.filter(({ type }) => types?.includes(type) !== false)
  const changes = await all(store, name, begin, types, 2)
  expect(changes.map(plain)).toEqual(wanted)
  const from = choose(changes.length + 1)
  const place = changes[from - 1]?.position ?? begin
  const rest = await all(store, name, place, types, 5)
  expect(rest.map(plain)).toEqual(wanted.slice(from))
}

/** All changes behind a place, read in pages of `first`. */
async function all(
  store: GraphStore,
  name: string,
  from: FeedPosition,
  types: readonly string[] | undefined,
  first: number,
): Promise<readonly EntityChange[]> {
  const query = types === undefined ? {} : { types }
  const changes: EntityChange[] = []
  for (let after = from; ; ) {
    const page = await run(store.feed.changes(name, query, { first, after }))
    if (page === undefined) throw new Error("The place is kept.")
    expect(page.changes.length).toBeLessThanOrEqual(first)
    changes.push(...page.changes)
    if (!page.hasMore) return changes
    after = page.position
  }
}

/** One page more, of one entity, after which anything may happen. */
async function readOn(store: GraphStore, name: string, pages: SnapshotPage[]): Promise<void> {
  const last = pages.at(-1)
  if (last?.hasMore === false) return
  const after = last?.end === undefined ? {} : { after: last.end }
  pages.push(await run(store.feed.snapshot(name, {}, { first: 1, ...after })))
}

const nameOf = ({ type, key }: { readonly type: string; readonly key: string }) =>
  canonicalJson([type, key])

async function graphOf(store: GraphStore, name: string): Promise<Graph> {
  const { items } = await run(store.reads.entities(name, {}, { first: 500 }))
  return new Map(items.map((entity) => [nameOf(entity), plainEntity(entity)]))
}

const lookOf = ({ type, key, stub, properties, aliases }: VisibleEntity) =>
  canonicalJson({ type, key, stub, properties, aliases } as unknown as Json)

/** What is different, which must be all that has another revision. */
function changesBetween(before: Graph, after: Graph): Change[] {
  const changes: Change[] = []
  for (const [name, entity] of after) {
    const { type, key, revision } = entity
    const seen = before.get(name)
    const same = seen !== undefined && lookOf(seen) === lookOf(entity)
    if (same) expect(revision).toBe(seen.revision)
    else changes.push({ kind: seen === undefined ? "created" : "updated", type, key, revision })
  }
  for (const [name, { type, key }] of before) {
    if (!after.has(name)) changes.push({ kind: "removed", type, key, revision: expect.any(Number) })
  }
  return changes
}

const plain = ({ kind, type, key, revision }: Change): Change => ({ kind, type, key, revision })

const byName = (a: Change, b: Change) => (nameOf(a) < nameOf(b) ? -1 : 1)

function bring(graph: Graph, changes: readonly EntityChange[]): Graph {
  const now = new Map(graph)
  for (const change of changes) {
    expect(change.kind === "created").toBe(change.kind !== "removed" && !now.has(nameOf(change)))
    if (change.kind === "removed") expect(now.delete(nameOf(change))).toBe(true)
    else now.set(nameOf(change), plainEntity(change.entity ?? goneLater(change)))
  }
  return inOrder(now)
}

/** Stands for an entity that a later change removes. */
const goneLater = ({ type, key, revision }: EntityChange): VisibleEntity => ({
  type,
  key,
  revision,
  stub: true,
  properties: {},
  aliases: [],
})

/**
 * Pages of several moments, brought forward by what each of them does not show yet: a change is in
 * the page that its entity belongs to where it is not above the revision of that page's moment.
 */
function afterSnapshot(pages: readonly SnapshotPage[], changes: readonly EntityChange[]): Graph {
  const shown = pages.flatMap(({ items }) => items)
  const pageOf = (change: EntityChange) =>
    pages.find(({ items: [last], hasMore }) => !hasMore || (last && !isBefore(last, change)))
  const news = changes.filter((change) => change.revision > (pageOf(change)?.revision ?? 0))
  return bring(new Map(shown.map((entity) => [nameOf(entity), plainEntity(entity)])), news)
}

type Named = { readonly type: string; readonly key: string }

const isBefore = (a: Named, b: Named): boolean =>
  Buffer.compare(Buffer.from(a.type), Buffer.from(b.type)) < 0 ||
  (a.type === b.type && Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) < 0)

const inOrder = (graph: Graph): Graph =>
  new Map([...graph].sort(([, a], [, b]) => (isBefore(a, b) ? -1 : 1)))
