/**
 * What the owner of a shard holds of its partitions' blocks, and which one may be started
 * (contracts §6). Pure bookkeeping: the owner pulls, parks, starts and acknowledges as this says.
 *
 * Promises: the blocks of a partition are started in sequence order, each once per owner (and once
 * more after `restart`); nothing is started above a block that was handed back until it is there
 * again, nor above a parked one; a block is to be acknowledged only when all sinks have it or it is
 * parked. What may fail beneath: the log may deliver handed-back blocks in any order, and a block
 * several times. All of it is forgotten with the owner: the next one begins with the sinks' cursors
 * and the parked blocks. Holds no more than its share of bytes, but always at least one block, so
 * that it can go on.
 */
import type { Partition } from "../../protocols/address.ts"
import { invariant, LimitExceeded } from "../../protocols/errors.ts"
import { parkedBlocksMax } from "../../protocols/limits.ts"
import type { Delivery } from "./log.ts"

/** Bytes of pulled blocks that all inboxes of a node share. */
export interface PulledShare {
  readonly bytesMax: number
  bytes: number
}

/**
 * - `held`: it is kept here until it is done.
 * - `hand-back`: there is no room, or one before it is away: back to the log with it.
 * - `acknowledge`: every sink has it, or it is parked: the log needs it no longer.
 * - `drop`: a second copy of what is held.
 */
export type Arrival = "held" | "hand-back" | "acknowledge" | "drop"

/** What may be started: a block that is here, or one whose bytes are to be read from the state. */
export type Start =
  | { readonly kind: "held"; readonly delivery: Delivery }
  | { readonly kind: "parked"; readonly sequence: number }

interface Lane {
  /** Every sink has what is at or below. */
  covered: number
  /** Highest that was started. */
  started: number
  readonly held: Map<number, Delivery>
  readonly away: Set<number>
  readonly parked: Set<number>
}

export class ShardInbox {
  readonly #share: PulledShare
  readonly #lanes = new Map<string, Lane>()

  constructor(share: PulledShare) {
    this.#share = share
  }

  /**
   * At takeover, before anything arrives. `covered` is the lowest cursor of all sinks. Answers the
   * parked blocks that every sink has: they are to be removed from the state.
   */
  opened(partition: Partition, covered: number, parked: readonly number[]): readonly number[] {
    const lane = this.#lane(partition)
    lane.covered = covered
    lane.started = covered
    for (const sequence of parked) if (sequence > covered) lane.parked.add(sequence)
    return parked.filter((sequence) => sequence <= covered)
  }

  /** A block came from the log. */
  arrived(delivery: Delivery): Arrival {
    const lane = this.#lane(delivery)
    const { sequence, block } = delivery
    if (sequence <= lane.covered || lane.parked.has(sequence)) {
      lane.away.delete(sequence)
      return "acknowledge"
    }
    if (lane.held.has(sequence)) return "drop"
    const fits = this.#share.bytes === 0 || this.#share.bytes + block.length <= this.#share.bytesMax
    // Nothing is held above what is away: held blocks could fill the share and keep it away.
    if (!fits || lowest(lane.away) < sequence) {
      lane.away.add(sequence)
      return "hand-back"
    }
    invariant(sequence > lane.started, "A block comes before those above it are started.")
    lane.away.delete(sequence)
    lane.held.set(sequence, delivery)
    this.#share.bytes += block.length
    return "held"
  }

  /** The next block of this partition, which is started by that; `undefined` where none may be. */
  start(partition: Partition): Start | undefined {
    const lane = this.#lane(partition)
    const held = lowestAbove(lane.held.keys(), lane.started)
    const parked = lowestAbove(lane.parked, lane.started)
    const sequence = Math.min(held, parked)
    if (sequence === Number.POSITIVE_INFINITY) return undefined
    lane.started = sequence
    const delivery = lane.held.get(sequence)
    return delivery === undefined ? { kind: "parked", sequence } : { kind: "held", delivery }
  }

  /** The partition's actor begins anew: what was started and is not done is started again. */
  restart(partition: Partition): void {
    const lane = this.#lane(partition)
    lane.started = lane.covered
  }

  /**
   * The block of this partition that may be parked: the lowest one that is not, because the next
   * owner starts all parked blocks before any in the log. `LimitExceeded` where its successors must
   * wait.
   */
  parkable(partition: Partition): Delivery | LimitExceeded | undefined {
    const lane = this.#lane(partition)
    const sequence = lowest(lane.held.keys())
    if (sequence === Number.POSITIVE_INFINITY) return undefined
    const value = lane.parked.size + 1
    if (value <= parkedBlocksMax) return lane.held.get(sequence)
    const { tenant, partition: n } = partition
    const message = `Partition ${tenant}/${n} has ${parkedBlocksMax} parked blocks already.`
    return new LimitExceeded({ limit: "parkedBlocksMax", bound: parkedBlocksMax, value, message })
  }

  /**
   * What `parkable` gave is on stable storage in the actor state: it is to be acknowledged, and
   * started from there in its place. One that was started goes on, and is done as any other.
   */
  parked(partition: Partition, sequence: number): void {
    const lane = this.#lane(partition)
    if (sequence <= lane.covered) return
    invariant(lowest(lane.held.keys()) === sequence, "The lowest held block is parked first.")
    this.#release(lane, sequence)
    lane.parked.add(sequence)
  }

  /**
   * The last sink's cursor covers this block. Where it came from is to be told: a held one is to be
   * acknowledged, a parked one removed from the state.
   */
  done(partition: Partition, sequence: number): "acknowledge" | "unpark" | undefined {
    const lane = this.#lane(partition)
    lane.covered = Math.max(lane.covered, sequence)
    if (lane.parked.delete(sequence)) return "unpark"
    return this.#release(lane, sequence) ? "acknowledge" : undefined
  }

  /** Blocks of this partition that are here, parked, or on their way back. */
  depth(partition: Partition): {
    readonly held: number
    readonly parked: number
    readonly away: number
  } {
    const { held, parked, away } = this.#lane(partition)
    return { held: held.size, parked: parked.size, away: away.size }
  }

  /** Nothing of it is worked any more: its share of bytes is free. */
  close(): void {
    for (const lane of this.#lanes.values()) {
      for (const sequence of lane.held.keys()) this.#release(lane, sequence)
    }
  }

  #release(lane: Lane, sequence: number): boolean {
    const delivery = lane.held.get(sequence)
    if (delivery === undefined) return false
    lane.held.delete(sequence)
    this.#share.bytes -= delivery.block.length
    return true
  }

  #lane({ tenant, partition }: Partition): Lane {
    const key = `${tenant}/${partition}`
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = { covered: 0, started: 0, held: new Map(), away: new Set(), parked: new Set() }
      this.#lanes.set(key, lane)
    }
    return lane
  }
}

const lowest = (sequences: Iterable<number>): number => lowestAbove(sequences, 0)

function lowestAbove(sequences: Iterable<number>, above: number): number {
  let found = Number.POSITIVE_INFINITY
  for (const sequence of sequences) if (sequence > above && sequence < found) found = sequence
  return found
}
