/**
 * One graph in two stores: the port's conformance suite over the pair, and what is only of a pair:
 * one of them is away, behind, or has another owner.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, describe, expect, it } from "vitest"
import { StoreFailed, Unavailable } from "../../protocols/errors.ts"
import type { BlockEffects } from "../../protocols/graph.ts"
import {
  type GraphSinkShape,
  openGraphStore,
  type PreparedBlock,
  withBeside,
} from "../../stores/index.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"
import { graphConformance } from "./graph-conformance.ts"
import { block, tenant, thing } from "./records.ts"

const folder = mkdtempSync(join(tmpdir(), "intelgraph-beside-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const openBoth = (path: string) =>
  Effect.gen(function* () {
    const asked = yield* openGraphStore({ path })
    const beside = yield* openGraphStore({ path: `${path}-beside` })
    return { asked, beside, both: withBeside(asked, beside.sink) }
  })

graphConformance({
  name: "one graph in two stores",
  open: (path) => Effect.map(openBoth(path), ({ both }) => both),
  histories: 3,
})

let stores = 0
const opened = () => runScoped(openBoth(join(folder, `graph-${stores++}.db`)))

const away = new Unavailable({ message: "It is away.", retryAfterMillis: 1 })

/** A store whose next commits fail: before they happen, or with the answer lost. */
function failing(sink: GraphSinkShape, faults: ("before" | "after")[]): GraphSinkShape {
  return {
    ...sink,
    commit: (blocks) =>
      Effect.suspend(() => {
        const fault = faults.shift()
        if (fault === undefined) return sink.commit(blocks)
        if (fault === "before") return Effect.fail(away)
        return Effect.andThen(sink.commit(blocks), Effect.fail(away))
      }),
  }
}

const shard = block(1, []).shard
const guards = (epoch: number) => [{ shard, epoch }]

describe("a graph in two stores", () => {
  it.each([
    ["the asked one", "asked", "before"],
    ["the asked one, its answer lost", "asked", "after"],
    ["the one beside", "beside", "before"],
    ["the one beside, its answer lost", "beside", "after"],
  ] as const)("has each block once in both when %s was away", async (_, who, when) => {
    const { asked, beside } = await opened()
    const faults = { asked: [] as ("before" | "after")[], beside: [] as ("before" | "after")[] }
    faults[who].push(when, when)
    const { sink } = withBeside(
      { ...asked, sink: failing(asked.sink, faults.asked) },
      failing(beside.sink, faults.beside),
    )
    await run(sink.guard("log", guards(1)))
    const prepared = [thing("a"), thing("b")].map((one, i) => sink.prepare(block(i + 1, [one])))
    const commit = Effect.retry(sink.commit(prepared), { times: 2 })
    expect(await run(Effect.flip(sink.commit(prepared)))).toMatchObject({ _tag: "Unavailable" })
    expect(await run(commit)).toHaveLength(2)
    expect(await run(sink.commit(prepared))).toMatchObject([
      { kind: "already-applied" },
      { kind: "already-applied" },
    ])
    for (const { reads } of [asked, beside]) {
      expect(await run(reads.counts(tenant))).toMatchObject({ entities: 2 })
      const [source] = await run(reads.sources(tenant))
      expect(source?.counters).toMatchObject({ read: 2, accepted: 2, replayed: 0 })
    }
    expect(await run(asked.reads.graphHash(tenant))).toBe(await run(beside.reads.graphHash(tenant)))
  })

  it("counts for whoever asks only what both have", async () => {
    const { asked, beside } = await opened()
    const { sink, reads } = withBeside(asked, failing(beside.sink, ["before"]))
    await run(Effect.flip(sink.commit([block(1, [thing("a")])])))
    expect(await run(reads.runCounters(tenant, "source", { epoch: 1, count: 1 }))).toMatchObject({
      read: 0,
    })
  })

  it("tells as its cursor what both have, and each of them by itself", async () => {
    const { asked, beside, both } = await opened()
    await run(both.sink.commit([block(1, [thing("a")])]))
    await run(beside.sink.commit([block(2, [thing("b")])]))
    await run(asked.sink.commit([block(7, [thing("c")], { partition: 1 })]))
    expect(await run(both.sink.cursors())).toEqual([
      { tenant, partition: 0, sequence: 1, epoch: 1 },
    ])
    expect(await run(both.sink.cursors(tenant))).toHaveLength(1)
    const each = both.sink.each ?? []
    const cursors = await Promise.all(each.map((sink) => run(sink.cursors())))
    expect(cursors.map((list) => list.map(({ sequence }) => sequence))).toEqual([[1, 7], [2]])
  })

  it("takes nothing from an owner whom one refuses, and all of the next one's", async () => {
    const { asked, beside, both } = await opened()
    await run(both.sink.guard("log", guards(1)))
    await run(beside.sink.guard("log", guards(2)))
    const other = block(1, [thing("b")], { partition: 1 })
    const late = await run(both.sink.commit([block(1, [thing("a")]), other]))
    expect(late).toMatchObject([{ kind: "fenced", current: 2 }, { kind: "applied" }])
    expect(await run(asked.reads.entity(tenant, "thing", "a"))).toBeUndefined()
    await run(both.sink.guard("log", guards(2)))
    const own = await run(both.sink.commit([block(1, [thing("a")], { epoch: 2 })]))
    expect(own).toMatchObject([{ kind: "applied" }])
    expect(await run(asked.reads.graphHash(tenant))).toBe(await run(beside.reads.graphHash(tenant)))
  })

  it("has a block once that an old owner brought into one of them during a takeover", async () => {
    const { asked, beside, both } = await opened()
    await run(both.sink.guard("log", guards(1)))
    const of = (epoch: number): BlockEffects => block(1, [thing("a")], { epoch })
    await run(asked.sink.guard("log", guards(2)))
    // The other is not guarded yet: it takes the block, and the first one refuses it.
    expect(await run(both.sink.commit([of(1)]))).toEqual([{ kind: "fenced", current: 2 }])
    await run(beside.sink.guard("log", guards(2)))
    expect(await run(both.sink.cursors())).toEqual([])
    expect(await run(both.sink.commit([of(1)]))).toEqual([{ kind: "fenced", current: 2 }])
    expect(await run(both.sink.commit([of(2)]))).toMatchObject([{ kind: "applied" }])
    for (const { reads } of [asked, beside]) {
      const [source] = await run(reads.sources(tenant))
      expect(source?.counters).toMatchObject({ read: 1, accepted: 1, replayed: 0 })
    }
    expect(await run(asked.reads.graphHash(tenant))).toBe(await run(beside.reads.graphHash(tenant)))
  })

  it("takes blocks as each store prepares them, and the priority of a source", async () => {
    const { asked, beside } = await opened()
    const prepared: PreparedBlock[] = []
    const own: GraphSinkShape = {
      ...beside.sink,
      prepare: (given) => {
        const one = beside.sink.prepare(given)
        prepared.push(one)
        return one
      },
    }
    const { sink } = withBeside(asked, own)
    const said = (source: string, at: number) =>
      sink.prepare(
        block(at, [thing("a", { name: source })], { source, run: { epoch: 1, count: 1 } }),
      )
    const both = [said("one", 1), said("two", 2)]
    await run(sink.commit(both))
    expect(prepared.length).toBe(2)
    for (const one of both) one.release()
    for (const { bytes } of [...both, ...prepared]) expect(bytes.buffer.detached).toBe(true)
    await run(sink.configureSource(tenant, "two", { priority: 5 }))
    for (const { reads } of [asked, beside]) {
      const entity = await run(reads.entity(tenant, "thing", "a"))
      expect(entity?.properties).toEqual({ name: "two" })
    }
  })

  it("is not copied as one", async () => {
    const { both } = await opened()
    expect(await run(Effect.flip(both.sink.backup(join(folder, "copy"))))).toBeInstanceOf(
      StoreFailed,
    )
  })
})
