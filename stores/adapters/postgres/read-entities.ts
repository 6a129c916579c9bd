/** Entities by page, by text and by property; and several by their numbers. */
import {
  filteredRowsMax,
  postgresRowsFetched,
  searchedMatchesMax,
} from "../../../protocols/limits.ts"
import { StoredEntity, type StoredRow } from "../../graph/entity-text.ts"
import { checkFilter, fulfils } from "../../graph/filter.ts"
import { decodeCursor, encodeCursor, pageOf, sizeOf } from "../../graph/page.ts"
import type {
  EntityName,
  GraphReadsShape,
  Page,
  PageRequest,
  VisibleEntity,
} from "../../graph/port.ts"
import { searchTooWide, wordsOf } from "../../graph/search-words.ts"
import { aliasesOf, propertiesOf } from "../../graph/text.ts"
import type { Sql } from "./connection.ts"
import { queryOfFilter, queryOfWords } from "./words.ts"

type EntityQuery = Parameters<GraphReadsShape["entities"]>[1]

export type EntityRow = readonly [type: string, ...row: StoredRow]

const parse = { properties: propertiesOf, aliases: aliasesOf }

export const entityOfRow = ([type, ...row]: EntityRow): VisibleEntity =>
  new StoredEntity(type, row, parse)

export const entityColumns = "t.name, n.key, n.asserted, n.properties, n.aliases, n.revision"

const fromNodes = "FROM node n JOIN type t ON t.id = n.type"

export async function entitiesByNumber(
  sql: Sql,
  tenant: number,
  nodes: readonly number[],
): Promise<ReadonlyMap<number, VisibleEntity>> {
  if (nodes.length === 0) return new Map()
  const rows = await sql.rows<[id: number, ...EntityRow]>(
    `SELECT n.id, ${entityColumns} ${fromNodes} WHERE n.tenant = $1 AND n.id = ANY ($2::bigint[])`,
    tenant,
    nodes,
  )
  return new Map(rows.map(([id, ...row]) => [id, entityOfRow(row)]))
}

/** Number of the entity; of one that is not there, undefined. */
export async function nodeAt(
  sql: Sql,
  tenant: number,
  { type, key }: EntityName,
): Promise<number | undefined> {
  const row = await sql.row<[number]>(
    `SELECT n.id ${fromNodes} WHERE n.tenant = $1 AND t.tenant = $1 AND t.name = $2 AND n.key = $3`,
    tenant,
    type,
    key,
  )
  return row?.[0]
}

type After = readonly [type: string, key: string] | undefined

export async function entitiesPage(
  sql: Sql,
  tenant: number,
  query: EntityQuery,
  page: PageRequest,
): Promise<Page<VisibleEntity>> {
  const first = sizeOf(page)
  const after = page.after === undefined ? undefined : decodeCursor(page.after, ["", ""] as const)
  const filters = query.properties ?? []
  for (const filter of filters) checkFilter(filter)
  if (query.text === undefined && filters.length === 0) {
    const rows = await walked(sql, tenant, query.type, after, first + 1)
    return pageOf(rows.map(entityOfRow), first, nameOf)
  }
  const next = await candidates(sql, tenant, query)
  const found: VisibleEntity[] = []
  let looked = 0
  for (let at: After = after; ; ) {
    const rows = await next(at)
    for (const row of rows) {
      const entity = entityOfRow(row)
      if (filters.every((filter) => fulfils(entity.properties, filter))) found.push(entity)
      if (found.length > first) return pageOf(found, first, nameOf)
      if (++looked === filteredRowsMax) {
        return { items: found, end: encodeCursor([entity.type, entity.key]), hasMore: true }
      }
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < postgresRowsFetched) {
      return pageOf(found, first, nameOf)
    }
    at = [last[0], last[1]]
  }
}

const nameOf = ({ type, key }: EntityName) => [type, key]

/** The next of those that may fulfil the query, in order. */
type Next = (after: After) => Promise<readonly EntityRow[]>

/** By the text index where that narrows it. */
async function candidates(sql: Sql, tenant: number, query: EntityQuery): Promise<Next> {
  const filtered = (query.properties ?? []).flatMap((filter) => queryOfFilter(tenant, filter) ?? [])
  if (query.text !== undefined) {
    const words = queryOfWords(tenant, wordsOf(query.text))
    if (words === "") return async () => []
    const expression = [words, ...filtered].join(" & ")
    if (await isTooWide(sql, tenant, expression, query.type)) throw searchTooWide()
    return (after) => searched(sql, tenant, expression, query.type, after)
  }
  const expression = filtered.join(" & ")
  if (expression === "" || (await isTooWide(sql, tenant, expression, query.type))) {
    return (after) => walked(sql, tenant, query.type, after, postgresRowsFetched)
  }
  return (after) => searched(sql, tenant, expression, query.type, after)
}

/** Whether more entities match than a page may sort. */
async function isTooWide(
  sql: Sql,
  tenant: number,
  expression: string,
  type: string | undefined,
): Promise<boolean> {
  const row = await sql.row<[count: number]>(
    `SELECT count(*) FROM (
       SELECT 1 FROM search s JOIN node n ON n.id = s.node JOIN type t ON t.id = n.type
       WHERE s.tenant = $1 AND s.words @@ $2::tsquery AND t.name = coalesce($3, t.name)
       LIMIT $4) found`,
    tenant,
    expression,
    type ?? null,
    searchedMatchesMax + 1,
  )
  return (row?.[0] ?? 0) > searchedMatchesMax
}

// A type has at least one character, so that nothing is at or before the pair of empty texts.
const searched = (
  sql: Sql,
  tenant: number,
  expression: string,
  type: string | undefined,
  after: After,
) =>
  sql.rows<EntityRow>(
    `SELECT ${entityColumns} FROM search s JOIN node n ON n.id = s.node
     JOIN type t ON t.id = n.type
     WHERE s.tenant = $1 AND n.tenant = $1 AND s.words @@ $2::tsquery
       AND t.name = coalesce($3, t.name) AND (t.name, n.key) > ($4, $5)
     ORDER BY t.name, n.key LIMIT $6`,
    tenant,
    expression,
    type ?? null,
    ...(after ?? (["", ""] as const)),
    postgresRowsFetched,
  )

/** At most `count` in order, type by type: each is a walk along the index. */
async function walked(
  sql: Sql,
  tenant: number,
  only: string | undefined,
  after: After,
  count: number,
): Promise<readonly EntityRow[]> {
  const from = after?.[0] ?? ""
  const types = await sql.rows<[id: number, name: string]>(
    `SELECT id, name FROM type WHERE tenant = $1 AND name >= $2 AND name = coalesce($3, name)
     ORDER BY name`,
    tenant,
    from,
    only ?? null,
  )
  const found: EntityRow[] = []
  for (const [id, type] of types) {
    const rows = await sql.rows<StoredRow>(
      `SELECT key, asserted, properties, aliases, revision FROM node
       WHERE tenant = $1 AND type = $2 AND key >= $3 AND ($4 OR key <> $3)
       ORDER BY key LIMIT $5`,
      tenant,
      id,
      type === from ? (after?.[1] ?? "") : "",
      after === undefined || type !== from,
      count - found.length,
    )
    for (const row of rows) found.push([type, ...row])
    if (found.length >= count) break
  }
  return found
}
