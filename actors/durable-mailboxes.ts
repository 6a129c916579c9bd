/**
 * Counters of the durable mailboxes that this node owns: one per partition, as contracts §4 wants
 * them.
 *
 * A block is admitted once, by its sequence, whichever is seen first: the receipt that its sender
 * got or the block itself. So a sender that dies before its receipt, a reader that gets a block
 * twice and a partition that begins anew all leave the books right. They open at takeover with what
 * the log and the parking place hold, so that `admitted = handled + deadLettered + expired + shed +
 * pending` holds from the first block on. A partition's blocks are handled in sequence order. The
 * books of a shard are closed when it is given up: its next owner opens them anew, and what is told
 * of a partition that is another node's is not counted here.
 */
import { type Partition, shardOf } from "../protocols/address.ts"
import { brokenMailboxEquation, type MailboxCounters } from "../protocols/counters.ts"

/** Where an admitted block is: parked or not, begun or not. */
interface Place {
  parked: boolean
  inTurn: boolean
  /** Found parked at takeover: a copy of it may still be in the log, and was counted there too. */
  listed: boolean
}

interface Books {
  offered: number
  admitted: number
  refused: number
  handled: number
  /** Blocks that the log held at takeover, up to `openedThrough`, and that have not come yet. */
  unseen: number
  openedThrough: number
  handledThrough: number
  readonly blocks: Map<number, Place>
  /** Found parked at takeover and handled since: a copy may still come from the log. */
  readonly copies: Set<number>
}

export class DurableMailboxes {
  /** By shard, then by partition. */
  readonly #shards = new Map<number, Map<string, Books>>()

  owns(shard: number): void {
    this.#shards.set(shard, new Map())
  }

  disowns(shard: number): void {
    this.#shards.delete(shard)
  }

  /** Takes over what was appended before and not acknowledged, and what is parked. */
  opened(
    partition: Partition,
    held: { readonly pending: number; readonly lastSequence: number },
    parked: readonly number[] = [],
  ): void {
    const books = this.#of(partition)
    if (books === undefined) return
    const blocks = held.pending + parked.length
    books.offered += blocks
    books.admitted += blocks
    books.unseen += held.pending
    books.openedThrough = Math.max(books.openedThrough, held.lastSequence)
    for (const sequence of parked) {
      books.blocks.set(sequence, { parked: true, inTurn: false, listed: true })
    }
  }

  /** The log refused an offer. */
  refused(partition: Partition): void {
    const books = this.#of(partition)
    if (books === undefined) return
    books.offered++
    books.refused++
  }

  /** A sender has its receipt, be it for the first offer of the block or a repeated one. */
  admitted(partition: Partition, sequence: number): void {
    const books = this.#of(partition)
    if (books !== undefined && sequence > books.openedThrough) see(books, sequence)
  }

  /** The block came from the log, for the first time or again. */
  arrived(partition: Partition, sequence: number): void {
    const books = this.#of(partition)
    if (books === undefined) return
    const place = books.blocks.get(sequence)
    if (place === undefined && !books.copies.delete(sequence)) return see(books, sequence)
    if (place?.listed === false || books.unseen === 0) return
    if (place !== undefined) place.listed = false
    books.unseen--
    books.offered--
    books.admitted--
  }

  /** A partition began with a block. */
  begun(partition: Partition, sequence: number): void {
    const place = this.#of(partition)?.blocks.get(sequence)
    if (place !== undefined) place.inTurn = true
  }

  /** The partition begins anew: what it had begun waits again. */
  restarted(partition: Partition): void {
    for (const place of this.#of(partition)?.blocks.values() ?? []) place.inTurn = false
  }

  /** The block is on stable storage aside from the log. */
  parked(partition: Partition, sequence: number): void {
    const place = this.#of(partition)?.blocks.get(sequence)
    if (place !== undefined) place.parked = true
  }

  /** Committed downstream, and the log or the parking place holds it no more; once is enough. */
  handled(partition: Partition, sequence: number): void {
    const books = this.#of(partition)
    const place = books?.blocks.get(sequence)
    if (books === undefined || place === undefined) return
    books.blocks.delete(sequence)
    if (place.listed) books.copies.add(sequence)
    books.handled++
    books.handledThrough = Math.max(books.handledThrough, sequence)
  }

  depth(tenant: string): number {
    let depth = 0
    for (const [key, books] of this.#all()) {
      if (key.startsWith(`${tenant}/`)) depth += books.unseen + books.blocks.size
    }
    return depth
  }

  counters(partition: Partition): MailboxCounters {
    return countersOf(this.#of(partition) ?? emptyBooks())
  }

  /** Sentences for the mailboxes whose equation does not hold. */
  broken(): readonly string[] {
    const sentences: string[] = []
    for (const [key, books] of this.#all()) {
      const broken = brokenMailboxEquation(countersOf(books))
      if (broken !== undefined) sentences.push(`mailbox of ${key}: ${broken}`)
    }
    return sentences
  }

  /** `undefined` where the partition is another node's. */
  #of({ tenant, partition }: Partition): Books | undefined {
    const ofShard = this.#shards.get(shardOf(tenant, partition))
    if (ofShard === undefined) return undefined
    const key = `${tenant}/${partition}`
    let books = ofShard.get(key)
    if (books === undefined) {
      books = emptyBooks()
      ofShard.set(key, books)
    }
    return books
  }

  *#all(): Iterable<readonly [string, Books]> {
    for (const ofShard of this.#shards.values()) yield* ofShard
  }
}

const emptyBooks = (): Books => ({ ...noBooks, blocks: new Map(), copies: new Set() })

const noBooks = {
  offered: 0,
  admitted: 0,
  refused: 0,
  handled: 0,
  unseen: 0,
  openedThrough: 0,
  handledThrough: 0,
}

function see(books: Books, sequence: number): void {
  if (books.blocks.has(sequence) || sequence <= books.handledThrough) return
  if (sequence > books.openedThrough) {
    books.offered++
    books.admitted++
  } else if (books.unseen > 0) {
    books.unseen--
  } else {
    return
  }
  books.blocks.set(sequence, { parked: false, inTurn: false, listed: false })
}

function countersOf(books: Books): MailboxCounters {
  let [queued, parked, inTurn] = [books.unseen, 0, 0]
  for (const place of books.blocks.values()) {
    if (place.inTurn) inTurn++
    else if (place.parked) parked++
    else queued++
  }
  const { offered, admitted, refused, handled } = books
  const never = { deadLettered: 0, expired: 0, shed: 0, stashed: 0 }
  return { offered, admitted, refused, handled, queued, parked, inTurn, ...never }
}
