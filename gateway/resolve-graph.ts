/** Resolvers of the graph: one read each, with the tenant of the request. */
import { formatRun } from "../protocols/event.ts"
import { entityId } from "../protocols/graph.ts"
import { formatInstant } from "../protocols/units.ts"
import type {
  Assertion,
  Neighborhood,
  Page,
  RankRow,
  VisibleEntity,
  VisibleRelationship,
} from "../stores/index.ts"
import type { FilterArguments, GivenDirection, RankArguments, RefArguments } from "./arguments.ts"
import { directionOf, filterOf, pageOf, rankRequestOf, refOf, typesOf } from "./arguments.ts"
import { andThen } from "./bridge.ts"
import type { QueryContext } from "./context.ts"
import type { Resolver, Resolvers } from "./schema.ts"

/** Gives a resolver the types that the schema promises it. */
export const resolver =
  <S, A>(resolve: (source: S, given: A, context: QueryContext) => unknown): Resolver =>
  (source, given, context) =>
    resolve(source as S, given as A, context)

interface PageArguments {
  readonly first: number
  readonly after?: string | null
}

/** Counts a page's items against the request's rows. */
export const spendPage =
  <A>(context: QueryContext) =>
  (page: Page<A>): Page<A> => {
    context.spend(page.items)
    return page
  }

interface EntitiesArguments extends PageArguments {
  readonly type?: string | null
  readonly filter?: FilterArguments | null
}

const entities = resolver((_: unknown, given: EntitiesArguments, context) => {
  const query = { ...filterOf(given.filter), ...(given.type == null ? {} : { type: given.type }) }
  const { reads, live } = context.sources
  const { tenant } = context
  // Before the page: what changes while it is read is behind this place.
  const place = live === undefined ? undefined : context.read(live.feed.position(tenant))
  return andThen(place, (before) =>
    andThen(context.read(reads.entities(tenant, query, pageOf(given))), (page) => ({
      ...spendPage<VisibleEntity>(context)(page),
      place: before,
    })),
  )
})

const entity = resolver((_: unknown, given: RefArguments, context) => {
  const { type, key } = refOf(given)
  return context.read(context.sources.reads.entity(context.tenant, type, key))
})

interface NeighborsArguments extends RefArguments {
  readonly hops: number
  readonly types?: readonly string[] | null
}

const neighbors = resolver((_: unknown, given: NeighborsArguments, context) => {
  const of = refOf(given)
  const query = { hops: given.hops, ...typesOf(given.types) }
  const { reads } = context.sources
  return andThen(context.read(reads.entity(context.tenant, of.type, of.key)), (start) =>
    start === undefined
      ? null
      : andThen(context.read(reads.neighbors(context.tenant, of, query)), (near) =>
          shownNeighborhood(near, context),
        ),
  )
})

function shownNeighborhood(near: Neighborhood, context: QueryContext) {
  context.spend(near.entities)
  context.spend(near.relationships)
  return {
    entities: near.entities.map((item) => ({ hops: item.hops, entity: item })),
    relationships: near.relationships,
    truncated: near.truncated,
  }
}

interface PathArguments {
  readonly from: RefArguments
  readonly to: RefArguments
  readonly hopsMax: number
}

const path = resolver((_: unknown, given: PathArguments, context) => {
  const { reads } = context.sources
  const [from, to] = [refOf(given.from), refOf(given.to)]
  return context.read(reads.path(context.tenant, from, to, given.hopsMax))
})

const rank = resolver((_: unknown, given: RankArguments, context) => {
  const rows = context.read(context.sources.reads.rank(context.tenant, rankRequestOf(given)))
  return andThen(rows, (found: readonly RankRow[]) => context.spend(found))
})

interface RelationshipsArguments extends PageArguments {
  readonly type?: string | null
  readonly direction: GivenDirection
}

const relationships = resolver((of: VisibleEntity, given: RelationshipsArguments, context) => {
  const query = {
    direction: directionOf(given.direction),
    ...(given.type == null ? {} : { type: given.type }),
  }
  const { reads } = context.sources
  const { type, key } = of
  const page = pageOf(given)
  const found = context.read(reads.relationships(context.tenant, { type, key }, query, page))
  return andThen(found, spendPage<VisibleRelationship>(context))
})

const sources = resolver((of: VisibleEntity, _: unknown, context) =>
  andThen(
    context.read(context.sources.reads.assertions(context.tenant, of.type, of.key)),
    (assertions: readonly Assertion[]) => context.spend(assertions).map(shownAssertion),
  ),
)

const shownAssertion = (assertion: Assertion) => ({
  source: assertion.source,
  recordKey: assertion.recordKey,
  version: assertion.version === undefined ? null : formatInstant(assertion.version),
  run: formatRun(assertion.run),
  ordinal: assertion.ordinal,
  properties: assertion.properties,
})

/** An end that vanished since the relationship was read is shown as what it is now: a stub. */
const endOf = (end: "from" | "to") =>
  resolver((of: VisibleRelationship, _: unknown, context) => {
    const { type, key } = of[end]
    const found = context.read(context.sources.reads.entity(context.tenant, type, key))
    return andThen(found, (there) => there ?? stubOf(type, key))
  })

const stubOf = (type: string, key: string): VisibleEntity => ({
  type,
  key,
  stub: true,
  properties: {},
  aliases: [],
  revision: 0,
})

const id = resolver((of: VisibleEntity) => entityId(of.type, of.key))

const name = resolver((of: VisibleEntity) =>
  typeof of.properties.name === "string" ? of.properties.name : null,
)

export const graphResolvers: Resolvers = {
  "Query.entity": entity,
  "Query.entities": entities,
  "Query.neighbors": neighbors,
  "Query.path": path,
  "Query.rank": rank,
  "Entity.id": id,
  "Entity.name": name,
  "Entity.sources": sources,
  "Entity.relationships": relationships,
  "Relationship.from": endOf("from"),
  "Relationship.to": endOf("to"),
}
