/** Entities by page, by text and by property. */
import {
  filteredRowsMax,
  neo4jRowsPerStatement,
  searchedMatchesMax,
} from "../../../protocols/limits.ts"
import { compareUtf8 } from "../../../protocols/visible.ts"
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
import type { Cypher } from "./connection.ts"
import { wordsIndex } from "./schema.ts"
import { queryOfFilter, queryOfType, queryOfWords } from "./words.ts"

type EntityQuery = Parameters<GraphReadsShape["entities"]>[1]

export type EntityRow = readonly [type: string, ...row: StoredRow]

const parse = { properties: propertiesOf, aliases: aliasesOf }

export const entityOfRow = ([type, ...row]: EntityRow): VisibleEntity =>
  new StoredEntity(type, row, parse)

/** Of a node n and its type t. */
export const entityColumns = "t.name, n.key, n.asserted, n.properties, n.aliases, n.revision"

type After = readonly [type: string, key: string] | undefined

export async function entitiesPage(
  cypher: Cypher,
  tenant: number,
  query: EntityQuery,
  page: PageRequest,
): Promise<Page<VisibleEntity>> {
  const first = sizeOf(page)
  const after = page.after === undefined ? undefined : decodeCursor(page.after, ["", ""] as const)
  const filters = query.properties ?? []
  for (const filter of filters) checkFilter(filter)
  if (query.text === undefined && filters.length === 0) {
    const rows = await walked(cypher, tenant, query.type, after, first + 1)
    return pageOf(rows.map(entityOfRow), first, nameOf)
  }
  const next = await candidates(cypher, tenant, query)
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
    if (last === undefined || rows.length < neo4jRowsPerStatement) {
      return pageOf(found, first, nameOf)
    }
    at = [last[0], last[1]]
  }
}

const nameOf = ({ type, key }: EntityName) => [type, key]

/** The next of those that may fulfil the query, in order. */
type Next = (after: After) => Promise<readonly EntityRow[]>

/** By the text index where that narrows it. */
async function candidates(cypher: Cypher, tenant: number, query: EntityQuery): Promise<Next> {
  const { type: only } = query
  if (tenant < 0) return async () => []
  const filtered = (query.properties ?? []).flatMap((filter) => queryOfFilter(tenant, filter) ?? [])
  const walk: Next = (after) => walked(cypher, tenant, only, after, neo4jRowsPerStatement)
  const words = query.text === undefined ? [] : queryOfWords(tenant, wordsOf(query.text))
  if (query.text !== undefined && words.length === 0) return async () => []
  const wanted = [...words, ...filtered]
  if (wanted.length === 0) return walk
  const [type] = only === undefined ? [] : await typesNamed(cypher, tenant, [only])
  if (only !== undefined && type === undefined) return async () => []
  const expression = [...wanted, ...(type === undefined ? [] : [queryOfType(tenant, type)])]
  const matches = await matching(cypher, tenant, expression.join(" "))
  if (matches.length <= searchedMatchesMax) return (after) => searched(cypher, matches, after)
  if (query.text !== undefined) throw searchTooWide()
  return walk
}

type Match = readonly [id: number, type: string, key: string]

/** In order; one more than a page may sort where there are more. */
async function matching(cypher: Cypher, tenant: number, query: string): Promise<readonly Match[]> {
  await cypher.rows("CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()")
  const matches = await cypher.rows<Match>(
    `CALL db.index.fulltext.queryNodes($index, $query, {limit: $count}) YIELD node AS n
     WHERE n.tenant = $tenant MATCH (t:_Type {id: n.type}) RETURN n.id, t.name, n.key`,
    { index: wordsIndex, query, tenant, count: searchedMatchesMax + 1 },
  )
  return matches.sort((a, b) => compareUtf8(a[1], b[1]) || compareUtf8(a[2], b[2]))
}

async function searched(cypher: Cypher, matches: readonly Match[], after: After) {
  const isBehind = ([, type, key]: Match): boolean =>
    after === undefined ||
    compareUtf8(type, after[0]) > 0 ||
    (type === after[0] && compareUtf8(key, after[1]) > 0)
  const begin = matches.findIndex(isBehind)
  const some = begin < 0 ? [] : matches.slice(begin, begin + neo4jRowsPerStatement)
  const rows = await cypher.each<[id: number, ...EntityRow]>(
    `MATCH (n:_Entity {id: r}) MATCH (t:_Type {id: n.type}) RETURN n.id, ${entityColumns}`,
    some.map(([id]) => id),
  )
  const byId = new Map(rows.map(([id, ...row]) => [id, row]))
  return some.flatMap(([id]): EntityRow[] => {
    const row = byId.get(id)
    return row === undefined ? [] : [row]
  })
}

/** At most `count` in order, type by type: each is a walk along the index. */
async function walked(
  cypher: Cypher,
  tenant: number,
  only: string | undefined,
  after: After,
  count: number,
): Promise<readonly EntityRow[]> {
  const from = after?.[0] ?? ""
  const types = await cypher.rows<[id: number, name: string]>(
    `MATCH (t:_Type) WHERE t.tenant = $tenant AND t.name >= $from
       AND ($only IS NULL OR t.name = $only) RETURN t.id, t.name ORDER BY t.name`,
    { tenant, from, only: only ?? null },
  )
  const found: EntityRow[] = []
  for (const [id, type] of types) {
    const isBegun = after !== undefined && type === from
    const rows = await cypher.rows<StoredRow>(
      `MATCH (n:_Entity) WHERE n.type = $id AND n.key ${isBegun ? ">" : ">="} $key
         AND n.tenant = $tenant
       RETURN n.key, n.asserted, n.properties, n.aliases, n.revision
       ORDER BY n.type, n.key LIMIT $count`,
      { tenant, id, key: isBegun ? after[1] : "", count: count - found.length },
    )
    for (const row of rows) found.push([type, ...row])
    if (found.length >= count) break
  }
  return found
}

export async function typesNamed(
  cypher: Cypher,
  tenant: number,
  names: readonly string[],
): Promise<readonly number[]> {
  const rows = await cypher.each<[id: number]>(
    "MATCH (t:_Type {tenant: $tenant, name: r}) RETURN t.id",
    names,
    { tenant },
  )
  return rows.map(([id]) => id)
}
