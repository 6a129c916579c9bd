/** That what the edge keeps between requests takes the memory that its bounds promise. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Effect from "effect/Effect"
import { GraphQLString } from "graphql"
import { expect, it } from "vitest"
import { localAccess } from "../../gateway/access/access.ts"
import { runCompiled } from "../../gateway/compiled/executable.ts"
import { writerOf } from "../../gateway/compiled/leaf.ts"
import { QueryContext } from "../../gateway/context.ts"
import { Documents } from "../../gateway/document.ts"
import { KeptAnswers } from "../../gateway/kept-answers.ts"
import { servedSchema } from "../../gateway/schema.ts"
import { graphOf } from "./graph.ts"

const graph = graphOf([])
const access = localAccess("demo")
setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** What `make` leaves in memory as long as what it gives is held. */
function heldBytes(make: () => unknown): number {
  collect()
  const before = process.memoryUsage().heapUsed
  const held = make()
  collect()
  const bytes = process.memoryUsage().heapUsed - before
  return held === undefined ? Number.NaN : bytes
}

it("keeps answers as their characters, not as the pieces that they were put together from", () => {
  const kept = new KeptAnswers({
    ...graph.reads,
    acknowledged: () => 1,
    version: () => Effect.succeed("1"),
  })
  const bytes = heldBytes(() => {
    for (let at = 0; at < 50; at++) {
      const asking = kept.ask(access, "json", `/graphql?${at}`)
      asking.find()
      const text = Array.from({ length: 3_000 }, (_, n) => `{"key":"k${n}"}`)
      const answer = { refused: undefined, isComplete: true, isOfGraph: true }
      asking.tagged({ ...answer, text: text.reduce((all, one) => `${all}${one},`, "") })
    }
    return kept
  })
  expect(kept.recent.count).toBe(50)
  expect(bytes).toBeLessThan(1.5 * kept.recent.length)
})

it("remembers no long text of an answer", () => {
  const long = "x".repeat(50_000)
  const bytes = heldBytes(() =>
    Array.from({ length: 100 }, (_, n) => {
      const write = writerOf(GraphQLString)
      write(`${n}${long}`)
      return write
    }),
  )
  expect(bytes).toBeLessThan(1_000_000)
})

const fragments = `
  fragment F on Entity { id type key name stub revision aliases { scheme value } }
  fragment R on Relationship { type derived from { ...F } to { ...F } }
  fragment G on Entity { ...F relationships(first: 1) { end items { ...R } } }
  fragment H on Entity {
    ...G relationships(first: 1) { items { from { ...G } to { ...G } } }
  }`
const conditions = ["a", "b", "c", "d"]

/** As many fields as fragments make of few characters, for each answer of its conditions. */
const manyPlans = (at: number, count: number) => {
  const entities = Array.from(
    { length: count },
    (_, n) => `e${n}: entity(type: "t", key: "k") { ...H }`,
  )
  const skipped = conditions.map((name) => `${name}: __typename @skip(if: $${name})`)
  const declared = conditions.map((name) => `$${name}: Boolean!`)
  return `query Q${at}(${declared}) { ${skipped.join(" ")} ${entities.join(" ")} } ${fragments}`
}

it.each([1, 10, 46])("bounds the plans of an operation, also of %i entities", (count) => {
  const reads = { ...graph.reads, entity: () => Effect.succeed(undefined) }
  const documents = new Documents(servedSchema())
  const all = Array.from({ length: 10 }, (_, at) => {
    const prepared = documents.prepare(manyPlans(at, count))
    const operation = "ready" in prepared ? prepared.ready.operations[0] : undefined
    if (!("ready" in prepared) || operation === undefined) throw new Error("not ready")
    return { ready: prepared.ready, operation }
  })
  const bytes = heldBytes(() => {
    for (const { ready, operation } of all) {
      for (let answers = 0; answers < 2 ** conditions.length; answers++) {
        const given = conditions.map((name, at) => [name, (answers & (1 << at)) > 0])
        const context = new QueryContext({ reads }, access)
        const data = runCompiled(ready, operation, Object.fromEntries(given), context)
        if (count < 46) expect(data).toContain("e0")
      }
    }
    return documents
  })
  expect(bytes / all.length).toBeLessThan(1_000_000)
})
