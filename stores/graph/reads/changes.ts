/** The change feed as it is read: rows of the feed first, then the entities they name, at once. */
import { invariant } from "../../../protocols/errors.ts"
import { changesLookedMax } from "../../../protocols/limits.ts"
import { type Entry, entriesOf } from "../feed-entries.ts"
import { checkChangesSize, isSamePlace, placeOf, sequencesOf } from "../places.ts"
import type { ChangesPage, EntityChange, EntityName, FeedPosition } from "../port.ts"
import type { Looking } from "./looking.ts"

export interface Head {
  readonly revision: number
  readonly changes: number
  readonly position: FeedPosition
}

export type ChangeRow = readonly [first: number, sequences: string, entries: string]

/** What a feed is read from, of one tenant and one moment. */
export interface FeedRows extends Pick<Looking, "entities" | "typesNamed"> {
  readonly head: Head
  /** The first row that ends behind the place. */
  readonly rowBehind: (place: number) => Promise<ChangeRow | undefined>
  /** Names of entities that are not there any more, by number. */
  readonly gone: (entries: readonly Entry[]) => Promise<ReadonlyMap<number, EntityName>>
}

export async function changesOf(
  rows: FeedRows,
  types: readonly string[] | undefined,
  { first, after }: { readonly first: number; readonly after: FeedPosition },
): Promise<ChangesPage | undefined> {
  checkChangesSize(first)
  const { head } = rows
  const { feed } = head.position
  if (after.feed !== feed) return undefined
  const place = placeOf(after)
  if (!Number.isSafeInteger(place) || place < 0) return undefined
  if (place === head.changes) {
    if (!isSamePlace(after.sequences, head.position.sequences)) return undefined
    return { changes: [], position: head.position, hasMore: false }
  }
  const walk = new Walk(rows, place)
  if (!(await walk.begin(after.sequences))) return undefined
  const wanted = types && (await rows.typesNamed(types))
  const found: Found[] = []
  for (let looked = 0; looked < changesLookedMax && found.length < first; looked++) {
    const entry = await walk.next()
    if (entry === undefined) break
    if (wanted?.has(entry.type) === false) continue
    found.push({ entry, position: { feed, sequences: walk.sequences } })
  }
  const position = { feed, sequences: walk.sequences }
  const changes = await namedOf(rows, found)
  return { changes, position, hasMore: walk.place < head.changes }
}

interface Found {
  readonly entry: Entry
  readonly position: FeedPosition
}

/** Goes through the rows of a tenant from behind a place on. */
class Walk {
  readonly #rows: FeedRows
  readonly #sequences: number[] = []
  #entries: Iterator<Entry, void> | undefined
  place: number

  constructor(rows: FeedRows, place: number) {
    this.#rows = rows
    this.place = place
  }

  get sequences(): readonly number[] {
    return [...this.#sequences]
  }

  /** Whether the place is kept, and these are its sequences. */
  async begin(sequences: readonly number[]): Promise<boolean> {
    const row = await this.#rows.rowBehind(this.place)
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
    const row = await this.#rows.rowBehind(this.place)
    if (row === undefined) return undefined
    this.#entries = entriesOf(row[2])
    return this.#entries.next().value ?? undefined
  }
}

async function namedOf(rows: FeedRows, found: readonly Found[]): Promise<readonly EntityChange[]> {
  const entities = await rows.entities([...new Set(found.map(({ entry }) => entry.node))])
  const missing = found.map(({ entry }) => entry).filter(({ node }) => !entities.has(node))
  const gone = missing.length === 0 ? new Map<number, EntityName>() : await rows.gone(missing)
  return found.map(({ entry, position }) => {
    const { kind, revision } = entry
    const entity = entities.get(entry.node)
    const name = entity ?? gone.get(entry.node)
    invariant(name !== undefined, "What a kept change names is there, or its key is kept.")
    return { kind, type: name.type, key: name.key, revision, entity, position }
  })
}
