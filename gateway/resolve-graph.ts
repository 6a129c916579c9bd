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
import { propertiesTextOf, propertyTextOf } from "../stores/index.ts"
import type { FilterArguments, GivenDirection, RankArguments, RefArguments } from "./arguments.ts"
import { directionOf, filterOf, pageOf, rankRequestOf, refOf, typesOf } from "./arguments.ts"
import { andThen } from "./bridge.ts"
import type { QueryContext } from "./context.ts"
import { type Resolvers, resolver, resolverOfAll, resolverOfText } from "./resolver.ts"

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

const entities = resolver((_: unknown, given: EntitiesArguments, context, asks) => {
  const items = asks.of("items")
  const query = {
    ...filterOf(given.filter),
    ...(given.type == null ? {} : { type: given.type }),
    isPlain: !items.has("aliases") && !items.has("revision"),
  }
  const { reads, live } = context.sources
  const { tenant } = context
  // Before the page: what changes while it is read is behind this place.
  const place =
    live !== undefined && asks.has("resume") ? context.read(live.feed.position(tenant)) : undefined
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

const relationships = resolverOfAll(
  (of: readonly VisibleEntity[], given: RelationshipsArguments, context) => {
    const query = {
      direction: directionOf(given.direction),
      ...(given.type == null ? {} : { type: given.type }),
    }
    const { reads } = context.sources
    const pages = context.read(reads.relationshipsOf(context.tenant, of, query, pageOf(given)))
    return andThen(pages, (found) => found.map(spendPage<VisibleRelationship>(context)))
  },
)

const sources = resolverOfAll((of: readonly VisibleEntity[], _: unknown, context) =>
  andThen(
    context.read(context.sources.reads.assertionsOf(context.tenant, of)),
    (found: readonly (readonly Assertion[])[]) =>
      found.map((assertions) => context.spend(assertions).map(shownAssertion)),
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
  resolverOfAll((of: readonly VisibleRelationship[], _: unknown, context) => {
    const ends = of.map((relationship) => relationship[end])
    const found = context.read(context.sources.reads.entitiesAt(context.tenant, ends))
    return andThen(found, (there) =>
      ends.map(({ type, key }, index) => there[index] ?? stubOf(type, key)),
    )
  })

const stubOf = (type: string, key: string): VisibleEntity => ({
  type,
  key,
  stub: true,
  properties: {},
  aliases: [],
  revision: 0,
})

const idOf = ({ type, key }: VisibleEntity) => entityId(type, key)

/** Ids have letters, digits, - and _ only. */
const id = resolverOfText(idOf, (of) => `"${idOf(of)}"`)

const name = resolverOfText(
  (of: VisibleEntity) => (typeof of.properties.name === "string" ? of.properties.name : null),
  (of) => {
    const text = propertyTextOf(of, "name")
    return text?.startsWith('"') === false ? "null" : text
  },
)

const properties = resolverOfText((of: VisibleEntity) => of.properties, propertiesTextOf)

export const graphResolvers: Resolvers = {
  "Query.entity": entity,
  "Query.entities": entities,
  "Query.neighbors": neighbors,
  "Query.path": path,
  "Query.rank": rank,
  "Entity.id": id,
  "Entity.name": name,
  "Entity.properties": properties,
  "Entity.sources": sources,
  "Entity.relationships": relationships,
  "Relationship.from": endOf("from"),
  "Relationship.to": endOf("to"),
}
