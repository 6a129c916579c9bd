/** The change feed as it is read. */
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
  VisibleEntity,
} from "../../graph/port.ts"
import { entitiesPage, entityAt } from "./read-entities.ts"
import type { ReadStore } from "./read-store.ts"

export function feedOf(store: ReadStore, watch: ChangeFeedShape["watch"]): ChangeFeedShape {
  const of = <A>(name: string, use: (tenant: number) => A) =>
    store.read(() => use(store.tenant(name)))
  return {
    position: (name) => of(name, (tenant) => headOf(store, tenant).position),
    oldest: (name) => of(name, (tenant) => oldestOf(store, tenant)),
    snapshot: (name, query, page) => of(name, (tenant) => snapshotOf(store, tenant, query, page)),
    changes: (name, { types }, page) =>
      of(name, (tenant) => changesOf(store, tenant, types, page.first, page.after)),
    watch,
  }
}

/** Of a file that nobody writes to by way of this process. */
export const watchNothing: ChangeFeedShape["watch"] = () => () => {}

interface Head {
  readonly revision: number
  readonly changes: number
  readonly position: FeedPosition
}

/** A file of before the feed has one without a name, in which nothing ever happens. */
function headOf(store: ReadStore, tenant: number): Head {
  const none = { revision: 0, changes: 0 }
  if (!store.hasFeed) return { ...none, position: { feed: "", sequences: [] } }
  const feed = store.query<[value: string]>("SELECT value FROM meta WHERE name = 'feed'").get()?.[0]
  invariant(feed !== undefined, "A store's feed has a name.")
  const row = store
    .query<[revision: number, changes: number, sequences: string]>(
      "SELECT revision, changes, sequences FROM feed WHERE tenant = ?",
    )
    .get(tenant)
  if (row === undefined) return { ...none, position: { feed, sequences: [] } }
  const [revision, changes, sequences] = row
  return { revision, changes, position: { feed, sequences: sequencesOf(sequences) } }
}

function oldestOf(store: ReadStore, tenant: number): FeedPosition {
  const { position } = headOf(store, tenant)
  if (!store.hasFeed) return position
  const row = store
    .query<[sequences: string]>(
      "SELECT sequences FROM change WHERE tenant = ? ORDER BY last LIMIT 1",
    )
    .get(tenant)
  return row === undefined ? position : { feed: position.feed, sequences: sequencesOf(row[0]) }
}

function snapshotOf(
  store: ReadStore,
  tenant: number,
  query: { readonly type?: string },
  page: PageRequest,
): SnapshotPage {
  const { position, revision } = headOf(store, tenant)
  return { ...entitiesPage(store, tenant, query, page), position, revision }
}

function changesOf(
  store: ReadStore,
  tenant: number,
  types: readonly string[] | undefined,
  first: number,
  after: FeedPosition,
): ChangesPage | undefined {
  checkChangesSize(first)
  const head = headOf(store, tenant)
  const { feed } = head.position
  if (after.feed !== feed) return undefined
  const place = placeOf(after)
  if (place === head.changes) {
    if (!isSamePlace(after.sequences, head.position.sequences)) return undefined
    return { changes: [], position: head.position, hasMore: false }
  }
  const walk = new Walk(store, tenant, place)
  if (!walk.begin(after.sequences)) return undefined
  const wanted =
    types === undefined ? undefined : new Set(types.map((type) => store.type(tenant, type)))
  const changes: EntityChange[] = []
  for (let looked = 0; looked < changesLookedMax && changes.length < first; looked++) {
    const entry = walk.next()
    if (entry === undefined) break
    if (wanted !== undefined && !wanted.has(entry.type)) continue
    changes.push(changeOf(store, tenant, entry, { feed, sequences: walk.sequences }))
  }
  const position = { feed, sequences: walk.sequences }
  return { changes, position, hasMore: walk.place < head.changes }
}

type Row = readonly [first: number, sequences: string, entries: string]

/** Goes through the rows of a tenant from behind a place on. */
class Walk {
  readonly #store: ReadStore
  readonly #tenant: number
  readonly #sequences: number[] = []
  #entries: Iterator<Entry, void> | undefined
  place: number

  constructor(store: ReadStore, tenant: number, place: number) {
    this.#store = store
    this.#tenant = tenant
    this.place = place
  }

  get sequences(): readonly number[] {
    return [...this.#sequences]
  }

  /** Whether the place is kept, and these are its sequences. */
  begin(sequences: readonly number[]): boolean {
    const row = this.#rowBehind(this.place)
    if (row === undefined || row[0] > this.place + 1) return false
    const [first, before, entries] = row
    this.#sequences.push(...sequencesOf(before))
    this.#entries = entriesOf(entries)
    const skipped = this.place + 1 - first
    this.place = first - 1
    for (let i = 0; i < skipped; i++) this.next()
    return isSamePlace(this.#sequences, sequences)
  }

  next(): Entry | undefined {
    const entry = this.#entries?.next().value ?? this.#firstOfNextRow()
    if (entry === undefined) return undefined
    const { partition } = entry
    while (this.#sequences.length <= partition) this.#sequences.push(0)
    this.#sequences[partition] = (this.#sequences[partition] ?? 0) + 1
    this.place++
    return entry
  }

  #firstOfNextRow(): Entry | undefined {
    const row = this.#rowBehind(this.place)
    if (row === undefined) return undefined
    this.#entries = entriesOf(row[2])
    return this.#entries.next().value ?? undefined
  }

  #rowBehind(place: number): Row | undefined {
    return this.#store
      .query<Row>(
        `SELECT first, sequences, entries FROM change
         WHERE tenant = ? AND last > ? ORDER BY last LIMIT 1`,
      )
      .get(this.#tenant, place)
  }
}

function changeOf(
  store: ReadStore,
  tenant: number,
  entry: Entry,
  position: FeedPosition,
): EntityChange {
  const { node, kind, revision } = entry
  const entity: VisibleEntity | undefined = entityAt(store, tenant, node)
  if (entity !== undefined) {
    return { kind, type: entity.type, key: entity.key, revision, entity, position }
  }
  const gone = store
    .query<[type: string, key: string]>(
      `SELECT t.name, g.key FROM gone g JOIN type t ON t.id = ?
       WHERE g.node = ? AND g.tenant = ?`,
    )
    .get(entry.type, node, tenant)
  invariant(gone !== undefined, "What a kept change names is there, or its key is kept.")
  const [type, key] = gone
  return { kind, type, key, revision, entity: undefined, position }
}
