/**
 * Reads about many entities at once: one statement each, however many are asked for. The names
 * come in as one JSON text, which SQLite turns into rows.
 */
import { compareAssertions } from "../../../protocols/visible.ts"
import { decodeCursor, pageOf, sizeOf } from "../../graph/page.ts"
import type {
  Assertion,
  EntityName,
  GraphReadsShape,
  Page,
  PageRequest,
  VisibleEntity,
  VisibleRelationship,
} from "../../graph/port.ts"
import { propertiesOf } from "../../graph/text.ts"
import { type EntityRow, entityOfRow } from "./read-entities.ts"
import type { ReadStore } from "./read-store.ts"

// Texts are bound as UTF-8, where a lone surrogate is this character.
const namesText = (names: readonly EntityName[]): string =>
  JSON.stringify(names.map(({ type, key }) => [type.toWellFormed(), key.toWellFormed()]))

/** Rows of `node` as n, of its type as t, with the place of its name as `r.key`; in that order. */
const named = `
  json_each(?2) r CROSS JOIN type t ON t.tenant = ?1 AND t.name = r.value ->> 0
  CROSS JOIN node n ON n.tenant = ?1 AND n.type = t.id AND n.key = r.value ->> 1`

export function entitiesNamed(
  store: ReadStore,
  tenant: number,
  names: readonly EntityName[],
): readonly (VisibleEntity | undefined)[] {
  const rows = store
    .query<[at: number, ...EntityRow]>(
      `SELECT r.key, t.name, n.key, n.asserted, n.properties, n.aliases, ${store.revision}
       FROM ${named}`,
    )
    .all(tenant, namesText(names))
  const found = new Array<VisibleEntity | undefined>(names.length).fill(undefined)
  for (const [at, ...row] of rows) found[at] = entityOfRow(row)
  return found
}

type AssertionRow = readonly [
  at: number,
  source: string,
  priority: number,
  recordKey: string,
  version: number | null,
  epoch: number,
  count: number,
  ordinal: number,
  properties: string,
]

/** Of each entity, the strongest first. */
export function assertionsNamed(
  store: ReadStore,
  tenant: number,
  names: readonly EntityName[],
): readonly (readonly Assertion[])[] {
  const rows = store
    .query<AssertionRow>(
      `SELECT r.key, s.name, s.priority, d.key, d.version, d.run_epoch, d.run_count, d.ordinal,
         coalesce(a.properties, n.properties)
       FROM ${named} CROSS JOIN assertion a ON a.node = n.id AND a.tenant = ?1
       CROSS JOIN record d ON d.id = a.record CROSS JOIN source s ON s.id = d.source`,
    )
    .all(tenant, namesText(names))
  const found = names.map(() => [] as (Assertion & { readonly priority: number })[])
  for (const [at, source, priority, recordKey, version, epoch, count, ordinal, text] of rows) {
    const said = { source, recordKey, version: version ?? undefined, run: { epoch, count } }
    found[at]?.push({ ...said, ordinal, properties: propertiesOf(text), priority })
  }
  return found.map((assertions) =>
    assertions.sort(compareAssertions).map(({ priority: _, ...assertion }) => assertion),
  )
}

type RelationshipQuery = Parameters<GraphReadsShape["relationshipsOf"]>[2]

type RelationshipRow = readonly [
  type: string,
  otherType: string,
  otherKey: string,
  discriminator: string,
  incoming: number,
  derived: number,
  properties: string,
]

const columns = `rt.name AS type, ot.name AS other_type, o.key AS other_key, e.discriminator`

const outgoing = `
  SELECT ${columns}, 0 AS incoming, e.derived, e.properties FROM edge e
  JOIN node o ON o.id = e.to_node JOIN type ot ON ot.id = o.type JOIN type rt ON rt.id = e.type
  WHERE e.from_node = n.id AND e.tenant = ?1 AND e.type = coalesce(?3, e.type)`

const incoming = `
  SELECT ${columns}, 1 AS incoming, e.derived, e.properties FROM edge e
  JOIN node o ON o.id = e.from_node JOIN type ot ON ot.id = o.type JOIN type rt ON rt.id = e.type
  WHERE e.to_node = n.id AND e.tenant = ?1 AND e.type = coalesce(?3, e.type)`

// One that leads back to where it begins is both; it is shown once.
const sides = {
  out: outgoing,
  in: incoming,
  both: `${outgoing} UNION ALL ${incoming} AND e.from_node <> e.to_node`,
}

/** Of each entity the same page, in order (type, other end, discriminator). */
export function relationshipsNamed(
  store: ReadStore,
  tenant: number,
  names: readonly EntityName[],
  query: RelationshipQuery,
  page: PageRequest,
): readonly Page<VisibleRelationship>[] {
  const first = sizeOf(page)
  const shape = ["", "", "", "", 0] as const
  const after = page.after === undefined ? undefined : decodeCursor(page.after, shape)
  const type = query.type === undefined ? null : store.type(tenant, query.type)
  const order = "type, other_type, other_key, discriminator, incoming"
  const rows = store
    .query<[at: number, relationships: string]>(
      `SELECT r.key, (
         SELECT json_group_array(json_array(${order}, derived, properties) ORDER BY ${order})
         FROM (
           SELECT * FROM (${sides[query.direction]}) WHERE (${order}) > (?4, ?5, ?6, ?7, ?8)
           ORDER BY ${order} LIMIT ?9
         )
       ) FROM ${named}`,
    )
    .all(tenant, namesText(names), type, ...(after ?? ["", "", "", "", -1]), first + 1)
  const found = names.map((): Page<VisibleRelationship> => nothing)
  for (const [at, text] of rows) {
    const { type: ownType = "", key = "" } = names[at] ?? {}
    found[at] = relationshipsOfText({ type: ownType, key }, text, first)
  }
  return found
}

const nothing: Page<VisibleRelationship> = { items: [], end: undefined, hasMore: false }

function relationshipsOfText(of: EntityName, text: string, first: number) {
  const rows = JSON.parse(text) as RelationshipRow[]
  const { items, end, hasMore } = pageOf(rows, first, ([a, b, c, d, e]) => [a, b, c, d, e])
  return { items: items.map((row) => relationshipOfRow(of, row)), end, hasMore }
}

function relationshipOfRow(self: EntityName, row: RelationshipRow): VisibleRelationship {
  const [type, otherType, otherKey, discriminator, isIncoming, derived, properties] = row
  const other = { type: otherType, key: otherKey }
  return {
    type,
    from: isIncoming === 1 ? other : self,
    to: isIncoming === 1 ? self : other,
    discriminator,
    derived: derived === 1,
    properties: propertiesOf(properties),
  }
}
