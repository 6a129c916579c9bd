/**
 * The change feed as the writer keeps it. What changes is noted while a transaction runs and
 * written at its end: one row per tenant and `changesPerRowMax` changes, so that the feed costs a
 * transaction something and an entity next to nothing.
 *
 * A change raises the entity's revision in the write that makes it. Of several changes of an entity
 * in a transaction the feed tells what they come to, at the last revision: one that was made and
 * changed was made, one that was made and vanished never was, one that is as before is untouched.
 */
import { invariant } from "../../../protocols/errors.ts"
import { changeRowsTrimmedMax, changesPerRowMax } from "../../../protocols/limits.ts"
import { EntriesText, type Entry } from "../feed-entries.ts"
import type { Rows } from "./rows.ts"

/** How much of a feed is kept at least, and what time it is. */
export interface Retention {
  readonly changesMax: number
  readonly millisMax: number
  readonly nowMillis: () => number
}

/** What is visible of a node. */
export interface Visible {
  readonly described: boolean
  readonly properties: string
  readonly aliases: string
}

/** With the revision that made it so. */
export interface Seen extends Visible {
  readonly revision: number
}

/** A change of a node that was there before the transaction. */
interface Note extends Entry {
  /** How it was then; `undefined` where it vanishes, after which it does not change. */
  readonly before: Seen | undefined
}

/** Nodes made in the transaction, each one number above the one before. */
interface Made {
  first: number
  /** 0 where it has vanished again. */
  readonly revisions: number[]
  readonly types: number[]
  readonly partitions: number[]
  /** Not in the order of their revisions any more. */
  mixed: boolean
}

interface Feed {
  readonly name: string
  /** Of the block under way: what it touches is its partition's. */
  partition: number
  revision: number
  /** As the store has it. */
  writtenRevision: number
  /** The highest node that there ever was; 0 before the first. */
  node: number
  /** Changes that there ever were: the place of the last one. */
  changes: number
  /** By partition; together they are `changes`. */
  readonly sequences: number[]
  oldest: readonly [last: number, revision: number, at: number] | undefined
  readonly made: Made
  /** By node, in the order of their revisions. */
  readonly notes: Map<number, Note>
}

export class FeedWriter {
  readonly #rows: Rows
  readonly #retention: Retention
  readonly #feeds = new Map<number, Feed>()
  /** The one that was asked for last: nearly always the one that is asked for next. */
  #tenant = -1
  #last: Feed | undefined

  constructor(rows: Rows, retention: Retention) {
    this.#rows = rows
    this.#retention = retention
  }

  /** What follows belongs to this partition of the tenant. */
  begin(tenant: number, name: string, partition: number): void {
    const known = this.#feeds.get(tenant)
    if (known !== undefined) {
      known.partition = partition
      return
    }
    const row = this.#rows.feedOf.get(tenant)
    const [revision, node, changes, sequences] = row ?? [0, 0, 0, "[]"]
    this.#feeds.set(tenant, {
      name,
      partition,
      revision,
      writtenRevision: revision,
      node,
      changes,
      sequences: JSON.parse(sequences) as number[],
      oldest: undefined,
      made: { first: 0, revisions: [], types: [], partitions: [], mixed: false },
      notes: new Map(),
    })
  }

  /** The highest node that the tenant ever had; 0 where the feed knows of none. */
  lastNode(tenant: number): number {
    return this.#feed(tenant).node
  }

  /** The revision of a new node, told or not. */
  coming(tenant: number): number {
    return this.#feed(tenant).revision + 1
  }

  /** Notes a node that is there now, at the revision that `coming` answered. */
  created(tenant: number, node: number, type: number): void {
    const feed = this.#feed(tenant)
    const { made, partition } = feed
    if (made.revisions.length === 0) made.first = node
    made.revisions.push(++feed.revision)
    made.types.push(type)
    made.partitions.push(partition)
    feed.node = node
  }

  /** The revision of the node with what is visible of it now. */
  updated(tenant: number, node: number, type: number, seen: Seen, now: Visible): number {
    if (isSame(seen, now)) return seen.revision
    const feed = this.#feed(tenant)
    if (isMade(feed, node)) return raiseMade(feed, node)
    const before = feed.notes.get(node)?.before ?? seen
    feed.notes.delete(node)
    if (isSame(before, now)) return before.revision
    return note(feed, { node, type, kind: "updated" }, before)
  }

  /** Notes that a stub is about to vanish. */
  removed(tenant: number, node: number, type: number): void {
    const feed = this.#feed(tenant)
    if (isMade(feed, node)) {
      feed.made.revisions[node - feed.made.first] = 0
      return
    }
    const key = this.#rows.keyOf.get(node, tenant)?.[0]
    invariant(key !== undefined, "A node that vanishes is there before.")
    feed.notes.delete(node)
    // One of before the feed may be the highest, and the feed knows only of those made since.
    feed.node = Math.max(feed.node, node)
    const revision = note(feed, { node, type, kind: "removed" }, undefined)
    this.#rows.keepGone(node, tenant, revision, key)
  }

  /** Writes what was noted, lets go what is old, and answers whose feeds went on. */
  write(): readonly string[] {
    const names: string[] = []
    for (const [tenant, feed] of this.#feeds) {
      // Also where nothing comes of what was noted: no two changes have one revision.
      if (feed.revision === feed.writtenRevision) continue
      const begin = feed.changes
      const rows = this.#writeRows(tenant, feed)
      if (rows === 0) continue
      names.push(feed.name)
      this.#trim(tenant, feed, begin, rows + changeRowsTrimmedMax)
    }
    return names
  }

  /** After a roll-back, and where too much is remembered. */
  forget(): void {
    this.#feeds.clear()
    this.#tenant = -1
  }

  get size(): number {
    return this.#feeds.size
  }

  #writeRows(tenant: number, feed: Feed): number {
    const { sequences } = feed
    const at = this.#retention.nowMillis()
    const first = feed.changes + 1
    let rows = 0
    let before = JSON.stringify(sequences)
    let [begin, entries] = [first, new EntriesText()]
    const close = () => {
      const { revision } = entries
      const text = entries.text()
      this.#rows.insertChanges(tenant, feed.changes, begin, revision, at, before, text)
      before = JSON.stringify(sequences)
      ;[begin, entries] = [feed.changes + 1, new EntriesText()]
      rows++
    }
    eachNoted(feed, (node, revision, type, kind, partition) => {
      entries.add(node, revision, type, kind, partition)
      while (sequences.length <= partition) sequences.push(0)
      sequences[partition] = (sequences[partition] ?? 0) + 1
      feed.changes++
      if (feed.changes - begin + 1 === changesPerRowMax) close()
    })
    if (feed.changes >= begin) close()
    this.#rows.moveFeed(tenant, feed.revision, feed.node, feed.changes, before)
    feed.writtenRevision = feed.revision
    return rows
  }

  /**
   * At least `changesMax` changes stay, unless they are older than `millisMax`; what this
   * transaction wrote stays.
   */
  #trim(tenant: number, feed: Feed, begin: number, rowsMax: number): void {
    const { oldestChanges, deleteChanges, deleteGone } = this.#rows
    const { changesMax, millisMax, nowMillis } = this.#retention
    const since = nowMillis() - millisMax
    for (let rows = 0; rows < rowsMax; rows++) {
      feed.oldest ??= oldestChanges.get(tenant)
      if (feed.oldest === undefined) return
      const [last, revision, at] = feed.oldest
      if (last > begin || (feed.changes - last < changesMax && at >= since)) return
      deleteChanges(tenant, last)
      deleteGone(tenant, revision)
      feed.oldest = undefined
    }
  }

  #feed(tenant: number): Feed {
    if (tenant === this.#tenant && this.#last !== undefined) return this.#last
    const feed = this.#feeds.get(tenant)
    invariant(feed !== undefined, "A tenant's feed is begun before anything of it changes.")
    this.#tenant = tenant
    this.#last = feed
    return feed
  }
}

/** Puts the node behind all that is noted. */
function note(
  feed: Feed,
  what: Pick<Entry, "node" | "type" | "kind">,
  before: Seen | undefined,
): number {
  const revision = ++feed.revision
  feed.notes.set(what.node, { ...what, revision, partition: feed.partition, before })
  return revision
}

const isMade = ({ made }: Feed, node: number): boolean =>
  made.revisions.length > 0 && node >= made.first

function raiseMade(feed: Feed, node: number): number {
  const { made, partition } = feed
  const at = node - made.first
  made.mixed = true
  made.partitions[at] = partition
  const revision = ++feed.revision
  made.revisions[at] = revision
  return revision
}

type EachNoted = (
  node: number,
  revision: number,
  type: number,
  kind: Entry["kind"],
  partition: number,
) => void

/** All that was noted, in the order of revisions, and forgets it. */
function eachNoted({ made, notes }: Feed, use: EachNoted): void {
  const { first, revisions, types, partitions, mixed } = made
  const order = mixed ? inOrder(revisions) : undefined
  const others = notes.values()
  let other = others.next().value
  for (let i = 0; i < revisions.length; i++) {
    const at = order?.[i] ?? i
    const revision = revisions[at] ?? 0
    if (revision === 0) continue
    for (; other !== undefined && other.revision < revision; other = others.next().value) {
      use(other.node, other.revision, other.type, other.kind, other.partition)
    }
    use(first + at, revision, types[at] ?? 0, "created", partitions[at] ?? 0)
  }
  for (; other !== undefined; other = others.next().value) {
    use(other.node, other.revision, other.type, other.kind, other.partition)
  }
  revisions.length = types.length = partitions.length = 0
  made.mixed = false
  notes.clear()
}

/** Places of the list by what stands there. */
const inOrder = (revisions: readonly number[]): readonly number[] =>
  revisions.map((_, at) => at).sort((a, b) => (revisions[a] ?? 0) - (revisions[b] ?? 0))

const isSame = (a: Visible, b: Visible): boolean =>
  a.described === b.described && a.properties === b.properties && a.aliases === b.aliases
