/** Relationships of one entity, by page. */
import type { GraphReadsShape, Page, PageRequest, VisibleRelationship } from "../../graph/port.ts"
import { decodeCursor, pageOf, sizeOf } from "./page.ts"
import { nodeAt } from "./read-entities.ts"
import type { ReadStore } from "./read-store.ts"
import { propertiesOf } from "./text.ts"

type EntityKey = { readonly type: string; readonly key: string }
type RelationshipQuery = Parameters<GraphReadsShape["relationships"]>[2]

type Row = readonly [
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
  WHERE e.from_node = ?1 AND e.tenant = ?2 AND e.type = coalesce(?3, e.type)`

const incoming = `
  SELECT ${columns}, 1 AS incoming, e.derived, e.properties FROM edge e
  JOIN node o ON o.id = e.from_node JOIN type ot ON ot.id = o.type JOIN type rt ON rt.id = e.type
  WHERE e.to_node = ?1 AND e.tenant = ?2 AND e.type = coalesce(?3, e.type)`

// One that leads back to where it begins is both; it is shown once.
const sides = {
  out: outgoing,
  in: incoming,
  both: `${outgoing} UNION ALL ${incoming} AND e.from_node <> e.to_node`,
}

export function relationshipsPage(
  store: ReadStore,
  tenant: number,
  of: EntityKey,
  query: RelationshipQuery,
  page: PageRequest,
): Page<VisibleRelationship> {
  const first = sizeOf(page)
  const shape = ["", "", "", "", 0] as const
  const after = page.after === undefined ? undefined : decodeCursor(page.after, shape)
  const node = nodeAt(store, tenant, of.type, of.key)
  if (node === undefined) return { items: [], end: undefined, hasMore: false }
  const type = query.type === undefined ? null : store.type(tenant, query.type)
  const rows = store
    .query<Row>(
      `SELECT * FROM (${sides[query.direction]})
       WHERE (type, other_type, other_key, discriminator, incoming) > (?4, ?5, ?6, ?7, ?8)
       ORDER BY 1, 2, 3, 4, 5 LIMIT ?9`,
    )
    .all(node, tenant, type, ...(after ?? (["", "", "", "", -1] as const)), first + 1)
  const { items, end, hasMore } = pageOf(rows, first, ([a, b, c, d, e]) => [a, b, c, d, e])
  return { items: items.map((row) => relationshipOfRow(of, row)), end, hasMore }
}

function relationshipOfRow(of: EntityKey, row: Row): VisibleRelationship {
  const [type, otherType, otherKey, discriminator, isIncoming, derived, properties] = row
  const other = { type: otherType, key: otherKey }
  const self = { type: of.type, key: of.key }
  return {
    type,
    from: isIncoming === 1 ? other : self,
    to: isIncoming === 1 ? self : other,
    discriminator,
    derived: derived === 1,
    properties: propertiesOf(properties),
  }
}
