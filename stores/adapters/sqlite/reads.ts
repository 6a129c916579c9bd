/** `GraphReads` over a read-only connection. */
import type * as Effect from "effect/Effect"
import { invariant } from "../../../protocols/errors.ts"
import type { GraphReadsShape, StoreBroken } from "../../graph/port.ts"
import { graphHash } from "./graph-hash.ts"
import { neighborhoodOf } from "./neighbors.ts"
import { pathBetween } from "./path.ts"
import { rankRows } from "./rank.ts"
import { entitiesPage, entityNamed } from "./read-entities.ts"
import { assertionsNamed, entitiesNamed, relationshipsNamed } from "./read-many.ts"
import type { ReadStore } from "./read-store.ts"
import { longReads } from "./steps.ts"
import { countsOf, deadLettersOfRun, deadLettersPage, runCountersOf, sourcesOf } from "./summary.ts"

export function readsOf(store: ReadStore): GraphReadsShape {
  const of = <A>(name: string, use: (tenant: number) => A) =>
    store.read(() => use(store.tenant(name)))
  const readLong = longReads(store.path)
  const steps = <A>(name: string, use: (own: ReadStore, tenant: number) => Generator<void, A>) =>
    readLong((own) => use(own, own.tenant(name)))
  return {
    entity: (name, type, key) => of(name, (tenant) => entityNamed(store, tenant, { type, key })),
    assertions: (name, type, key) =>
      of(name, (tenant) => firstOf(assertionsNamed(store, tenant, [{ type, key }]))),
    entitiesAt: (name, names) => of(name, (tenant) => entitiesNamed(store, tenant, names)),
    assertionsOf: (name, names) => of(name, (tenant) => assertionsNamed(store, tenant, names)),
    relationshipsOf: (name, names, query, page) =>
      of(name, (tenant) => relationshipsNamed(store, tenant, names, query, page)),
    entities: (name, query, page) => of(name, (tenant) => entitiesPage(store, tenant, query, page)),
    relationships: (name, at, query, page) =>
      of(name, (tenant) => firstOf(relationshipsNamed(store, tenant, [at], query, page))),
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
    version: (name) => store.read(() => store.version(name)),
    acknowledged: () => store.answers,
    tenants: store.read(() =>
      store
        .query<[name: string]>("SELECT name FROM tenant ORDER BY name")
        .all()
        .map(([name]) => name),
    ),
    graphHash: (name) => steps(name, graphHash) as Effect.Effect<string, StoreBroken>,
  }
}

function firstOf<A>(found: readonly A[]): A {
  const [first] = found
  invariant(first !== undefined, "A read of one answers for one.")
  return first
}
