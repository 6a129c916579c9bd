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
import { type Entry, textOfEntries } from "./feed-entries.ts"
import type { Statements } from "./statements.ts"

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

interface Note extends Entry {
  /** How it was before the transaction; `undefined` where it was not. */
  readonly before: Seen | undefined
}

interface Feed {
  readonly name: string
  /** Of the block under way: what it touches is its partition's. */
  partition: number
  revision: number
  /** The highest node that there ever was; 0 before the first. */
  node: number
  /** Changes that there ever were: the place of the last one. */
  changes: number
  /** By partition; together they are `changes`. */
  readonly sequences: number[]
  oldest: readonly [last: number, revision: number, at: number] | undefined
  /** By node, in the order of their revisions. */
  readonly notes: Map<number, Note>
}

export class FeedWriter {
  readonly #statements: Statements
  readonly #retention: Retention
  readonly #feeds = new Map<number, Feed>()

  constructor(statements: Statements, retention: Retention) {
    this.#statements = statements
    this.#retention = retention
  }

  /** What follows belongs to this partition of the tenant. */
  begin(tenant: number, name: string, partition: number): void {
    const known = this.#feeds.get(tenant)
    if (known !== undefined) {
      known.partition = partition
      return
    }
    const row = this.#statements.feedOf.get(tenant)
    const [revision, node, changes, sequences] = row ?? [0, 0, 0, "[]"]
    this.#feeds.set(tenant, {
      name,
      partition,
      revision,
      node,
      changes,
      sequences: JSON.parse(sequences) as number[],
      oldest: undefined,
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
    feed.node = Math.max(feed.node, node)
    note(feed, node, type, "created", undefined)
  }

  /** The revision of the node with what is visible of it now. */
  updated(tenant: number, node: number, type: number, seen: Seen, now: Visible): number {
    if (isSame(seen, now)) return seen.revision
    const feed = this.#feed(tenant)
    const noted = feed.notes.get(node)
    if (noted === undefined) return note(feed, node, type, "updated", seen)
    const { kind, before } = noted
    if (before === undefined || !isSame(before, now)) return note(feed, node, type, kind, before)
    feed.notes.delete(node)
    return before.revision
  }

  /** Notes that a stub is about to vanish. */
  removed(tenant: number, node: number, type: number): void {
    const feed = this.#feed(tenant)
    if (feed.notes.get(node)?.kind === "created") {
      feed.notes.delete(node)
      return
    }
    const key = this.#statements.keyOf.get(node, tenant)?.[0]
    invariant(key !== undefined, "A node that vanishes is there before.")
    const revision = note(feed, node, type, "removed", undefined)
    this.#statements.keepGone(node, tenant, revision, key)
  }

  /** Writes what was noted, lets go what is old, and answers whose feeds went on. */
  write(): readonly string[] {
    const names: string[] = []
    for (const [tenant, feed] of this.#feeds) {
      if (feed.notes.size === 0) continue
      names.push(feed.name)
      const begin = feed.changes
      const rows = this.#writeNotes(tenant, feed)
      this.#trim(tenant, feed, begin, rows + changeRowsTrimmedMax)
    }
    return names
  }

  /** After a roll-back, and where too much is remembered. */
  forget(): void {
    this.#feeds.clear()
  }

  get size(): number {
    return this.#feeds.size
  }

  #writeNotes(tenant: number, feed: Feed): number {
    const { notes, sequences } = feed
    const at = this.#retention.nowMillis()
    const entries = [...notes.values()]
    notes.clear()
    let rows = 0
    for (let from = 0; from < entries.length; from += changesPerRowMax, rows++) {
      const some = entries.slice(from, from + changesPerRowMax)
      const first = feed.changes + 1
      const before = JSON.stringify(sequences)
      for (const { partition } of some) {
        while (sequences.length <= partition) sequences.push(0)
        sequences[partition] = (sequences[partition] ?? 0) + 1
      }
      feed.changes += some.length
      const revision = some.at(-1)?.revision ?? feed.revision
      const text = textOfEntries(some)
      this.#statements.insertChanges(tenant, feed.changes, first, revision, at, before, text)
    }
    const last = JSON.stringify(sequences)
    this.#statements.moveFeed(tenant, feed.revision, feed.node, feed.changes, last)
    return rows
  }

  /**
   * At least `changesMax` changes stay, unless they are older than `millisMax`; what this
   * transaction wrote stays.
   */
  #trim(tenant: number, feed: Feed, begin: number, rowsMax: number): void {
    const { oldestChanges, deleteChanges, deleteGone } = this.#statements
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
    const feed = this.#feeds.get(tenant)
    invariant(feed !== undefined, "A tenant's feed is begun before anything of it changes.")
    return feed
  }
}

/** Puts the node behind all that is noted. */
function note(
  feed: Feed,
  node: number,
  type: number,
  kind: Entry["kind"],
  before: Seen | undefined,
): number {
  const { notes, partition } = feed
  const revision = ++feed.revision
  notes.delete(node)
  notes.set(node, { node, revision, type, kind, partition, before })
  return revision
}

const isSame = (a: Visible, b: Visible): boolean =>
  a.described === b.described && a.properties === b.properties && a.aliases === b.aliases
