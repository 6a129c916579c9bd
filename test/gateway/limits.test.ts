import * as Effect from "effect/Effect"
import fc from "fast-check"
import { getIntrospectionQuery } from "graphql"
import { describe, expect, it } from "vitest"
import type { QueryAnswer, Sources } from "../../gateway/index.ts"
import { executeQuery } from "../../gateway/index.ts"
import {
  deadLetterBytesMax,
  neighborsHopsMax,
  pageSizeMax,
  pathHopsMax,
  queryAliasesMax,
  queryDepthMax,
  queryListMax,
  queryRowsMax,
  queryScansMax,
  queryTokensMax,
  rankStepsMax,
  searchTextBytesMax,
} from "../../protocols/limits.ts"
import { run } from "../support/run.ts"
import { graphOf } from "./graph.ts"

const graph = graphOf([])

/** Reads that count, so that a test sees whether anything was read. */
function watched(): Sources & { readonly count: () => number } {
  let count = 0
  const reads = new Proxy(graph.reads, {
    get: (target, name, receiver) => {
      const read = Reflect.get(target, name, receiver)
      return (...given: unknown[]) => {
        count += 1
        return read(...given)
      }
    },
  })
  return { reads, count: () => count }
}

const answer = (
  document: string,
  variables: { readonly [name: string]: unknown } = {},
  sources: Sources = watched(),
): Promise<QueryAnswer> => run(executeQuery(sources, { tenant: "demo", document, variables }))

/** The limit by which a query was refused, before anything was read. */
async function limitOf(document: string, variables?: { [name: string]: unknown }) {
  const sources = watched()
  const { data, errors } = await answer(document, variables, sources)
  expect([data ?? undefined, sources.count()]).toEqual([undefined, 0])
  const { code, limit, bound, value, next } = errors?.[0]?.extensions ?? {}
  expect([code, typeof next]).toEqual(["LIMIT_EXCEEDED", "string"])
  expect(value).toBeGreaterThan(Number(bound))
  return [limit, bound]
}

const nested = (times: number) =>
  `{ entity(type: "a", key: "b") { ${"relationships(first: 1) { items { from { ".repeat(times)}
    key ${" } } } ".repeat(times)} } }`

describe("a query over a limit is refused by name before anything is read:", () => {
  it("too deep", async () => {
    expect(await limitOf(nested(queryDepthMax))).toEqual(["queryDepthMax", queryDepthMax])
    const levels = Math.floor((queryDepthMax - 2) / 3)
    expect((await answer(nested(levels))).errors).toBeUndefined()
  })

  it("deep by fragments within fragments", async () => {
    const fragments = Array.from(
      { length: queryDepthMax },
      (_, i) => `fragment F${i} on Entity { relationships { items { from { ...F${i + 1} } } } }`,
    )
    const document =
      `{ entity(type: "a", key: "b") { ...F0 } } ${fragments.join(" ")} ` +
      `fragment F${queryDepthMax} on Entity { key }`
    expect((await limitOf(document))[0]).toBe("queryDepthMax")
  })

  it("too many tokens, wide or huge", async () => {
    const wide = `{ ${"__typename ".repeat(queryTokensMax)} }`
    expect(await limitOf(wide)).toEqual(["queryTokensMax", queryTokensMax])
    const huge = `{ entity(type: "a", key: "b") { ${"key ".repeat(50_000)} } }`
    expect((await limitOf(huge))[0]).toBe("queryTokensMax")
  })

  it("too many aliases, also by fragments that repeat them", async () => {
    const aliased = (count: number) =>
      `{ ${Array.from({ length: count }, (_, i) => `a${i}: __typename`).join(" ")} }`
    expect(await limitOf(aliased(queryAliasesMax + 1))).toEqual([
      "queryAliasesMax",
      queryAliasesMax,
    ])
    expect((await answer(aliased(queryAliasesMax))).errors).toBeUndefined()
    const ten = Array.from({ length: 10 }, (_, i) => `a${i}: key`).join(" ")
    const use = (field: string) => `${field} { items { from { ...F } to { ...F } } }`
    const document = `{ entity(type: "a", key: "b") { ${use("x: relationships")}
      ${use("y: relationships")} ${use("relationships")} } } fragment F on Entity { ${ten} }`
    expect((await limitOf(document))[0]).toBe("queryAliasesMax")
  })

  it("too large a page, distance or excerpt, also by a variable or its default", async () => {
    const over = pageSizeMax + 1
    const page = ["pageSizeMax", pageSizeMax]
    expect(await limitOf(`{ entities(first: ${over}) { end } }`)).toEqual(page)
    const byVariable = "query ($n: Int!) { entities(first: $n) { end } }"
    expect(await limitOf(byVariable, { n: over })).toEqual(page)
    expect(await limitOf(`query ($n: Int = ${over}) { entities(first: $n) { end } }`)).toEqual(page)
    const named = `{ entity(type: "a", key: "b")`
    expect(await limitOf(`${named} { relationships(first: ${over}) { end } } }`)).toEqual(page)
    expect(await limitOf(`{ deadLetters(first: ${over}) { end } }`)).toEqual(page)
    const hops = `hops: ${neighborsHopsMax + 1}`
    expect(await limitOf(`{ neighbors(type: "a", key: "b", ${hops}) { truncated } }`)).toEqual([
      "neighborsHopsMax",
      neighborsHopsMax,
    ])
    const ends = `from: {type: "a", key: "b"}, to: {type: "a", key: "c"}`
    const far = `{ path(${ends}, hopsMax: ${pathHopsMax + 1}) { entities { key } } }`
    expect(await limitOf(far)).toEqual(["pathHopsMax", pathHopsMax])
    const bytes = `{ deadLetters { items { bytes(max: ${deadLetterBytesMax + 1}) } } }`
    expect(await limitOf(bytes)).toEqual(["deadLetterBytesMax", deadLetterBytesMax])
  })

  it("pages within pages that may hold too many rows together", async () => {
    const document = `query ($outer: Int!, $inner: Int!) { entities(first: $outer) {
      items { relationships(first: $inner) { items { type } } } } }`
    expect(await limitOf(document, { outer: 500, inner: 500 })).toEqual([
      "queryRowsMax",
      queryRowsMax,
    ])
    expect((await answer(document, { outer: 100, inner: 100 })).errors).toBeUndefined()
  })

  it("too many wide searches", async () => {
    const stats = Array.from({ length: queryScansMax + 1 }, (_, i) => `s${i}: stats { stubs }`)
    expect(await limitOf(`{ ${stats.join(" ")} }`)).toEqual(["queryScansMax", queryScansMax])
    const filters = Array.from(
      { length: queryScansMax + 1 },
      (_, i) => `f${i}: entities(first: 1, filter: { text: "a" }) { end }`,
    )
    expect((await limitOf(`{ ${filters.join(" ")} }`))[0]).toBe("queryScansMax")
    const spread = `${"...F ".repeat(queryScansMax + 1)}`
    expect(await limitOf(`{ ${spread} } fragment F on Query { stats { stubs } }`)).toEqual([
      "queryScansMax",
      queryScansMax,
    ])
  })

  it("lists and texts in arguments", async () => {
    const steps = Array(rankStepsMax + 1).fill(`{relationship: "uses", type: "b"}`)
    expect(await limitOf(`{ rank(type: "a", steps: [${steps.join(" ")}]) { count } }`)).toEqual([
      "rankStepsMax",
      rankStepsMax,
    ])
    const filtered = "query ($f: EntityFilter) { entities(filter: $f) { end } }"
    const text = "ä".repeat(searchTextBytesMax / 2 + 1)
    expect((await limitOf(filtered, { f: { text } }))[0]).toBe("searchTextBytesMax")
    const among = { property: { name: "a", in: Array(queryListMax + 1).fill(1) } }
    expect((await limitOf(filtered, { f: among }))[0]).toBe("queryListMax")
  })
})

describe("what limits leave open", () => {
  it("is the whole introspection that tools send", async () => {
    const { data, errors } = await answer(getIntrospectionQuery())
    expect(errors).toBeUndefined()
    expect(data).toHaveProperty("__schema")
  })

  it("is not a cycle of fragments, nor an unknown one", async () => {
    const cycle = "{ stats { ...A } } fragment A on Stats { ...B } fragment B on Stats { ...A }"
    expect((await answer(cycle)).errors?.[0]).toMatchObject({
      message: expect.stringContaining("Cannot spread fragment"),
      extensions: { code: "INVALID" },
    })
    expect((await answer("{ ...A }")).errors?.[0]?.extensions?.code).toBe("INVALID")
  })

  it("is rows of lists without pages, which are counted as they are read", async () => {
    const many = Array.from({ length: queryRowsMax + 1 }, (_, i) => ({
      source: `s${i}`,
      recordKey: "r",
      version: undefined,
      run: { epoch: 1, count: 1 },
      ordinal: 0,
      properties: {},
    }))
    const entity = { type: "a", key: "b", stub: false, properties: {}, aliases: [], revision: 1 }
    const reads = {
      ...graph.reads,
      entity: () => Effect.succeed(entity),
      assertionsOf: () => Effect.succeed([many]),
    }
    const document = `{ entity(type: "a", key: "b") { sources { source } } }`
    const { errors } = await answer(document, {}, { reads })
    expect(errors?.[0]?.extensions).toMatchObject({ limit: "queryRowsMax" })
  })

  it("never is a page below one, a half one, or one that is no number", async () => {
    const document = "query ($n: Int!) { entities(first: $n) { end } }"
    for (const n of [0, -1, 1.5, "5", null, 2 ** 40, {}]) {
      const { data, errors } = await answer(document, { n })
      expect([n, data, errors?.length]).toEqual([n, undefined, 1])
      expect(["INVALID", "LIMIT_EXCEEDED"]).toContain(errors?.[0]?.extensions?.code)
    }
  })

  it("holds for all sizes nested: rows are refused exactly above their bound", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: pageSizeMax }),
        fc.integer({ min: 1, max: pageSizeMax }),
        async (outer, inner) => {
          const document = `{ entities(first: ${outer}) { items {
            relationships(first: ${inner}) { items { type } } } } }`
          const { errors } = await answer(document)
          const rows = outer + outer * inner
          expect(errors !== undefined).toBe(rows > queryRowsMax)
        },
      ),
      { numRuns: 50 },
    )
  })
})
