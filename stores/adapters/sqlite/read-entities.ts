/** Entities by key, by page, by text and by property; and what each record says of one. */
import { Invalid, LimitExceeded } from "../../../protocols/errors.ts"
import type { Properties, PropertyValue } from "../../../protocols/graph.ts"
import {
  searchedMatchesMax,
  searchTextBytesMax,
  searchWordsMax,
} from "../../../protocols/limits.ts"
import { compareAssertions, compareUtf8 } from "../../../protocols/visible.ts"
import type {
  Assertion,
  GraphReadsShape,
  Page,
  PageRequest,
  PropertyFilter,
  VisibleEntity,
} from "../../graph/port.ts"
import { typeToken } from "./nodes.ts"
import { decodeCursor, pageOf, sizeOf } from "./page.ts"
import type { ReadStore } from "./read-store.ts"
import { aliasesOf, propertiesOf } from "./text.ts"
import { firstNodeOf } from "./transaction.ts"

type EntityQuery = Parameters<GraphReadsShape["entities"]>[1]

export type EntityRow = readonly [
  type: string,
  key: string,
  asserted: number,
  properties: string,
  aliases: string,
]

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
      `SELECT t.name, n.key, n.asserted, n.properties, n.aliases
       FROM node n JOIN type t ON t.id = n.type WHERE n.id = ? AND n.tenant = ?`,
    )
    .get(node, tenant)
  return row === undefined ? undefined : entityOfRow(row)
}

export const entityOfRow = ([type, key, asserted, properties, aliases]: EntityRow) => ({
  type,
  key,
  stub: asserted === 0,
  properties: propertiesOf(properties),
  aliases: aliasesOf(aliases),
})

export function assertionsAt(
  store: ReadStore,
  tenant: number,
  type: string,
  key: string,
): readonly Assertion[] {
  const node = nodeAt(store, tenant, type, key)
  if (node === undefined) return []
  const rows = store
    .query<
      [
        source: string,
        priority: number,
        recordKey: string,
        version: number | null,
        epoch: number,
        count: number,
        ordinal: number,
        properties: string,
      ]
    >(
      `SELECT s.name, s.priority, r.key, r.version, r.run_epoch, r.run_count, r.ordinal,
         coalesce(a.properties, n.properties)
       FROM node n JOIN assertion a ON a.node = n.id JOIN record r ON r.id = a.record
       JOIN source s ON s.id = r.source WHERE n.id = ? AND n.tenant = ? AND a.tenant = n.tenant`,
    )
    .all(node, tenant)
  return rows
    .map(([source, priority, recordKey, version, epoch, count, ordinal, properties]) => ({
      source,
      priority,
      recordKey,
      version: version ?? undefined,
      run: { epoch, count },
      ordinal,
      properties: propertiesOf(properties),
    }))
    .sort(compareAssertions)
    .map(({ priority: _, ...assertion }) => assertion)
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
  const found: VisibleEntity[] = []
  const candidates =
    query.text === undefined
      ? walk(store, tenant, query.type, after)
      : search(store, tenant, query.type, query.text, after)
  for (const row of candidates) {
    const entity = entityOfRow(row)
    if (filters.every((filter) => fulfils(entity.properties, filter))) found.push(entity)
    if (found.length > first) break
  }
  return pageOf(found, first, (entity) => [entity.type, entity.key])
}

type After = readonly [type: string, key: string] | undefined

function* walk(store: ReadStore, tenant: number, only: string | undefined, after: After) {
  const types = store.query<[id: number, name: string]>(
    "SELECT id, name FROM type WHERE tenant = ? AND name >= ? ORDER BY name",
  )
  const from = (at: "=" | "") =>
    store.query<EntityRow>(
      `SELECT '', key, asserted, properties, aliases FROM node
       WHERE tenant = ? AND type = ? AND key >${at} ? ORDER BY key`,
    )
  for (const [id, type] of types.all(tenant, after?.[0] ?? "")) {
    if (only !== undefined && only !== type) continue
    const rows =
      after?.[0] === type
        ? from("").iterate(tenant, id, after[1])
        : from("=").iterate(tenant, id, "")
    for (const [, key, ...rest] of rows) yield [type, key, ...rest] as EntityRow
  }
}

function* search(
  store: ReadStore,
  tenant: number,
  only: string | undefined,
  text: string,
  after: After,
) {
  const type = only === undefined ? undefined : store.type(tenant, only)
  const expression = expressionOf(text, type)
  if (expression === undefined || tenant < 0 || type === -1) return
  const range = [firstNodeOf(tenant), firstNodeOf(tenant + 1)] as const
  const matched = store
    .query<[count: number]>(
      `SELECT count(*) FROM (SELECT 1 FROM search
         WHERE search MATCH ? AND rowid >= ? AND rowid < ? /* one tenant */ LIMIT ?)`,
    )
    .get(expression, ...range, searchedMatchesMax + 1)
  if ((matched?.[0] ?? 0) > searchedMatchesMax) {
    throw new LimitExceeded({
      limit: "searchedMatchesMax",
      bound: searchedMatchesMax,
      value: searchedMatchesMax + 1,
      message: `More than ${searchedMatchesMax} entities match; add a word or a type.`,
    })
  }
  const rows = store.query<[id: number]>(
    `SELECT n.id FROM search s JOIN node n ON n.id = s.rowid JOIN type t ON t.id = n.type
     WHERE search MATCH ?1 AND s.rowid >= ?2 AND s.rowid < ?3 AND n.tenant = ?4
       AND n.type = coalesce(?5, n.type) AND (t.name, n.key) > (?6, ?7)
     ORDER BY t.name, n.key`,
  )
  // A type has at least one character, so that nothing is at or before the pair of empty texts.
  const [afterType, afterKey] = after ?? ["", ""]
  const ids = rows.all(expression, ...range, tenant, type ?? null, afterType, afterKey)
  const nodes = store.query<EntityRow>(
    `SELECT t.name, n.key, n.asserted, n.properties, n.aliases
     FROM node n JOIN type t ON t.id = n.type WHERE n.id = ? AND n.tenant = ?`,
  )
  for (const [id] of ids) {
    const row = nodes.get(id, tenant)
    if (row !== undefined) yield row
  }
}

/** All words, each by its beginning; undefined where the text has no word. */
function expressionOf(text: string, type: number | undefined): string | undefined {
  const bytes = Buffer.byteLength(text, "utf8")
  if (bytes > searchTextBytesMax) {
    const message = `A search has at most ${searchTextBytesMax} bytes.`
    const limit = "searchTextBytesMax"
    throw new LimitExceeded({ limit, bound: searchTextBytesMax, value: bytes, message })
  }
  // The index takes letters and numbers for words (unicode61) and so does this; U+E000 is its own.
  const words = text.normalize("NFC").split(/[^\p{L}\p{N}]+/u)
  const terms = words.filter((word) => word !== "").map((word) => `"${word}"*`)
  if (terms.length === 0) return undefined
  if (terms.length > searchWordsMax) {
    const message = `A search has at most ${searchWordsMax} words.`
    const limit = "searchWordsMax"
    throw new LimitExceeded({ limit, bound: searchWordsMax, value: terms.length, message })
  }
  if (type !== undefined) terms.push(`"${typeToken(type)}"`)
  return terms.join(" AND ")
}

function checkFilter({ name, eq, in: among, gte, lte }: PropertyFilter): void {
  if (eq !== undefined || among !== undefined || gte !== undefined || lte !== undefined) return
  throw new Invalid({
    what: "filter",
    message: `The filter on ${name} names no eq, in, gte or lte.`,
  })
}

/** A list fulfils a condition where it is the value asked for, or one of its members fulfils it. */
function fulfils(properties: Properties, filter: PropertyFilter): boolean {
  const value = Object.hasOwn(properties, filter.name) ? properties[filter.name] : undefined
  if (value === undefined) return false
  const { eq, in: among, gte, lte } = filter
  return (
    (eq === undefined || equals(value, eq)) &&
    (among === undefined || among.some((one) => equals(value, one))) &&
    (gte === undefined || someMember(value, (member) => compares(member, gte, 1))) &&
    (lte === undefined || someMember(value, (member) => compares(member, lte, -1)))
  )
}

function equals(value: PropertyValue, wanted: PropertyValue): boolean {
  if (typeof wanted !== "object") return someMember(value, (member) => member === wanted)
  return JSON.stringify(value) === JSON.stringify(wanted)
}

const someMember = (value: PropertyValue, holds: (member: unknown) => boolean): boolean =>
  typeof value === "object" ? [...value].some(holds) : holds(value)

function compares(member: unknown, bound: string | number, sign: 1 | -1): boolean {
  if (typeof member === "number" && typeof bound === "number") return (member - bound) * sign >= 0
  if (typeof member === "string" && typeof bound === "string") {
    return compareUtf8(member, bound) * sign >= 0
  }
  return false
}
