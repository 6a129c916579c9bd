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
import type { Cypher } from "./connection.ts"
import type { Value } from "./packed-rows.ts"
import { type EntityRow, entityColumns, entityOfRow } from "./read-entities.ts"
import { stateOf } from "./said.ts"

/** Place, type and key of each. */
const rowsOf = (names: readonly EntityName[]): Value[] =>
  names.map(({ type, key }, at) => [at, type, key])

/** A node n, of its type t, with the place of its name as `r[0]`. */
const named = `MATCH (t:_Type {tenant: $tenant, name: r[1]})
  MATCH (n:_Entity {type: t.id, key: r[2]})`

export async function entitiesNamed(
  cypher: Cypher,
  tenant: number,
  names: readonly EntityName[],
): Promise<readonly (VisibleEntity | undefined)[]> {
  const rows = await cypher.each<[at: number, ...EntityRow]>(
    `${named} RETURN r[0], ${entityColumns}`,
    rowsOf(names),
    { tenant },
  )
  const found = new Array<VisibleEntity | undefined>(names.length).fill(undefined)
  for (const [at, ...row] of rows) found[at] = entityOfRow(row)
  return found
}

type AssertionRow = readonly [
  at: number,
  source: string,
  priority: number,
  recordKey: string,
  said: string,
  properties: string,
]

/** Of each entity, the strongest first. */
export async function assertionsNamed(
  cypher: Cypher,
  tenant: number,
  names: readonly EntityName[],
): Promise<readonly (readonly Assertion[])[]> {
  const rows = await cypher.each<AssertionRow>(
    `${named} MATCH (n)<-[a:_SAYS]-(d:_Record) MATCH (s:_Source {id: d.source})
     RETURN r[0], s.name, coalesce(s.priority, 0), d.key, split(d.said, '\n')[0],
       coalesce(a.properties, n.properties)`,
    rowsOf(names),
    { tenant },
  )
  const found = names.map(() => [] as (Assertion & { readonly priority: number })[])
  for (const [at, source, priority, recordKey, line, text] of rows) {
    const { version, runEpoch, runCount, ordinal } = stateOf(line)
    const run = { epoch: runEpoch, count: runCount }
    const said = { source, recordKey, version: version ?? undefined, run }
    found[at]?.push({ ...said, ordinal, properties: propertiesOf(text), priority })
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

const order = "type, otherType, otherKey, discriminator, incoming"

const side = (pattern: string, incoming: number, where = "true"): string => `
  MATCH ${pattern} WHERE ${where} MATCH (et:_Type {id: e.type}) MATCH (ot:_Type {id: o.type})
  WITH et.name AS type, ot.name AS otherType, o.key AS otherKey,
    coalesce(e.discriminator, '') AS discriminator, ${incoming} AS incoming,
    coalesce(e.derived, 0) AS derived,
    e.properties AS properties
  WHERE $type IS NULL OR type = $type
  RETURN ${order}, derived, properties`

const outgoing = side("(n)-[e]->(o:_Entity)", 0)
const incoming = side("(n)<-[e]-(o:_Entity)", 1)

// One that leads back to where it begins is both; it is shown once.
const sides = {
  out: outgoing,
  in: incoming,
  both: `${outgoing} UNION ALL ${side("(n)<-[e]-(o:_Entity)", 1, "o <> n")}`,
}

/** Of each entity the same page, in order (type, other end, discriminator). */
export async function relationshipsNamed(
  cypher: Cypher,
  tenant: number,
  names: readonly EntityName[],
  query: RelationshipQuery,
  page: PageRequest,
): Promise<readonly Page<VisibleRelationship>[]> {
  const first = sizeOf(page)
  const shape = ["", "", "", "", 0] as const
  const after = page.after === undefined ? undefined : decodeCursor(page.after, shape)
  const rows = await cypher.each<RelationshipRow>(
    `${named}
     CALL (n) {
       CALL (n) { ${sides[query.direction]} }
       WITH ${order}, derived, properties
       WHERE type > $a OR (type = $a AND (otherType > $b OR (otherType = $b AND
         (otherKey > $c OR (otherKey = $c AND (discriminator > $d OR
           (discriminator = $d AND incoming > $e)))))))
       RETURN ${order}, derived, properties ORDER BY ${order} LIMIT $count
     }
     RETURN r[0], ${order}, derived, properties`,
    rowsOf(names),
    { tenant, type: query.type ?? null, ...partsOf(after), count: first + 1 },
  )
  const byName = names.map((): RelationshipRow[] => [])
  for (const row of rows) byName[row[0]]?.push(row)
  return names.map((name, i) => pageOfRows(name, byName[i] ?? [], first))
}

type After = readonly [string, string, string, string, number] | undefined

function partsOf(after: After) {
  const [a, b, c, d, e] = after ?? ["", "", "", "", -1]
  return { a, b, c, d, e }
}

function pageOfRows(of: EntityName, rows: RelationshipRow[], first: number) {
  const parts = ([, a, b, c, d, e]: RelationshipRow) => [a, b, c, d, e]
  const { items, end, hasMore } = pageOf(rows, first, parts)
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
