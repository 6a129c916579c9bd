/** `GraphReads` over a Neo4j store. */
import type * as Effect from "effect/Effect"
import { invariant } from "../../../protocols/errors.ts"
import type { GraphReadsShape, StoreBroken } from "../../graph/port.ts"
import { neighborhoodOf } from "../../graph/reads/neighbors.ts"
import { pathBetween } from "../../graph/reads/path.ts"
import { deadLettersOfRun, deadLettersPage } from "./dead-letters.ts"
import { graphHash } from "./graph-hash.ts"
import { Look } from "./look.ts"
import { rankRows } from "./rank.ts"
import { entitiesPage } from "./read-entities.ts"
import { assertionsNamed, entitiesNamed, relationshipsNamed } from "./read-many.ts"
import type { ReadStore } from "./read-store.ts"
import { countsOf, runCountersOf, sourcesOf } from "./summary.ts"

export function readsOf(store: ReadStore): GraphReadsShape {
  const { name: own } = store
  const look = <A>(name: string, use: (look: Look) => Promise<A>) =>
    store.of(name, (cypher, tenant) => use(new Look(cypher, tenant)))
  return {
    entity: (name, type, key) =>
      store.of(name, async (cypher, tenant) =>
        firstOf(await entitiesNamed(cypher, tenant, [{ type, key }])),
      ),
    assertions: (name, type, key) =>
      store.of(name, async (cypher, tenant) =>
        said(firstOf(await assertionsNamed(cypher, tenant, [{ type, key }]))),
      ),
    entitiesAt: (name, names) =>
      store.of(name, (cypher, tenant) => entitiesNamed(cypher, tenant, names)),
    assertionsOf: (name, names) =>
      store.of(name, (cypher, tenant) => assertionsNamed(cypher, tenant, names)),
    relationshipsOf: (name, names, query, page) =>
      store.of(name, (cypher, tenant) => relationshipsNamed(cypher, tenant, names, query, page)),
    entities: (name, query, page) =>
      store.of(name, (cypher, tenant) => entitiesPage(cypher, tenant, query, page)),
    relationships: (name, at, query, page) =>
      store.of(name, async (cypher, tenant) =>
        said(firstOf(await relationshipsNamed(cypher, tenant, [at], query, page))),
      ),
    neighbors: (name, at, query) => look(name, (around) => neighborhoodOf(around, at, query)),
    path: (name, from, to, hopsMax) =>
      look(name, (around) => pathBetween(around, from, to, hopsMax)),
    rank: (name, request) =>
      store.long(name, (cypher, tenant) => rankRows(cypher, tenant, request)),
    counts: (name) => store.of(name, countsOf),
    sources: (name) => store.of(name, sourcesOf),
    runCounters: (name, source, run) =>
      store.of(name, (cypher, tenant) => runCountersOf(cypher, tenant, source, run)),
    deadLetters: (name, query, page) =>
      store.of(name, (cypher, tenant) => deadLettersPage(cypher, tenant, query, page)),
    deadLettersOfRun: (name, source, run, first) =>
      store.of(name, (cypher, tenant) => deadLettersOfRun(cypher, tenant, { source, run, first })),
    version: (name) =>
      store.plain(async (cypher) => {
        const row = await cypher.row<[id: number, turn: number]>(
          "MATCH (t:_Tenant {store: $store, name: $name}) RETURN t.id, coalesce(t.turn, 0)",
          { store: own, name },
        )
        return row === undefined ? "" : row.join(";")
      }),
    acknowledged: () => undefined,
    tenants: store.plain(async (cypher) => {
      const rows = await cypher.rows<[name: string]>(
        "MATCH (t:_Tenant) WHERE t.store = $store AND t.name >= '' RETURN t.name ORDER BY t.name",
        { store: own },
      )
      return rows.map(([name]) => name)
    }),
    graphHash: (name) => store.long(name, graphHash) as Effect.Effect<string, StoreBroken>,
  }
}

const firstOf = <A>(found: readonly A[]): A | undefined => found[0]

function said<A>(value: A | undefined): A {
  invariant(value !== undefined, "A read of one answers for one.")
  return value
}
