/**
 * What every adapter of the graph port must do: fences, cursors, sameness, the schedules of
 * contracts §13 that live in a sink, tenants, and what the reads promise. An adapter's test calls
 * it with a way to open a store at a path; the same path opened again is the same store.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { afterAll, describe, expect, it } from "vitest"
import { brokenSourceEquation, noSourceCounters } from "../../protocols/counters.ts"
import type { BlockEffects } from "../../protocols/graph.ts"
import type { BlockOutcome, GraphStore } from "../../stores/index.ts"
import { run, runExit } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"
import { conformanceOfChanges } from "./changes-conformance.ts"
import { conformanceOfLetters } from "./letters-conformance.ts"
import { conformanceOfReads } from "./reads-conformance.ts"
import {
  block,
  byAlias,
  byKey,
  record,
  rejected,
  relates,
  retract,
  tenant,
  thing,
} from "./records.ts"
import { conformanceOfTenants } from "./tenants-conformance.ts"

export interface GraphAdapter {
  readonly name: string
  readonly open: (path: string) => Effect.Effect<GraphStore, unknown, Scope.Scope>
  /** Random histories that the change feed is followed through; each asks some hundred times. */
  readonly histories?: number
}

export function graphConformance(adapter: GraphAdapter): void {
  const folder = mkdtempSync(join(tmpdir(), "intelgraph-store-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  let stores = 0
  const open = () => runScoped(adapter.open(join(folder, `graph-${stores++}.db`)))
  const reopened = () => {
    const path = join(folder, `graph-${stores++}.db`)
    return <A>(use: (store: GraphStore) => Effect.Effect<A, unknown>) =>
      run(Effect.scoped(Effect.flatMap(adapter.open(path), use)))
  }

  describe(`${adapter.name}: fences and cursors`, () => fencesAndCursors(open, reopened))
  describe(`${adapter.name}: sameness and counting`, () => samenessAndCounting(open, reopened))
  describe(`${adapter.name}: what is visible`, () => whatIsVisible(open))
  describe(`${adapter.name}: tenants`, () => conformanceOfTenants(open))
  describe(`${adapter.name}: reads`, () => conformanceOfReads(open))
  describe(`${adapter.name}: dead letters`, () => conformanceOfLetters(open))
  describe(`${adapter.name}: changes`, () => conformanceOfChanges(open, adapter.histories))
}

export type Open = () => Promise<GraphStore>
type Reopened = () => <A>(use: (store: GraphStore) => Effect.Effect<A, unknown>) => Promise<A>

const commit = (store: GraphStore, ...blocks: BlockEffects[]) => run(store.sink.commit(blocks))

const kinds = (outcomes: readonly BlockOutcome[]) => outcomes.map(({ kind }) => kind)

const countedOf = (outcomes: readonly BlockOutcome[]) =>
  outcomes.map((outcome) => (outcome.kind === "applied" ? outcome.counted : undefined))

const nameOf = async ({ reads }: GraphStore, key: string) =>
  (await run(reads.entity(tenant, "thing", key)))?.properties.name

function fencesAndCursors(open: Open, reopened: Reopened): void {
  it("applies a block once, whatever it holds the second time", async () => {
    const store = await open()
    expect(kinds(await commit(store, block(1, [thing("a")])))).toEqual(["applied"])
    const again = await commit(store, block(1, [thing("b")]), block(2, [thing("c")]))
    expect(kinds(again)).toEqual(["already-applied", "applied"])
    expect(await nameOf(store, "b")).toBeUndefined()
    expect(await nameOf(store, "c")).toBe("c")
  })

  it("answers already applied to a block that comes back after its successor", async () => {
    const store = await open()
    expect(kinds(await commit(store, block(2, [thing("b")])))).toEqual(["applied"])
    expect(kinds(await commit(store, block(1, [thing("a")])))).toEqual(["already-applied"])
  })

  it("refuses a block of an epoch below the guard and changes nothing", async () => {
    const store = await open()
    const { shard } = block(1, [])
    await run(store.sink.guard("log", [{ shard, epoch: 3 }]))
    const late = await commit(store, block(1, [thing("a")], { epoch: 2 }))
    expect(late).toEqual([{ kind: "fenced", current: 3 }])
    expect(await run(store.sink.cursors())).toEqual([])
    expect(await run(store.reads.tenants)).toEqual([])
    const own = await commit(store, block(1, [thing("a")], { epoch: 3 }))
    expect(kinds(own)).toEqual(["applied"])
  })

  it("fences the blocks of one shard and applies those of another in the same call", async () => {
    const store = await open()
    const other = block(1, [thing("b")], { partition: 1 })
    await run(store.sink.guard("log", [{ shard: block(1, []).shard, epoch: 9 }]))
    expect(kinds(await commit(store, block(1, [thing("a")]), other))).toEqual(["fenced", "applied"])
    expect(await nameOf(store, "a")).toBeUndefined()
    expect(await nameOf(store, "b")).toBe("b")
  })

  it("writes no guard of a call in which one is behind", async () => {
    const store = await open()
    await run(store.sink.guard("log", [{ shard: 1, epoch: 5 }]))
    const guards = [
      { shard: 2, epoch: 7 },
      { shard: 1, epoch: 4 },
    ]
    const refused = await run(Effect.flip(store.sink.guard("log", guards)))
    expect(refused).toMatchObject({ _tag: "Fenced", shard: 1, epoch: 4, current: 5 })
    await run(store.sink.guard("log", [{ shard: 2, epoch: 1 }]))
  })

  it("refuses another log than the one its cursors count", async () => {
    const within = reopened()
    await within(({ sink }) => sink.guard("log-a", [{ shard: 1, epoch: 1 }]))
    const refused = await within(({ sink }) =>
      Effect.flip(sink.guard("log-b", [{ shard: 1, epoch: 2 }])),
    )
    expect(refused).toMatchObject({ _tag: "LogDamaged" })
    await within(({ sink }) => sink.guard("log-a", [{ shard: 1, epoch: 2 }]))
  })

  it("keeps guards, cursors and the graph when it is opened again", async () => {
    const within = reopened()
    await within(({ sink }) => sink.commit([block(4, [thing("a")], { epoch: 2 })]))
    await within((store) =>
      Effect.gen(function* () {
        expect(yield* store.sink.cursors(tenant)).toEqual([
          { tenant, partition: 0, sequence: 4, epoch: 2 },
        ])
        expect(yield* store.sink.cursors("nobody")).toEqual([])
        const outcomes = yield* store.sink.commit([
          block(5, [thing("b")], { epoch: 1 }),
          block(4, [thing("b")], { epoch: 2 }),
        ])
        expect(kinds(outcomes)).toEqual(["fenced", "already-applied"])
      }),
    )
  })

  it("takes a prepared block again until it is released, and not after", async () => {
    const { sink } = await open()
    const prepared = sink.prepare(block(1, [thing("a")]))
    expect(kinds(await run(sink.commit([prepared])))).toEqual(["applied"])
    expect(kinds(await run(sink.commit([prepared])))).toEqual(["already-applied"])
    prepared.release()
    prepared.release()
    await expect(run(sink.commit([prepared]))).rejects.toThrow("released is not committed")
    const next = sink.prepare(block(2, [thing("b")]))
    expect(kinds(await run(sink.commit([next])))).toEqual(["applied"])
  })

  it("lets a call without blocks and a block without records pass", async () => {
    const store = await open()
    expect(await commit(store)).toEqual([])
    expect(countedOf(await commit(store, block(1, [])))).toEqual([noSourceCounters])
    expect(kinds(await commit(store, block(1, [])))).toEqual(["already-applied"])
  })
}

function samenessAndCounting(open: Open, reopened: Reopened): void {
  const second = { run: { epoch: 1, count: 2 } }
  const third = { run: { epoch: 1, count: 3 } }

  it("counts a changed record as accepted, an equal one as duplicate", async () => {
    const store = await open()
    const outcomes = await commit(
      store,
      block(1, [thing("a", { name: "A" }), thing("b")]),
      block(2, [thing("a", { name: "B" }), thing("b")], second),
      block(3, [thing("a", { name: "A" })], third),
    )
    expect(countedOf(outcomes)).toEqual([
      { ...noSourceCounters, read: 2, accepted: 2 },
      { ...noSourceCounters, read: 2, accepted: 1, duplicates: 1 },
      { ...noSourceCounters, read: 1, accepted: 1 },
    ])
    expect(await nameOf(store, "a")).toBe("A")
  })

  it("keeps the newest of versions 3, 1, 2 and counts the others as stale duplicates", async () => {
    const store = await open()
    const version = (n: number) => thing("a", { name: `v${n}` }, { version: n })
    const outcomes = await commit(store, block(1, [version(3), version(1), version(2)]))
    const counted = { ...noSourceCounters, read: 3, accepted: 1, duplicates: 2, stale: 2 }
    expect(countedOf(outcomes)).toEqual([counted])
    expect(await nameOf(store, "a")).toBe("v3")
    const later = await commit(store, block(2, [version(4)], second))
    expect(countedOf(later)).toEqual([{ ...noSourceCounters, read: 1, accepted: 1 }])
  })

  it("ignores what is sent again after a crash, in other blocks too", async () => {
    const store = await open()
    const records = [thing("a"), thing("b"), rejected("!2"), thing("c")]
    await commit(store, block(1, records.slice(0, 3)))
    const again = await commit(store, block(2, records.slice(1), { firstOrdinal: 1 }))
    expect(countedOf(again)).toEqual([{ ...noSourceCounters, read: 1, accepted: 1, replayed: 2 }])
    const [source] = await run(store.reads.sources(tenant))
    expect(source?.counters).toEqual({
      ...noSourceCounters,
      read: 4,
      accepted: 3,
      deadLettered: 1,
      replayed: 2,
    })
    expect((await run(store.reads.deadLetters(tenant, {}, { first: 9 }))).items).toHaveLength(1)
  })

  it("ignores a late copy of a run that a later one has overtaken", async () => {
    const store = await open()
    const first = (sequence: number, name: string, more = {}) =>
      block(sequence, [thing("a", { name })], more)
    await commit(store, first(1, "one"), first(2, "two", second), first(3, "one", third))
    expect(await nameOf(store, "a")).toBe("one")
    const late = await commit(store, first(4, "late"), first(5, "late", second))
    expect(countedOf(late)).toEqual([
      { ...noSourceCounters, replayed: 1 },
      { ...noSourceCounters, replayed: 1 },
    ])
    expect(await nameOf(store, "a")).toBe("one")
  })

  it("keeps a record's earlier version when a later one is set aside", async () => {
    const store = await open()
    const broken = { ...rejected("a"), op: "assert" as const }
    await commit(store, block(1, [thing("a")]), block(2, [broken], second))
    expect(await nameOf(store, "a")).toBe("a")
    const mended = await commit(store, block(3, [thing("a")], third))
    expect(countedOf(mended)).toEqual([{ ...noSourceCounters, read: 1, duplicates: 1 }])
  })

  it("takes a record whose first version was set aside, however old", async () => {
    const store = await open()
    const broken = { ...rejected("a"), op: "assert" as const, version: 9 }
    await commit(store, block(1, [broken]))
    const mended = await commit(store, block(2, [thing("a", {}, { version: 3 })], second))
    expect(countedOf(mended)).toEqual([{ ...noSourceCounters, read: 1, accepted: 1 }])
  })

  it("counts each run for itself, and all of a source together", async () => {
    const within = reopened()
    await within(({ sink }) =>
      sink.commit([block(1, [thing("a"), rejected("!1")]), block(2, [thing("a")], second)]),
    )
    await within(({ reads }) =>
      Effect.gen(function* () {
        const first = yield* reads.runCounters(tenant, "source", { epoch: 1, count: 1 })
        expect(first).toEqual({ ...noSourceCounters, read: 2, accepted: 1, deadLettered: 1 })
        const again = yield* reads.runCounters(tenant, "source", second.run)
        expect(again).toEqual({ ...noSourceCounters, read: 1, duplicates: 1 })
        const none = yield* reads.runCounters(tenant, "source", third.run)
        expect(none).toEqual(noSourceCounters)
        const [source] = yield* reads.sources(tenant)
        expect(source?.counters.read).toBe(3)
        expect(brokenSourceEquation(source?.counters ?? noSourceCounters)).toBeUndefined()
      }),
    )
  })

  it("counts a duplicate when a record is taken back twice, or was never there", async () => {
    const store = await open()
    const [first] = countedOf(
      await commit(store, block(1, [thing("a"), retract("b"), rejected("c")])),
    )
    expect(first).toMatchObject({ read: 3, accepted: 1, duplicates: 1, deadLettered: 1 })
    const [counted] = countedOf(await commit(store, block(2, [retract("a")], second)))
    expect(counted).toMatchObject({ accepted: 1 })
    const all = [retract("a"), retract("b"), retract("c")]
    const [again] = countedOf(await commit(store, block(3, all, third)))
    expect(again).toMatchObject({ read: 3, duplicates: 3 })
    const [sentAgain] = countedOf(await commit(store, block(4, all, third)))
    expect(sentAgain).toMatchObject({ read: 0, replayed: 3 })
    expect(await run(store.reads.counts(tenant))).toMatchObject({ entities: 0, assertions: 0 })
  })

  it("does not take a record that cannot be stored, and goes on with the next call", async () => {
    const store = await open()
    const exit = await runExit(store.sink.commit([block(1, [thing("a", { name: "\ud800" })])]))
    expect(exit._tag).toBe("Failure")
    expect(kinds(await commit(store, block(1, [thing("a")])))).toEqual(["applied"])
  })
}

function whatIsVisible(open: Open): void {
  it("completes a stub that was known by alias when an entity claims it", async () => {
    const store = await open()
    const user = record("r", { relationships: [relates(byKey("g"), byAlias("T1"))] })
    await commit(store, block(1, [user]))
    const stub = await run(store.reads.entity(tenant, "thing", "~id:T1"))
    expect(stub).toMatchObject({ stub: true })
    const aliases = [{ scheme: "id", value: "T1" }]
    await commit(store, block(2, [thing("t", { name: "T" }, { aliases })], { firstOrdinal: 1 }))
    expect(await run(store.reads.entity(tenant, "thing", "~id:T1"))).toBeUndefined()
    const at = await run(
      store.reads.relationships(tenant, byKeyed("t"), { direction: "in" }, { first: 9 }),
    )
    expect(at.items).toMatchObject([{ type: "uses", from: { key: "g" }, to: { key: "t" } }])
  })

  it("gives an ambiguous alias to the claimer that is not revoked, then by key", async () => {
    const store = await open()
    const aliases = [{ scheme: "id", value: "T1" }]
    const claims = (key: string, revoked: boolean) => thing(key, { revoked }, { aliases })
    const user = record("r", { relationships: [relates(byKey("g"), byAlias("T1"))] })
    const end = async () => {
      const at = byKeyed("g")
      const page = await run(
        store.reads.relationships(tenant, at, { direction: "out" }, { first: 9 }),
      )
      return page.items.map(({ to }) => to.key)
    }
    await commit(store, block(1, [user, claims("c", false), claims("b", true)]))
    expect(await end()).toEqual(["c"])
    expect(await run(store.reads.counts(tenant))).toMatchObject({ ambiguous: 1, stubs: 1 })
    await commit(store, block(2, [claims("b", false)], { firstOrdinal: 3 }))
    expect(await end()).toEqual(["b"])
    await commit(store, block(3, [retract("b")], { firstOrdinal: 4 }))
    expect(await end()).toEqual(["c"])
    expect(await run(store.reads.counts(tenant))).toMatchObject({ ambiguous: 0 })
  })

  it("shows a change of a source's priority at once", async () => {
    const store = await open()
    await commit(
      store,
      block(1, [thing("a", { name: "one", only: 1 })], { source: "one" }),
      block(2, [thing("a", { name: "two" }, { version: 5 })], { source: "two" }),
    )
    expect(await nameOf(store, "a")).toBe("two")
    await run(store.sink.configureSource(tenant, "one", { priority: 1 }))
    expect(await nameOf(store, "a")).toBe("one")
    const assertions = await run(store.reads.assertions(tenant, "thing", "a"))
    expect(assertions.map(({ source, version }) => [source, version])).toEqual([
      ["one", undefined],
      ["two", 5],
    ])
    await run(store.sink.configureSource(tenant, "one", { priority: 0 }))
    expect(await nameOf(store, "a")).toBe("two")
    expect((await run(store.reads.entity(tenant, "thing", "a")))?.properties).toEqual({
      name: "two",
      only: 1,
    })
  })

  it("has another version after each commit that can be seen, and no other one else", async () => {
    const store = await open()
    const versionOf = (name: string) => run(store.reads.version(name))
    const before = await versionOf(tenant)
    const seen = new Set([before])
    const steps = [
      () => commit(store, block(1, [thing("a", { name: "one" })])),
      () => commit(store, block(2, [thing("a", { name: "one" })])),
      () => commit(store, block(1, [thing("b", {})], { partition: 1 })),
      () => run(store.sink.configureSource(tenant, "new", { priority: 0 })),
      () => run(store.sink.configureSource(tenant, "new", { priority: 1 })),
      () => commit(store, block(3, [thing("a", { name: "two" })])),
    ]
    for (const step of steps) {
      await step()
      const version = await versionOf(tenant)
      expect(seen).not.toContain(version)
      expect(await versionOf(tenant)).toBe(version)
      seen.add(version)
    }
    const last = await versionOf(tenant)
    await commit(store, block(3, [thing("a", { name: "two" })]))
    await commit(store, block(1, [thing("a", {})], { tenant: "other" }))
    expect(await versionOf(tenant)).toBe(last)
  })

  it("replaces everything that a record said before", async () => {
    const store = await open()
    const both = record("r", {
      entities: [
        { type: "thing", key: "a", aliases: [], properties: {} },
        { type: "thing", key: "b", aliases: [], properties: {} },
      ],
      relationships: [relates(byKey("a"), byKey("b")), relates(byKey("a"), byKey("c"))],
    })
    await commit(store, block(1, [both]))
    const less = record("r", {
      entities: [{ type: "thing", key: "a", aliases: [], properties: {} }],
      relationships: [relates(byKey("a"), byKey("b"))],
    })
    await commit(store, block(2, [less], { firstOrdinal: 1 }))
    const page = await run(store.reads.entities(tenant, {}, { first: 9 }))
    expect(page.items.map(({ key, stub }) => [key, stub])).toEqual([
      ["a", false],
      ["b", true],
    ])
    expect(await run(store.reads.counts(tenant))).toMatchObject({
      entities: 1,
      stubs: 1,
      relationships: 1,
      assertions: 2,
    })
  })
}

const byKeyed = (key: string) => ({ type: "thing", key })
