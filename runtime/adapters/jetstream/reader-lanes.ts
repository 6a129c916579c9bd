/**
 * Blocks that a shard's consumer has delivered and that are not acknowledged: which of them the
 * owner has, and which one it gets next. Pure bookkeeping, like `LogIndex` of the embedded log.
 */
import type { Partition } from "../../../protocols/address.ts"
import { invariant } from "../../../protocols/errors.ts"
import type { Delivery } from "../../core/log.ts"
import type { HeldChain } from "./reader-chains.ts"

export interface Entry {
  readonly partition: Partition
  readonly sequence: number
  readonly sizeBytes: number
  readonly chain: HeldChain
  readonly senderSequence: number
  /** Kept until the owner takes it; what is handed back is read again. */
  block: Uint8Array | undefined
  isTaken: boolean
  attempt: number
}

interface Lane {
  /** In sequence order. */
  entries: Map<number, Entry>
  /** Highest that was ever delivered. */
  tail: number
}

export class ReaderLanes {
  readonly #lanes = new Map<string, Lane>()
  readonly #laneOf = new Map<number, Lane>()
  #turn = 0
  #readyBytes = 0

  /** Bytes of what is free to be taken. */
  get readyBytes(): number {
    return this.#readyBytes
  }

  has(sequence: number): boolean {
    return this.#laneOf.has(sequence)
  }

  /** What was lost on its way and is found again stands before what came after it. */
  add(entry: Entry): void {
    const lane = this.#lane(entry.partition)
    const isLast = entry.sequence > lane.tail
    lane.entries.set(entry.sequence, entry)
    if (!isLast) {
      lane.entries = new Map([...lane.entries].toSorted(([a], [b]) => a - b))
    }
    lane.tail = Math.max(lane.tail, entry.sequence)
    this.#laneOf.set(entry.sequence, lane)
    this.#readyBytes += entry.sizeBytes
  }

  tailOf(partition: Partition): number {
    return this.#lanes.get(laneKey(partition))?.tail ?? 0
  }

  /** A former owner had seen so much of it. */
  raiseTail(partition: Partition, tail: number): void {
    const lane = this.#lane(partition)
    lane.tail = Math.max(lane.tail, tail)
  }

  find(blocks: readonly (Partition & { readonly sequence: number })[]): readonly Entry[] {
    return blocks
      .map((block) => this.#lanes.get(laneKey(block))?.entries.get(block.sequence))
      .filter((entry) => entry !== undefined)
  }

  remove(entry: Entry): void {
    this.#laneOf.get(entry.sequence)?.entries.delete(entry.sequence)
    if (this.#laneOf.delete(entry.sequence) && !entry.isTaken) this.#readyBytes -= entry.sizeBytes
  }

  /** They are free to be taken again. */
  giveBack(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.isTaken && this.has(entry.sequence)) this.#readyBytes += entry.sizeBytes
      entry.isTaken = false
    }
  }

  /** Everything is free to be taken again, as if nothing had been. */
  release(): void {
    for (const { entries } of this.#lanes.values()) {
      this.giveBack([...entries.values()])
      for (const entry of entries.values()) entry.attempt = 0
    }
  }

  /** In sequence order per partition, of at most so many bytes together, but at least one. */
  take(bytesMax: number): readonly Entry[] {
    const lanes = [...this.#lanes.values()]
    const taken: Entry[] = []
    let bytes = 0
    for (let i = 0; i < lanes.length; i++) {
      for (const entry of lanes[(this.#turn + i) % lanes.length]?.entries.values() ?? []) {
        if (entry.isTaken) continue
        if (taken.length > 0 && bytes + entry.sizeBytes > bytesMax) {
          // The next take begins with a lane that this one gave nothing of.
          this.#turn = (this.#turn + i + 1) % lanes.length
          return taken
        }
        bytes += entry.sizeBytes
        this.#readyBytes -= entry.sizeBytes
        entry.isTaken = true
        entry.attempt++
        taken.push(entry)
      }
    }
    this.#turn = lanes.length > 0 ? (this.#turn + 1) % lanes.length : 0
    return taken
  }

  #lane(partition: Partition): Lane {
    const key = laneKey(partition)
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = { entries: new Map(), tail: 0 }
      this.#lanes.set(key, lane)
    }
    return lane
  }
}

const laneKey = ({ tenant, partition }: Partition): string => `${tenant}/${partition}`

/** What the owner gets; each of them has its bytes, and lets go of them by that. */
export const deliveriesOf = (entries: readonly Entry[]): readonly Delivery[] =>
  entries.map((entry) => {
    const { partition, sequence, attempt, block } = entry
    invariant(block !== undefined, "A delivered block has its bytes.")
    entry.block = undefined
    return { ...partition, sequence, attempt, block }
  })
