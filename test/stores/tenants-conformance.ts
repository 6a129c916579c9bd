/**
 * What every adapter of the graph port keeps apart: the tenants of one store. Part of
 * `graph-conformance.ts`.
 */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import type { BlockEffects } from "../../protocols/graph.ts"
import type { GraphStore } from "../../stores/index.ts"
import { run } from "../support/run.ts"
import type { Open } from "./graph-conformance.ts"
import { block, byAlias, byKey, record, rejected, relates, retract, thing } from "./records.ts"

export function conformanceOfTenants(open: Open): void {
  it("shows a tenant nothing of another, in any read", async () => {
    const store = await open()
    const graph = (mark: string) => {
      const aliases = [{ scheme: "id", value: "T1" }]
      return [
        thing("a", { name: `name ${mark}`, list: [mark] }, { aliases }),
        thing("b", { name: mark }),
        record(`r-${mark}`, {
          relationships: [
            relates(byAlias("T1"), byKey("b"), { properties: { mark } }),
            relates(byKey("a"), byKey(mark), { discriminator: mark }),
          ],
        }),
        rejected(`!${mark}`, `detail ${mark}`),
      ]
    }
    await commit(
      store,
      block(1, graph("apricot"), { tenant: "one", source: "apricots", file: "apricot.json" }),
      block(1, graph("banana"), { tenant: "two", source: "bananas", file: "banana.json" }),
    )
    const seen = JSON.stringify(await run(everything(store.reads, "one")))
    expect(seen).toContain("apricot")
    expect(seen).not.toContain("banana")
    expect(JSON.stringify(await run(everything(store.reads, "two")))).not.toContain("apricot")
    expect(await run(store.reads.tenants)).toEqual(["one", "two"])
    const [one, two] = [await hashOf(store, "one"), await hashOf(store, "two")]
    expect(one).not.toBe(two)
    await commit(store, block(2, [retract("a")], { tenant: "two", source: "bananas" }))
    await commit(store, block(3, [retract("a")], { tenant: "two", source: "apricots" }))
    expect(await hashOf(store, "one")).toBe(one)
  })

  it("decides of tenants whose blocks come in one call as of each alone", async () => {
    const store = await open()
    // Those before and behind the busy one, by name, are through with what they ask sooner.
    const together = ["a-calm", "b-busy", "c-calm", "d-calmer"]
    const alone = together.map((name) => `${name}-alone`)
    for (const sequence of [1, 2]) {
      await commit(store, ...together.map((name) => blockOf(name, sequence)))
      for (const name of alone) await commit(store, blockOf(name, sequence))
    }
    for (const name of together) {
      expect(await hashOf(store, name), name).toBe(await hashOf(store, `${name}-alone`))
    }
    const uses = store.reads.relationships("b-busy", at("a"), { direction: "out" }, { first: 9 })
    expect((await run(uses)).items).toMatchObject([{ to: at("b"), properties: { by: "second" } }])
  })

  it("answers an unknown tenant as an empty one", async () => {
    const store = await open()
    await commit(store, block(1, [thing("a")]))
    const empty = await open()
    expect(await run(everything(store.reads, "nobody"))).toEqual(
      await run(everything(empty.reads, "nobody")),
    )
    expect(await hashOf(store, "nobody")).toBe(await hashOf(empty, "nobody"))
  })
}

const commit = (store: GraphStore, ...blocks: BlockEffects[]) => run(store.sink.commit(blocks))

const hashOf = (store: GraphStore, name: string) => run(store.reads.graphHash(name))

const at = (key: string) => ({ type: "thing", key })

/** In its second block one of two records that say the same of `b-busy` is taken back. */
function blockOf(name: string, sequence: number): BlockEffects {
  const shared = thing("shared", { name: "first" })
  const again = record("again", { entities: thing("shared").entities })
  const says = (by: string) =>
    record(by, { relationships: [relates(byAlias("T1"), byKey("b"), { properties: { by } })] })
  const claims = thing("a", {}, { aliases: [{ scheme: "id", value: "T1" }] })
  const shapes = {
    busy: [[claims, thing("b"), says("first"), says("second")], [retract("first")]],
    calm: [[shared, again], [thing("shared", { name: "second" })]],
    calmer: [[thing("c")], [thing("c", { name: "other" })]],
  }
  const kind = name.split("-")[1] as keyof typeof shapes
  return block(sequence, shapes[kind][sequence - 1] ?? [], {
    tenant: name,
    run: { epoch: 1, count: sequence },
  })
}

/** Every read of a tenant. */
export const everything = (reads: GraphStore["reads"], name: string) => {
  const a = at("a")
  const step = { relationship: "uses", direction: "out" as const, type: "thing", source: "source" }
  const steps = [step, { ...step, direction: "in" as const }]
  const search = (text: string) => reads.entities(name, { text }, { first: 99 })
  return Effect.all([
    reads.entity(name, "thing", "a"),
    reads.assertions(name, "thing", "a"),
    reads.entities(name, {}, { first: 99 }),
    reads.entities(name, { properties: [{ name: "name", eq: "name banana" }] }, { first: 99 }),
    search("name"),
    search("banana"),
    search("apricot"),
    reads.relationships(name, a, { direction: "both" }, { first: 99 }),
    reads.neighbors(name, a, { hops: 3 }),
    reads.path(name, a, at("b"), 6),
    reads.rank(name, { type: "thing", unless: [], steps, count: 0, first: 9 }),
    reads.counts(name),
    reads.sources(name),
    reads.runCounters(name, "source", { epoch: 1, count: 1 }),
    reads.deadLetters(name, {}, { first: 99 }),
  ])
}
