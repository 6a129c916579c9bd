/** Reads about many entities at once: one statement each, however many are asked for. */
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
import type { Sql } from "./connection.ts"
import { type EntityRow, entityColumns, entityOfRow } from "./read-entities.ts"

/** Types and keys as two lists. */
const listsOf = (names: readonly EntityName[]) =>
  [names.map(({ type }) => type), names.map(({ key }) => key)] as const

/** Rows of `node` as n, of its type as t, with the place of its name, from 1 on, as `w.at`. */
const named = `unnest($2::text[], $3::text[]) WITH ORDINALITY w(type, key, at)
  CROSS JOIN LATERAL (
    SELECT * FROM type t WHERE t.tenant = $1 AND t.name = w.type OFFSET 0) t
  CROSS JOIN LATERAL (
    SELECT * FROM node n WHERE n.tenant = $1 AND n.type = t.id AND n.key = w.key OFFSET 0) n`

export async function entitiesNamed(
  sql: Sql,
  tenant: number,
  names: readonly EntityName[],
): Promise<readonly (VisibleEntity | undefined)[]> {
  const rows = await sql.rows<[at: number, ...EntityRow]>(
    `SELECT w.at, ${entityColumns} FROM ${named}`,
    tenant,
    ...listsOf(names),
  )
  const found = new Array<VisibleEntity | undefined>(names.length).fill(undefined)
  for (const [at, ...row] of rows) found[at - 1] = entityOfRow(row)
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
export async function assertionsNamed(
  sql: Sql,
  tenant: number,
  names: readonly EntityName[],
): Promise<readonly (readonly Assertion[])[]> {
  const rows = await sql.rows<AssertionRow>(
    `SELECT w.at, s.name, s.priority, d.key, d.version, d.run_epoch, d.run_count, d.ordinal,
       coalesce(a.properties, n.properties)
     FROM ${named} JOIN assertion a ON a.node = n.id AND a.tenant = $1
     JOIN record d ON d.id = a.record JOIN source s ON s.id = d.source`,
    tenant,
    ...listsOf(names),
  )
  const found = names.map(() => [] as (Assertion & { readonly priority: number })[])
  for (const [at, source, priority, recordKey, version, epoch, count, ordinal, text] of rows) {
    const said = { source, recordKey, version: version ?? undefined, run: { epoch, count } }
    found[at - 1]?.push({ ...said, ordinal, properties: propertiesOf(text), priority })
  }
  return found.map((assertions) =>
    assertions.sort(compareAssertions).map(({ priority: _, ...assertion }) => assertion),
  )
}

type RelationshipQuery = Parameters<GraphReadsShape["relationshipsOf"]>[2]

type RelationshipRow = readonly [
  at: number,
  type: string,
  otherType: string,
  otherKey: string,
  discriminator: string,
  incoming: number,
  derived: number,
  properties: string,
]

const side = (incoming: boolean): string => {
  const [here, there] = incoming ? ["to_node", "from_node"] : ["from_node", "to_node"]
  return `
  SELECT rt.name AS type, ot.name AS other_type, o.key AS other_key, e.discriminator,
    ${Number(incoming)} AS incoming, e.derived, e.properties
  FROM edge e JOIN node o ON o.id = e.${there} JOIN type ot ON ot.id = o.type
  JOIN type rt ON rt.id = e.type
  WHERE e.${here} = n.id AND e.tenant = $1 AND rt.name = coalesce($4, rt.name)`
}

// One that leads back to where it begins is both; it is shown once.
const sides = {
  out: side(false),
  in: side(true),
  both: `${side(false)} UNION ALL ${side(true)} AND e.from_node <> e.to_node`,
}

/** Of each entity the same page, in order (type, other end, discriminator). */
export async function relationshipsNamed(
  sql: Sql,
  tenant: number,
  names: readonly EntityName[],
  query: RelationshipQuery,
  page: PageRequest,
): Promise<readonly Page<VisibleRelationship>[]> {
  const first = sizeOf(page)
  const shape = ["", "", "", "", 0] as const
  const after = page.after === undefined ? undefined : decodeCursor(page.after, shape)
  const order = "type, other_type, other_key, discriminator, incoming"
  const rows = await sql.rows<RelationshipRow>(
    `SELECT w.at, r.* FROM ${named} CROSS JOIN LATERAL (
       SELECT * FROM (${sides[query.direction]}) side
       WHERE (${order}) > ($5, $6, $7, $8, $9) ORDER BY ${order} LIMIT $10
     ) r ORDER BY w.at, ${order}`,
    tenant,
    ...listsOf(names),
    query.type ?? null,
    ...(after ?? ["", "", "", "", -1]),
    first + 1,
  )
  const byName = names.map((): RelationshipRow[] => [])
  for (const row of rows) byName[row[0] - 1]?.push(row)
  return names.map((name, i) => pageOfRows(name, byName[i] ?? [], first))
}

function pageOfRows(of: EntityName, rows: RelationshipRow[], first: number) {
  const partsOf = ([, ...parts]: RelationshipRow) => parts.slice(0, 5)
  const { items, end, hasMore } = pageOf(rows, first, partsOf)
  return { items: items.map((row) => relationshipOfRow(of, row)), end, hasMore }
}

function relationshipOfRow(self: EntityName, row: RelationshipRow): VisibleRelationship {
  const [, type, otherType, otherKey, discriminator, isIncoming, derived, properties] = row
  const own = { type: self.type, key: self.key }
  const other = { type: otherType, key: otherKey }
  return {
    type,
    from: isIncoming === 1 ? other : own,
    to: isIncoming === 1 ? own : other,
    discriminator,
    derived: derived === 1,
    properties: propertiesOf(properties),
  }
}
