/** Entities by key, by page, by text and by property. */
import { filteredRowsMax } from "../../../protocols/limits.ts"
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
import { aliasesOf, propertiesOf } from "../../graph/text.ts"
import type { ReadStore } from "./read-store.ts"
import {
  expressionOf,
  isTooWide,
  phraseOfFilter,
  refuseTooWide,
  search,
  termsOf,
} from "./search.ts"

type EntityQuery = Parameters<GraphReadsShape["entities"]>[1]

export type EntityRow = readonly [type: string, ...row: StoredRow]

/** Number of the entity; of one that is not there, undefined. */
export function nodeAt(
  store: ReadStore,
  tenant: number,
  type: string,
  key: string,
): number | undefined {
  const nodes = store.query<[id: number]>(
    "SELECT id FROM node WHERE tenant = ? AND type = ? AND key = ?",
  )
  return nodes.get(tenant, store.type(tenant, type), key)?.[0]
}

export function entityAt(
  store: ReadStore,
  tenant: number,
  node: number,
): VisibleEntity | undefined {
  const row = store
    .query<EntityRow>(
      `SELECT t.name, n.key, n.asserted, n.properties, n.aliases, ${store.revision}
       FROM node n JOIN type t ON t.id = n.type WHERE n.id = ? AND n.tenant = ?`,
    )
    .get(node, tenant)
  return row === undefined ? undefined : entityOfRow(row)
}

export const entityOfRow = ([type, ...row]: EntityRow) => new StoredEntity(type, row, parse)

const parse = { properties: propertiesOf, aliases: aliasesOf }

/** Made once: to put a text together, and look it up, costs more than to run a small statement. */
const sqlFor = (columnsOfRow: string) => {
  const columns = `SELECT ${columnsOfRow} FROM node`
  const walk = `${columns} WHERE tenant = ?1 AND type = ?2 AND key >= ?3 AND key IS NOT ?4
    ORDER BY key`
  const named = `${columns} WHERE tenant = ? AND type = ? AND key = ?`
  return { named, walk, page: `${walk} LIMIT ?5` }
}

const plainColumns = "key, asserted, properties"
const sqlBy = {
  revision: sqlFor(`${plainColumns}, aliases, revision`),
  "0": sqlFor(`${plainColumns}, aliases, 0`),
  plain: sqlFor(plainColumns),
}

export function entityNamed(
  store: ReadStore,
  tenant: number,
  { type, key }: EntityName,
): VisibleEntity | undefined {
  const row = store
    .query<StoredRow>(sqlBy[store.revision].named)
    .get(tenant, store.type(tenant, type), key)
  return row === undefined ? undefined : new StoredEntity(type, row, parse)
}

export function entitiesPage(
  store: ReadStore,
  tenant: number,
  query: EntityQuery,
  page: PageRequest,
): Page<VisibleEntity> {
  const first = sizeOf(page)
  const after = page.after === undefined ? undefined : decodeCursor(page.after, ["", ""] as const)
  const filters = query.properties ?? []
  for (const filter of filters) checkFilter(filter)
  if (query.text === undefined && filters.length === 0) {
    return pageOf(unfilteredPage(store, tenant, query, after, first + 1), first, nameOf)
  }
  const found: VisibleEntity[] = []
  let looked = 0
  for (const row of candidates(store, tenant, query, after)) {
    const entity = entityOfRow(row)
    if (filters.every((filter) => fulfils(entity.properties, filter))) found.push(entity)
    if (found.length > first) break
    if (++looked === filteredRowsMax) {
      return { items: found, end: encodeCursor([entity.type, entity.key]), hasMore: true }
    }
  }
  return pageOf(found, first, nameOf)
}

const nameOf = ({ type, key }: EntityName) => [type, key]

export type After = readonly [type: string, key: string] | undefined

/** In order, all that may fulfil the query: by the text index where that narrows it. */
function candidates(store: ReadStore, tenant: number, query: EntityQuery, after: After) {
  const type = query.type === undefined ? undefined : store.type(tenant, query.type)
  if (tenant === -1 || type === -1) return []
  const filtered = (query.properties ?? []).flatMap(phraseOfFilter)
  if (query.text !== undefined) {
    const words = termsOf(query.text)
    if (words.length === 0) return []
    const expression = expressionOf([...words, ...filtered], type)
    refuseTooWide(store, tenant, expression)
    return search(store, tenant, expression, after)
  }
  const expression = expressionOf(filtered, type)
  if (filtered.length === 0 || isTooWide(store, tenant, expression)) {
    return walk(store, tenant, query.type, after)
  }
  return search(store, tenant, expression, after)
}

/** At most `count`, in order. Rows that come all at once cost half of what they cost singly. */
function unfilteredPage(
  store: ReadStore,
  tenant: number,
  { type: only, isPlain }: EntityQuery,
  after: After,
  count: number,
): readonly VisibleEntity[] {
  const columns = isPlain === true ? "plain" : store.revision
  const rows = store.query<StoredRow>(sqlBy[columns].page)
  const found: VisibleEntity[] = []
  for (const [id, type] of typesFrom(store, tenant, only, after)) {
    const left = count - found.length
    for (const row of rows.all(tenant, id, ...keysFrom(type, after), left)) {
      found.push(new StoredEntity(type, row, parse))
    }
    if (found.length === count) break
  }
  return found
}

function* walk(store: ReadStore, tenant: number, only: string | undefined, after: After) {
  const rows = store.query<StoredRow>(sqlBy[store.revision].walk)
  for (const [id, type] of typesFrom(store, tenant, only, after)) {
    for (const row of rows.iterate(tenant, id, ...keysFrom(type, after))) {
      yield [type, ...row] as EntityRow
    }
  }
}

/** The key to begin at, and the one to leave out. */
const keysFrom = (type: string, after: After): readonly [string, string | null] =>
  after?.[0] === type ? [after[1], after[1]] : ["", null]

type TypeRow = readonly [id: number, name: string]

/** In order, those that the walk may come to. */
function typesFrom(
  store: ReadStore,
  tenant: number,
  only: string | undefined,
  after: After,
): readonly TypeRow[] {
  const from = after?.[0] ?? ""
  if (only !== undefined) {
    return compareUtf8(from, only) <= 0 ? [[store.type(tenant, only), only]] : []
  }
  return store
    .query<[id: number, name: string]>(
      "SELECT id, name FROM type WHERE tenant = ? AND name >= ? ORDER BY name",
    )
    .all(tenant, from)
}
