/** The change feed as it is read: rows of the feed first, then the entities they name, at once. */
import { invariant } from "../../../protocols/errors.ts"
import { changesLookedMax } from "../../../protocols/limits.ts"
import { type Entry, entriesOf } from "../../graph/feed-entries.ts"
import { checkChangesSize, isSamePlace, placeOf, sequencesOf } from "../../graph/places.ts"
import type {
  ChangeFeedShape,
  ChangesPage,
  EntityChange,
  FeedPosition,
  PageRequest,
  SnapshotPage,
} from "../../graph/port.ts"
import type { Sql } from "./connection.ts"
import { entitiesByNumber, entitiesPage } from "./read-entities.ts"
import type { ReadStore } from "./read-store.ts"

export function feedOf(store: ReadStore, watch: ChangeFeedShape["watch"]): ChangeFeedShape {
  return {
    position: (name) => store.of(name, async (sql, tenant) => (await headOf(sql, tenant)).position),
    oldest: (name) => store.of(name, oldestOf),
    snapshot: (name, query, page) =>
      store.of(name, (sql, tenant) => snapshotOf(sql, tenant, query, page)),
    changes: (name, { types }, page) =>
      store.of(name, (sql, tenant) => changesOf(sql, tenant, types, page.first, page.after)),
    watch,
  }
}

interface Head {
  readonly revision: number
  readonly changes: number
  readonly position: FeedPosition
}

async function headOf(sql: Sql, tenant: number): Promise<Head> {
  const [name] = await sql.rows<[value: string]>("SELECT value FROM meta WHERE name = 'feed'")
  invariant(name !== undefined, "A store's feed has a name.")
  const [feed] = name
  const row = await sql.row<[revision: number, changes: number, sequences: string]>(
    "SELECT revision, changes, sequences FROM feed WHERE tenant = $1",
    tenant,
  )
  if (row === undefined) return { revision: 0, changes: 0, position: { feed, sequences: [] } }
  const [revision, changes, sequences] = row
  return { revision, changes, position: { feed, sequences: sequencesOf(sequences) } }
}

async function oldestOf(sql: Sql, tenant: number): Promise<FeedPosition> {
  const { position } = await headOf(sql, tenant)
  const row = await sql.row<[sequences: string]>(
    "SELECT sequences FROM change WHERE tenant = $1 ORDER BY last LIMIT 1",
    tenant,
  )
  return row === undefined ? position : { feed: position.feed, sequences: sequencesOf(row[0]) }
}

async function snapshotOf(
  sql: Sql,
  tenant: number,
  query: { readonly type?: string },
  page: PageRequest,
): Promise<SnapshotPage> {
  const { position, revision } = await headOf(sql, tenant)
  return { ...(await entitiesPage(sql, tenant, query, page)), position, revision }
}

async function changesOf(
  sql: Sql,
  tenant: number,
  types: readonly string[] | undefined,
  first: number,
  after: FeedPosition,
): Promise<ChangesPage | undefined> {
  checkChangesSize(first)
  const head = await headOf(sql, tenant)
  const { feed } = head.position
  if (after.feed !== feed) return undefined
  const place = placeOf(after)
  if (!Number.isSafeInteger(place) || place < 0) return undefined
  if (place === head.changes) {
    if (!isSamePlace(after.sequences, head.position.sequences)) return undefined
    return { changes: [], position: head.position, hasMore: false }
  }
  const walk = new Walk(sql, tenant, place)
  if (!(await walk.begin(after.sequences))) return undefined
  const wanted = await typesOf(sql, tenant, types)
  const found: { readonly entry: Entry; readonly position: FeedPosition }[] = []
  for (let looked = 0; looked < changesLookedMax && found.length < first; looked++) {
    const entry = await walk.next()
    if (entry === undefined) break
    if (wanted?.has(entry.type) === false) continue
    found.push({ entry, position: { feed, sequences: walk.sequences } })
  }
  const position = { feed, sequences: walk.sequences }
  const changes = await namedOf(sql, tenant, found)
  return { changes, position, hasMore: walk.place < head.changes }
}

async function typesOf(sql: Sql, tenant: number, types: readonly string[] | undefined) {
  if (types === undefined) return undefined
  const rows = await sql.rows<[id: number]>(
    "SELECT id FROM type WHERE tenant = $1 AND name = ANY ($2::text[])",
    tenant,
    types,
  )
  return new Set(rows.map(([id]) => id))
}

type Row = readonly [first: number, sequences: string, entries: string]

/** Goes through the rows of a tenant from behind a place on. */
class Walk {
  readonly #sql: Sql
  readonly #tenant: number
  readonly #sequences: number[] = []
  #entries: Iterator<Entry, void> | undefined
  place: number

  constructor(sql: Sql, tenant: number, place: number) {
    this.#sql = sql
    this.#tenant = tenant
    this.place = place
  }

  get sequences(): readonly number[] {
    return [...this.#sequences]
  }

  /** Whether the place is kept, and these are its sequences. */
  async begin(sequences: readonly number[]): Promise<boolean> {
    const row = await this.#rowBehind(this.place)
    if (row === undefined || row[0] > this.place + 1) return false
    const [first, before, entries] = row
    this.#sequences.push(...sequencesOf(before))
    this.#entries = entriesOf(entries)
    const skipped = this.place + 1 - first
    this.place = first - 1
    for (let i = 0; i < skipped; i++) await this.next()
    return isSamePlace(this.#sequences, sequences)
  }

  async next(): Promise<Entry | undefined> {
    const entry = this.#entries?.next().value ?? (await this.#firstOfNextRow())
    if (entry === undefined) return undefined
    const { partition } = entry
    while (this.#sequences.length <= partition) this.#sequences.push(0)
    this.#sequences[partition] = (this.#sequences[partition] ?? 0) + 1
    this.place++
    return entry
  }

  async #firstOfNextRow(): Promise<Entry | undefined> {
    const row = await this.#rowBehind(this.place)
    if (row === undefined) return undefined
    this.#entries = entriesOf(row[2])
    return this.#entries.next().value ?? undefined
  }

  #rowBehind(place: number): Promise<Row | undefined> {
    return this.#sql.row<Row>(
      `SELECT first, sequences, entries FROM change
       WHERE tenant = $1 AND last > $2 ORDER BY last LIMIT 1`,
      this.#tenant,
      place,
    )
  }
}

async function namedOf(
  sql: Sql,
  tenant: number,
  found: readonly { readonly entry: Entry; readonly position: FeedPosition }[],
): Promise<readonly EntityChange[]> {
  const nodes = [...new Set(found.map(({ entry }) => entry.node))]
  const entities = await entitiesByNumber(sql, tenant, nodes)
  const gone = await goneOf(
    sql,
    tenant,
    found.filter(({ entry }) => !entities.has(entry.node)).map(({ entry }) => entry),
  )
  return found.map(({ entry, position }) => {
    const { kind, revision } = entry
    const entity = entities.get(entry.node)
    const name = entity ?? gone.get(entry.node)
    invariant(name !== undefined, "What a kept change names is there, or its key is kept.")
    return { kind, type: name.type, key: name.key, revision, entity, position }
  })
}

async function goneOf(sql: Sql, tenant: number, entries: readonly Entry[]) {
  if (entries.length === 0) return new Map<number, { type: string; key: string }>()
  const rows = await sql.rows<[node: number, type: string, key: string]>(
    `SELECT g.node, t.name, g.key FROM unnest($2::bigint[], $3::integer[]) w(node, type)
     JOIN gone g ON g.node = w.node AND g.tenant = $1 JOIN type t ON t.id = w.type`,
    tenant,
    entries.map(({ node }) => node),
    entries.map(({ type }) => type),
  )
  return new Map(rows.map(([node, type, key]) => [node, { type, key }]))
}
