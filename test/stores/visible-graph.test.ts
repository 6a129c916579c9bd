/** The store agrees with the graph's definition, whatever the order in which records arrive. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type * as Effect from "effect/Effect"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { canonicalJson, type Json } from "../../protocols/canonical.ts"
import type { BlockEffects } from "../../protocols/graph.ts"
import { ReadStore } from "../../stores/adapters/sqlite/read-store.ts"
import { readsOf } from "../../stores/adapters/sqlite/reads.ts"
import { migrate } from "../../stores/adapters/sqlite/schema.ts"
import { GraphWriter } from "../../stores/adapters/sqlite/writer.ts"
import { decodeBlock, encodeBlock } from "../../stores/graph/write/wire.ts"
import type {
  GraphReadsShape,
  Page,
  PageRequest,
  SourceSummary,
  VisibleEntity,
} from "../../stores/index.ts"
import { runSync } from "../support/run.ts"
import { choices, chooser, priorities, readings, schedule, tenant } from "./arbitrary.ts"
import { ambiguousOf, GraphModel, hashOfVisible, type Visible } from "./model.ts"

const folder = mkdtempSync(join(tmpdir(), "intelgraph-visible-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Calls = readonly (readonly BlockEffects[])[]
type Priorities = readonly { readonly source: string; readonly priority: number }[]

describe("the visible graph", () => {
  it("is that of the definition, for any readings in any order", () => {
    fc.assert(
      fc.property(readings, priorities, choices, choices, (runs, settings, one, other) => {
        const first = schedule(runs, chooser(one))
        const second = schedule(runs, chooser(other))
        const model = modelOf(first, settings)
        const expected = model.visible()
        const seen = stored(first, settings, "before")
        const again = stored(second, settings, "after")
        expect(linesOf(seen.visible)).toEqual(linesOf(expected))
        expect(linesOf(again.visible)).toEqual(linesOf(expected))
        expect(seen.hash).toBe(hashOfVisible(expected))
        expect(again.hash).toBe(seen.hash)
        expect(seen.counts).toMatchObject(countsOf(expected))
        expect(again.counts).toEqual(seen.counts)
        expect(seen.sources.filter(hasRead)).toEqual(model.sources())
        expect(again.sources.map(withoutReplayed)).toEqual(seen.sources.map(withoutReplayed))
      }),
      { numRuns: 60 },
    )
  })
})

function modelOf(calls: Calls, settings: Priorities): GraphModel {
  const model = new GraphModel()
  for (const block of calls.flat()) model.commit(block)
  for (const { source, priority } of settings) model.configureSource(source, priority)
  return model
}

/** What a store shows that got these calls, its sources configured before them or after. */
function stored(calls: Calls, settings: Priorities, configured: "before" | "after") {
  const path = join(folder, "graph.db")
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true })
  const db = new DatabaseSync(path)
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
  migrate(db, path)
  const writer = new GraphWriter(db)
  const configure = () => {
    for (const { source, priority } of settings) writer.configureSource(tenant, source, priority)
  }
  if (configured === "before") configure()
  for (const call of calls) writer.commit(call.map((block) => decodeBlock(encodeBlock(block))))
  if (configured === "after") configure()
  const store = new ReadStore(path)
  const reads = readsOf(store)
  try {
    return {
      visible: visibleOf(reads),
      hash: runSync(reads.graphHash(tenant)),
      counts: runSync(reads.counts(tenant)),
      sources: runSync(reads.sources(tenant)),
    }
  } finally {
    store.close()
    db.close()
  }
}

function visibleOf(reads: GraphReadsShape): Visible {
  const entities = all((page) => reads.entities(tenant, {}, page))
  const relationships = entities.flatMap((entity) =>
    all((page) => reads.relationships(tenant, entity, { direction: "out" }, page)),
  )
  return { entities: entities.map(shownOf), relationships }
}

const shownOf = ({ type, key, stub, properties, aliases }: VisibleEntity) => ({
  type,
  key,
  stub,
  properties,
  aliases,
})

type PageRead<A> = (page: PageRequest) => Effect.Effect<Page<A>, unknown>

function all<A>(read: PageRead<A>): A[] {
  const items: A[] = []
  let after: string | undefined
  for (;;) {
    const page = runSync(read(after === undefined ? { first: 2 } : { first: 2, after }))
    items.push(...page.items)
    if (!page.hasMore) return items
    after = page.end
  }
}

/** As lines of text: a property called `__proto__` is one like any other. */
const linesOf = ({ entities, relationships }: Visible): readonly string[] =>
  [...entities, ...relationships].map((row) => canonicalJson(row as unknown as Json))

function countsOf({ entities, relationships }: Visible) {
  const stubs = entities.filter((entity) => entity.stub).length
  const derived = relationships.filter((relationship) => relationship.derived).length
  return {
    entities: entities.length - stubs,
    stubs,
    relationships: relationships.length - derived,
    derived,
    ambiguous: ambiguousOf(entities),
    byType: tallied(entities.filter((entity) => !entity.stub)),
    byRelationship: tallied(relationships),
  }
}

function tallied(rows: readonly { readonly type: string }[]) {
  const types = [...new Set(rows.map((row) => row.type))].sort()
  return types.map((type) => ({ type, count: rows.filter((row) => row.type === type).length }))
}

const hasRead = ({ counters }: SourceSummary) => counters.read + counters.replayed > 0

const withoutReplayed = ({ counters, ...summary }: SourceSummary) => ({
  ...summary,
  counters: { ...counters, replayed: 0 },
})
