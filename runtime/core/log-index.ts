/**
 * What a log knows of its blocks while it runs: places, slots, chains and readers. Pure and
 * synchronous; the adapter around it makes decisions durable and moves the bytes.
 *
 * Promises: a decision is taken at once and in call order, so an adapter that stores decisions in
 * that order never stores two that contradict each other; a block can be taken by a reader only
 * after `settle` said that it is durable. What may fail beneath: storing a decision. The adapter
 * then stops for good (this index is ahead of the disk) and a new one is loaded from what is
 * durable. A block that turns out to break its chain is taken back with `withdraw`; its sequence
 * stays unused. Does not promise anything about bytes: hashes are compared where the bytes are
 * stored.
 */
import type { Partition } from "../../protocols/address.ts"
import { shardOf, subjectOf } from "../../protocols/address.ts"
import { decodeHeader } from "../../protocols/block.ts"
import { Fenced, invariant, LogDamaged, LogFull, MailboxFull } from "../../protocols/errors.ts"
import { blockBytesMax, chainReceiptsMax, retryMillisMax } from "../../protocols/limits.ts"
import type { Delivery, Offer, Ownership, Tail } from "./log.ts"

export interface LogBounds {
  readonly mailboxBlocksMax: number
  readonly logBytesMax: number
  readonly chainsMax: number
  /** Bytes of appended blocks kept in memory until they are delivered; others are read again. */
  readonly heldBytesMax: number
}

/** One partition of the log. */
export interface Lane extends Partition {
  readonly id: number
  readonly shard: number
  lastSequence: number
  /** Highest sequence on stable storage. */
  durableSequence: number
  /** Appended and not acknowledged, in sequence order. */
  readonly pending: Map<number, PendingBlock>
  readonly chains: Map<string, Chain>
}

export interface PendingBlock {
  readonly lane: Lane
  readonly sequence: number
  readonly sizeBytes: number
  durable: boolean
  /** An owner has it. */
  taken: boolean
  attempt: number
  block: Uint8Array | undefined
}

/** What one incarnation of a sender has sent to one partition. */
export interface Chain {
  readonly id: number
  readonly lane: Lane
  readonly sender: string
  readonly epoch: number
  readonly start: number
  senderSequence: number
  /** Sequences of its newest blocks, the last one's last. */
  readonly receipts: number[]
}

/** Chains and partitions as they were stored. */
export interface StoredLog {
  readonly lanes: readonly (Partition & { readonly id: number; readonly lastSequence: number })[]
  /** The longest silent first. */
  readonly chains: readonly (Pick<Chain, "id" | "sender" | "epoch" | "start" | "senderSequence"> & {
    readonly lane: number
    readonly receipts: readonly number[]
  })[]
  readonly blocks: readonly {
    readonly lane: number
    readonly sequence: number
    readonly sizeBytes: number
  }[]
  readonly readers: readonly Ownership[]
}

export type Decision =
  | {
      readonly kind: "append"
      readonly entry: PendingBlock
      readonly chain: Chain
      readonly senderSequence: number
      readonly previousHash: Uint8Array
      /** Chains that had to make room. */
      readonly forgotten: readonly number[]
    }
  | {
      readonly kind: "repeat"
      readonly lane: Lane
      readonly chain: Chain
      readonly senderSequence: number
      readonly sequence: number
    }
  | { readonly kind: "refused"; readonly error: MailboxFull | LogFull | LogDamaged }

interface Reader {
  epoch: number
  readonly lanes: Lane[]
  /** Lane that the next take begins with, so that none starves. */
  turn: number
}

export class LogIndex {
  readonly #bounds: LogBounds
  readonly #lanes = new Map<string, Lane>()
  readonly #readers = new Map<number, Reader>()
  /** In order of their last block: the first is the longest silent. */
  readonly #chains = new Set<Chain>()
  #nextLane = 1
  #nextChain = 1
  #bytes = 0
  #heldBytes = 0

  constructor(bounds: LogBounds, stored: StoredLog) {
    this.#bounds = bounds
    const lanes = new Map<number, Lane>()
    for (const { id, tenant, partition, lastSequence } of stored.lanes) {
      lanes.set(id, this.#addLane(id, tenant, partition, lastSequence))
    }
    for (const { lane: laneId, receipts, ...rest } of stored.chains) {
      const lane = lanes.get(laneId)
      invariant(lane !== undefined, "A stored chain belongs to a stored partition.")
      this.#addChain({ ...rest, lane, receipts: [...receipts] })
    }
    for (const { lane: laneId, sequence, sizeBytes } of stored.blocks) {
      const lane = lanes.get(laneId)
      invariant(lane !== undefined, "A stored block belongs to a stored partition.")
      this.#addBlock({ ...newBlock(lane, sequence, sizeBytes), durable: true })
    }
    for (const { shard, epoch } of stored.readers) this.#reader(shard).epoch = epoch
  }

  /** Takes a block in, knows it already, or says why not. A refusal changes nothing. */
  offer({ tenant, partition, block }: Offer): Decision {
    const header = decodeHeader(block)
    const { epoch, start } = header.incarnation
    const lane = this.#lanes.get(laneKey(tenant, partition))
    const key = chainKey(header.sender, epoch, start)
    const chain = lane?.chains.get(key)
    const last = chain?.senderSequence ?? 0
    if (header.senderSequence > last + 1 || header.senderSequence < 1) {
      return refuse(gap(tenant, partition, lane, header.senderSequence, last))
    }
    if (lane !== undefined && chain !== undefined && header.senderSequence <= last) {
      return repeatOf(lane, chain, header.senderSequence)
    }
    const full = this.#refusal(tenant, partition, lane, block.byteLength)
    if (full !== undefined) return refuse(full)
    const home = lane ?? this.#addLane(this.#nextLane, tenant, partition, 0)
    const sent =
      chain ??
      this.#addChain({
        id: this.#nextChain,
        lane: home,
        sender: header.sender,
        epoch,
        start,
        senderSequence: 0,
        receipts: [],
      })
    const forgotten = this.#forgetChains()
    const entry = this.#append(home, sent, block)
    const { senderSequence, previousHash } = header
    return { kind: "append", entry, chain: sent, senderSequence, previousHash, forgotten }
  }

  /** The block is on stable storage: it may be delivered. */
  settle(entry: PendingBlock): void {
    entry.durable = true
    entry.lane.durableSequence = Math.max(entry.lane.durableSequence, entry.sequence)
  }

  /** The block was found to break its chain and was not stored, nor what was offered after it. */
  withdraw(entry: PendingBlock, chain: Chain): void {
    const at = chain.receipts.indexOf(entry.sequence)
    if (at >= 0) chain.senderSequence -= chain.receipts.splice(at).length
    this.#remove(entry)
    this.#bytes -= entry.sizeBytes
  }

  /** Makes the owner the shard's reader; everything that another held is free to be taken. */
  open(owner: Ownership): Fenced | undefined {
    const reader = this.#reader(owner.shard)
    if (owner.epoch < reader.epoch) return fenced(owner, reader.epoch)
    reader.epoch = owner.epoch
    for (const lane of reader.lanes) {
      for (const entry of lane.pending.values()) {
        entry.taken = false
        entry.attempt = 0
      }
    }
    return undefined
  }

  /** What keeps this owner from reading, where it is not the shard's reader. */
  fence(owner: Ownership): Fenced | undefined {
    const current = this.#reader(owner.shard).epoch
    return current === owner.epoch ? undefined : fenced(owner, current)
  }

  /**
   * The next blocks for the shard's reader: in sequence order per partition, at least one if any.
   */
  take(shard: number, bytesMax: number): readonly PendingBlock[] {
    const reader = this.#reader(shard)
    const taken: PendingBlock[] = []
    let bytes = 0
    for (let i = 0; i < reader.lanes.length; i++) {
      const lane = reader.lanes[(reader.turn + i) % reader.lanes.length]
      if (lane === undefined) continue
      for (const entry of lane.pending.values()) {
        if (entry.taken) continue
        // A block that is not durable yet hides the ones above it.
        if (!entry.durable) break
        if (taken.length > 0 && bytes + entry.sizeBytes > bytesMax) {
          // The next take begins with a lane that this one gave nothing of.
          const next = taken.at(-1)?.lane === lane ? i + 1 : i
          reader.turn = (reader.turn + next) % reader.lanes.length
          return taken
        }
        bytes += entry.sizeBytes
        entry.taken = true
        entry.attempt++
        taken.push(entry)
      }
    }
    reader.turn = reader.lanes.length > 0 ? (reader.turn + 1) % reader.lanes.length : 0
    return taken
  }

  /** Hands the bytes out, where they are still held, and holds them no longer. */
  release(entry: PendingBlock): Uint8Array | undefined {
    const block = entry.block
    if (block !== undefined) {
      entry.block = undefined
      this.#heldBytes -= entry.sizeBytes
    }
    return block
  }

  giveBack(entries: Iterable<PendingBlock>): void {
    for (const entry of entries) entry.taken = false
  }

  /** The blocks among these that are pending. */
  find(shard: number, blocks: readonly (Partition & { sequence: number })[]): PendingBlock[] {
    const found: PendingBlock[] = []
    for (const { tenant, partition, sequence } of blocks) {
      const lane = this.#lanes.get(laneKey(tenant, partition))
      const entry = lane?.shard === shard ? lane.pending.get(sequence) : undefined
      if (entry?.durable) found.push(entry)
    }
    return found
  }

  /** Frees the block's slot. Its bytes still count until `trim`. */
  acknowledge(entry: PendingBlock): void {
    this.#remove(entry)
  }

  /** Bytes that have left the disk. */
  trim(bytes: number): void {
    this.#bytes -= bytes
  }

  tails(shard?: number): readonly Tail[] {
    const lanes = shard === undefined ? this.#lanes.values() : this.#reader(shard).lanes.values()
    return [...lanes]
      .filter((lane) => lane.durableSequence > 0)
      .map((lane) => ({
        tenant: lane.tenant,
        partition: lane.partition,
        lastSequence: lane.durableSequence,
        pending: lane.pending.size,
      }))
  }

  /** Whether an offer of this partition would find room. */
  hasRoom({ tenant, partition }: Partition): boolean {
    const lane = this.#lanes.get(laneKey(tenant, partition))
    return this.#refusal(tenant, partition, lane, 0) === undefined
  }

  /** Whether the log as a whole is at its bound. */
  get isFull(): boolean {
    return this.#bytes + blockBytesMax > this.#bounds.logBytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  #refusal(tenant: string, partition: number, lane: Lane | undefined, sizeBytes: number) {
    if ((lane?.pending.size ?? 0) >= this.#bounds.mailboxBlocksMax) {
      return new MailboxFull({
        mailbox: subjectOf({ lane: "mb", tenant, partition }),
        limit: "blocks",
        retryAfterMillis: retryMillisMax,
        message: `Partition ${tenant}/${partition} holds ${this.#bounds.mailboxBlocksMax} blocks.`,
      })
    }
    if (this.#bytes + sizeBytes > this.#bounds.logBytesMax) {
      return new LogFull({
        retryAfterMillis: retryMillisMax,
        message: `The log holds ${this.#bytes} bytes of at most ${this.#bounds.logBytesMax}.`,
      })
    }
    return undefined
  }

  #append(lane: Lane, chain: Chain, block: Uint8Array): PendingBlock {
    lane.lastSequence++
    chain.senderSequence++
    chain.receipts.push(lane.lastSequence)
    if (chain.receipts.length > chainReceiptsMax) chain.receipts.shift()
    this.#chains.delete(chain)
    this.#chains.add(chain)
    const entry = newBlock(lane, lane.lastSequence, block.byteLength)
    if (this.#heldBytes + entry.sizeBytes <= this.#bounds.heldBytesMax) {
      entry.block = block
      this.#heldBytes += entry.sizeBytes
    }
    this.#addBlock(entry)
    return entry
  }

  #forgetChains(): readonly number[] {
    const forgotten: number[] = []
    for (const chain of this.#chains) {
      if (this.#chains.size <= this.#bounds.chainsMax) break
      this.#chains.delete(chain)
      chain.lane.chains.delete(chainKey(chain.sender, chain.epoch, chain.start))
      forgotten.push(chain.id)
    }
    return forgotten
  }

  #remove(entry: PendingBlock): void {
    this.release(entry)
    entry.lane.pending.delete(entry.sequence)
  }

  #addLane(id: number, tenant: string, partition: number, lastSequence: number): Lane {
    const shard = shardOf(tenant, partition)
    const lane: Lane = {
      id,
      tenant,
      partition,
      shard,
      lastSequence,
      durableSequence: lastSequence,
      pending: new Map(),
      chains: new Map(),
    }
    this.#nextLane = Math.max(this.#nextLane, id + 1)
    this.#lanes.set(laneKey(tenant, partition), lane)
    this.#reader(shard).lanes.push(lane)
    return lane
  }

  #addChain(chain: Chain): Chain {
    this.#nextChain = Math.max(this.#nextChain, chain.id + 1)
    chain.lane.chains.set(chainKey(chain.sender, chain.epoch, chain.start), chain)
    this.#chains.add(chain)
    return chain
  }

  #addBlock(entry: PendingBlock): void {
    entry.lane.pending.set(entry.sequence, entry)
    this.#bytes += entry.sizeBytes
  }

  #reader(shard: number): Reader {
    let reader = this.#readers.get(shard)
    if (reader === undefined) {
      reader = { epoch: 0, lanes: [], turn: 0 }
      this.#readers.set(shard, reader)
    }
    return reader
  }
}

/** A taken block as its owner gets it. */
export const deliveryOf = (entry: PendingBlock, block: Uint8Array): Delivery => ({
  tenant: entry.lane.tenant,
  partition: entry.lane.partition,
  sequence: entry.sequence,
  attempt: entry.attempt,
  block,
})

const laneKey = (tenant: string, partition: number): string => `${tenant}/${partition}`
const chainKey = (sender: string, epoch: number, start: number): string =>
  `${epoch}.${start} ${sender}`

const newBlock = (lane: Lane, sequence: number, sizeBytes: number): PendingBlock => ({
  lane,
  sequence,
  sizeBytes,
  durable: false,
  taken: false,
  attempt: 0,
  block: undefined,
})

const refuse = (error: MailboxFull | LogFull | LogDamaged): Decision => ({ kind: "refused", error })

const fenced = (owner: Ownership, current: number): Fenced =>
  new Fenced({
    shard: owner.shard,
    epoch: owner.epoch,
    current,
    message: `Shard ${owner.shard} is read under epoch ${current}, not ${owner.epoch}.`,
  })

function repeatOf(lane: Lane, chain: Chain, senderSequence: number): Decision {
  const sequence = chain.receipts.at(senderSequence - chain.senderSequence - 1)
  if (sequence !== undefined) {
    return { kind: "repeat", lane, chain, senderSequence, sequence }
  }
  return refuse(
    new LogDamaged({
      partition: laneKey(lane.tenant, lane.partition),
      sequence: lane.lastSequence,
      message:
        `Block ${senderSequence} of ${chain.sender} comes again after ${chain.senderSequence}; ` +
        `only the last ${chainReceiptsMax} blocks are remembered.`,
    }),
  )
}

function gap(
  tenant: string,
  partition: number,
  lane: Lane | undefined,
  found: number,
  last: number,
): LogDamaged {
  return new LogDamaged({
    partition: laneKey(tenant, partition),
    sequence: lane?.lastSequence ?? 0,
    message: `A block with sender sequence ${found} came, and the last one known was ${last}.`,
  })
}
