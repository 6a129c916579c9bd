import * as Effect from "effect/Effect"
import fc from "fast-check"
import { type ExecutionResult, execute, parse, validate } from "graphql"
import { describe, expect, it } from "vitest"
import { localAccess } from "../../gateway/access/access.ts"
import { runCompiled } from "../../gateway/compiled/executable.ts"
import { QueryContext, type Sources } from "../../gateway/context.ts"
import { Documents, type ReadyDocument } from "../../gateway/document.ts"
import { servedSchema } from "../../gateway/schema.ts"
import { entityId } from "../../protocols/graph.ts"
import type { GraphReadsShape, VisibleEntity } from "../../stores/index.ts"
import { type Asked, askedDocuments } from "./documents.ts"
import { dies, graphOf, withReads } from "./graph.ts"

const key = (n: number) => `k${n}`
const thing = (n: number) => ({ type: n % 2 === 0 ? "even" : "odd", key: key(n) })
const graph = graphOf(
  ["one", "two"].map((source) => ({
    tenant: "demo",
    source,
    records: Array.from({ length: 8 }, (_, n) => ({
      key: key(n),
      entities: [
        {
          ...thing(n),
          properties: {
            ...(n === 3 ? {} : { name: n === 4 ? 4 : `Name "${n}" \\ , "name":"no" é \u{1f600}` }),
            a: 'x,"name":"inside"',
            10: n,
            9: true,
            list: ["p", "q"],
          },
          aliases: [{ scheme: "s", value: `${source}${n}` }],
        },
      ],
      relationships: [1, 2, 5].map((step) => ({
        type: step === 5 ? "far" : "next",
        from: thing(n),
        to: thing((n + step) % 10),
        discriminator: "",
        properties: { step },
        derived: step === 2,
      })),
    })),
  })),
)

const roots = ["entity", "entities", "neighbors", "path", "rank", "stats", "deadLetters", "actors"]
const values: { readonly [argument: string]: readonly unknown[] } = {
  id: [entityId("even", key(2)), entityId("odd", key(9)), "wrong"],
  type: ["even", "odd", "next", "far", "none"],
  key: [key(1), key(2), key(3), key(4), "none"],
  text: ["name", "x"],
  name: ["name", "a"],
  eq: ["x", 4, true],
  in: ["p", 1],
  gte: ["a", 1],
  lte: ["z", 9],
  first: [1, 2, 3, 50],
  hops: [1, 2],
  hopsMax: [3],
  count: [0],
  max: [10],
  relationship: ["next", "far"],
  source: ["one", "two"],
}
const documents = askedDocuments(roots, (argument) => values[argument] ?? ["none"])

interface Both {
  /** Of the compiled operation; `undefined` where it left the answer to `execute`. */
  readonly compiled: string | undefined
  readonly executed: ExecutionResult
}

async function both(sources: Sources, { document, variables }: Asked): Promise<Both> {
  const access = localAccess("demo")
  const ready = readyOf(document)
  const executed = await execute({
    schema: servedSchema(),
    document: ready.document,
    contextValue: new QueryContext(sources, access),
    variableValues: variables,
  })
  const [operation] = ready.operations
  if (operation === undefined) throw new Error("no operation")
  const context = new QueryContext(sources, access)
  try {
    return { compiled: await runCompiled(ready, operation, variables, context), executed }
  } catch {
    return { compiled: undefined, executed }
  }
}

const known = new Documents(servedSchema())

function readyOf(document: string): ReadyDocument {
  const prepared = known.prepare(document)
  if ("ready" in prepared) return prepared.ready
  throw new Error(prepared.refused.map(({ message }) => message).join("\n"))
}

/** Documents over a limit on their shape, or with fields that cannot be merged, say nothing. */
const isAllowed = ({ document }: Asked) =>
  validate(servedSchema(), parse(document)).length === 0 && "ready" in known.prepare(document)

const seen = { compiled: 0, failed: 0 }

function expectSame({ compiled, executed }: Both): void {
  if (executed.errors !== undefined) {
    seen.failed += 1
    expect(compiled).toBeUndefined()
    return
  }
  seen.compiled += 1
  if (compiled === undefined) throw new Error("Left to execute, though it has no errors.")
  // Members of JSON values stand in the order of the store, or in that of this engine.
  expect(JSON.stringify(JSON.parse(compiled))).toBe(JSON.stringify(executed.data))
}

const asked = documents.filter(isAllowed)

describe("a compiled operation", () => {
  it("answers what execute answers, and leaves to it what has errors", async () => {
    await fc.assert(
      fc.asyncProperty(asked, async (one) => expectSame(await both(graph, one))),
      { numRuns: 200 },
    )
    expect(seen.compiled).toBeGreaterThan(20)
    expect(seen.failed).toBeGreaterThan(20)
  })

  it("is the same where reads come later, fail, or tell nonsense", async () => {
    const worlds = [later(graph.reads), failing(graph.reads), ...strange.map(telling(graph.reads))]
    await fc.assert(
      fc.asyncProperty(asked, fc.nat(worlds.length - 1), async (one, at) => {
        const reads = worlds[at] ?? graph.reads
        expectSame(await both({ reads }, one))
      }),
      { numRuns: 200 },
    )
  })
})

const shown = "fragment F on Entity { a: aliases { value } r: revision }"

it.each([
  "{ entities { items { a: aliases { value } r: revision } } }",
  "{ entities { items { key } items { a: aliases { value } } items { r: revision } } }",
  `{ entities { other: items { key } items { ...F } } } ${shown}`,
  `{ entities { ...P } } fragment P on EntityPage { items { ... { ...F } } } ${shown}`,
])("shows aliases and revisions wherever they are asked for: %s", async (document) => {
  const { compiled = "" } = await both(graph, { document, variables: {} })
  const [first] = JSON.parse(compiled).entities.items
  expect(first).toMatchObject({ a: [{ value: "one0" }, { value: "two0" }] })
  expect(first.r).toBeGreaterThan(0)
})

type Read = Effect.Effect<unknown, unknown>
type AnyReads = { readonly [name: string]: (...given: readonly unknown[]) => Read }

/** Every read completes in another turn. */
function later(reads: GraphReadsShape): GraphReadsShape {
  const all = reads as unknown as AnyReads
  const entries = Object.entries(all).map(([name, read]) => [
    name,
    typeof read === "function"
      ? (...given: readonly unknown[]) => Effect.andThen(Effect.yieldNow, read(...given))
      : read,
  ])
  return Object.fromEntries(entries)
}

const failing = (reads: GraphReadsShape): GraphReadsShape =>
  withReads(reads, { assertionsOf: dies("no assertions"), relationshipsOf: dies("no relations") })

const strange: readonly object[] = [
  { key: undefined },
  { aliases: null },
  { stub: "yes" },
  { revision: -1 },
  { properties: null },
  { aliases: [{ scheme: "s" }, null] },
  { aliases: "text" },
  { aliases: [new Error("within")] },
]

/** Entities of a page are not what they should be. */
const telling =
  (reads: GraphReadsShape) =>
  (strangeness: object): GraphReadsShape =>
    withReads(reads, {
      entities: (...given) =>
        Effect.map(reads.entities(...given), (page) => ({
          ...page,
          items: page.items.map(({ type, key, stub, properties, aliases, revision }) => ({
            ...{ type, key, stub, properties, aliases, revision },
            ...strangeness,
          })) as readonly VisibleEntity[],
        })),
    })
