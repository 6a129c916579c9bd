/** `GraphReads` over a read-only connection. */
import type * as Effect from "effect/Effect"
import type { GraphReadsShape, StoreBroken } from "../../graph/port.ts"
import { graphHash } from "./graph-hash.ts"
import { neighborhoodOf } from "./neighbors.ts"
import { pathBetween } from "./path.ts"
import { rankRows } from "./rank.ts"
import { assertionsAt, entitiesPage, entityAt, nodeAt } from "./read-entities.ts"
import type { ReadStore } from "./read-store.ts"
import { relationshipsPage } from "./relationships.ts"
import { longReads } from "./steps.ts"
import { countsOf, deadLettersOfRun, deadLettersPage, runCountersOf, sourcesOf } from "./summary.ts"

export function readsOf(store: ReadStore): GraphReadsShape {
  const of = <A>(name: string, use: (tenant: number) => A) =>
    store.read(() => use(store.tenant(name)))
  const readLong = longReads(store.path)
  const steps = <A>(name: string, use: (own: ReadStore, tenant: number) => Generator<void, A>) =>
    readLong((own) => use(own, own.tenant(name)))
  return {
    entity: (name, type, key) =>
      of(name, (tenant) => {
        const node = nodeAt(store, tenant, type, key)
        return node === undefined ? undefined : entityAt(store, tenant, node)
      }),
    assertions: (name, type, key) => of(name, (tenant) => assertionsAt(store, tenant, type, key)),
    entities: (name, query, page) => of(name, (tenant) => entitiesPage(store, tenant, query, page)),
    relationships: (name, at, query, page) =>
      of(name, (tenant) => relationshipsPage(store, tenant, at, query, page)),
    neighbors: (name, at, query) => of(name, (tenant) => neighborhoodOf(store, tenant, at, query)),
    path: (name, from, to, hopsMax) =>
      of(name, (tenant) => pathBetween(store, tenant, from, to, hopsMax)),
    rank: (name, request) => steps(name, (own, tenant) => rankRows(own, tenant, request)),
    counts: (name) => of(name, (tenant) => countsOf(store, tenant)),
    sources: (name) => of(name, (tenant) => sourcesOf(store, tenant)),
    runCounters: (name, source, run) =>
      of(name, (tenant) => runCountersOf(store, tenant, source, run)),
    deadLetters: (name, query, page) =>
      of(name, (tenant) => deadLettersPage(store, tenant, query, page)),
    deadLettersOfRun: (name, source, run, first) =>
      of(name, (tenant) => deadLettersOfRun(store, tenant, { source, run, first })),
    tenants: store.read(() =>
      store
        .query<[name: string]>("SELECT name FROM tenant ORDER BY name")
        .all()
        .map(([name]) => name),
    ),
    graphHash: (name) => steps(name, graphHash) as Effect.Effect<string, StoreBroken>,
  }
}
