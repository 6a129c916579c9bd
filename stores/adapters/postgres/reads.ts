/** `GraphReads` over a Postgres store. */
import type * as Effect from "effect/Effect"
import { invariant } from "../../../protocols/errors.ts"
import type { GraphReadsShape, StoreBroken } from "../../graph/port.ts"
import { settledTally } from "../../graph/settled.ts"
import type { Sql } from "./connection.ts"
import { deadLettersOfRun, deadLettersPage } from "./dead-letters.ts"
import { graphHash } from "./graph-hash.ts"
import { neighborhoodOf } from "./neighbors.ts"
import { pathBetween } from "./path.ts"
import { rankRows } from "./rank.ts"
import { entitiesPage } from "./read-entities.ts"
import { assertionsNamed, entitiesNamed, relationshipsNamed } from "./read-many.ts"
import type { ReadStore } from "./read-store.ts"
import { countsOf, runCountersOf, sourcesOf } from "./summary.ts"

export function readsOf(store: ReadStore): GraphReadsShape {
  const of = <A>(name: string, use: (sql: Sql, tenant: number) => Promise<A>) => store.of(name, use)
  return {
    entity: (name, type, key) =>
      of(name, async (sql, tenant) => firstOf(await entitiesNamed(sql, tenant, [{ type, key }]))),
    assertions: (name, type, key) =>
      of(name, async (sql, tenant) =>
        said(firstOf(await assertionsNamed(sql, tenant, [{ type, key }]))),
      ),
    entitiesAt: (name, names) => of(name, (sql, tenant) => entitiesNamed(sql, tenant, names)),
    assertionsOf: (name, names) => of(name, (sql, tenant) => assertionsNamed(sql, tenant, names)),
    relationshipsOf: (name, names, query, page) =>
      of(name, (sql, tenant) => relationshipsNamed(sql, tenant, names, query, page)),
    entities: (name, query, page) =>
      of(name, (sql, tenant) => entitiesPage(sql, tenant, query, page)),
    relationships: (name, at, query, page) =>
      of(name, async (sql, tenant) =>
        said(firstOf(await relationshipsNamed(sql, tenant, [at], query, page))),
      ),
    neighbors: (name, at, query) =>
      of(name, (sql, tenant) => neighborhoodOf(sql, tenant, at, query)),
    path: (name, from, to, hopsMax) =>
      of(name, (sql, tenant) => pathBetween(sql, tenant, from, to, hopsMax)),
    rank: (name, request) => store.long(name, (sql, tenant) => rankRows(sql, tenant, request)),
    counts: (name) => of(name, countsOf),
    sources: (name) => of(name, sourcesOf),
    runCounters: (name, source, run) =>
      of(name, (sql, tenant) => runCountersOf(sql, tenant, source, run)),
    deadLetters: (name, query, page) =>
      of(name, (sql, tenant) => deadLettersPage(sql, tenant, query, page)),
    deadLettersOfRun: (name, source, run, first) =>
      of(name, (sql, tenant) => deadLettersOfRun(sql, tenant, { source, run, first })),
    version: (name) =>
      store.plain(async (sql) => (await sql.row<[string]>(versionSql, name))?.[0] ?? ""),
    acknowledged: () => undefined,
    tenants: store.plain(async (sql) => {
      const rows = await sql.rows<[name: string]>("SELECT name FROM tenant ORDER BY name")
      return rows.map(([name]) => name)
    }),
    graphHash: (name) => store.long(name, graphHash) as Effect.Effect<string, StoreBroken>,
  }
}

// Each block that is committed raises a cursor, and nothing else but a source that is configured
// and dead letters that are settled changes what is visible.
const versionSql = `
  SELECT t.id
    || coalesce((SELECT string_agg(c.partition || ':' || c.sequence, ',' ORDER BY c.partition)
                 FROM cursor c WHERE c.tenant = t.id), '')
    || (SELECT ';' || count(*) FROM source s WHERE s.tenant = t.id)
    || coalesce((SELECT ';' || string_agg(s.id || ':' || s.priority, ',' ORDER BY s.id)
                 FROM source s WHERE s.tenant = t.id AND s.priority <> 0), '')
    || coalesce((SELECT ';' || n.count FROM tally n WHERE n.tenant = t.id
                 AND n.what = '${settledTally}' AND n.of = 0), '')
  FROM tenant t WHERE t.name = $1`

const firstOf = <A>(found: readonly A[]): A | undefined => found[0]

function said<A>(value: A | undefined): A {
  invariant(value !== undefined, "A read of one answers for one.")
  return value
}
