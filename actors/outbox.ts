/**
 * The sending half of a connector: collects events per partition, seals them into chained blocks,
 * and knows from where the source would have to be read again (contracts §3, §4, §6).
 *
 * Promises: at most one sealed block per partition is unanswered; a sealed block never changes
 * until it is answered; blocks of a partition leave in the order of their events; `position` is
 * never ahead of an event that the log has not acknowledged. Holds at most two blocks of events per
 * partition: the one that is sealed and the one that fills. Pure: the time comes in.
 */
import { partitionOf } from "../protocols/address.ts"
import { encodeBlock, hashBlock, type Incarnation, noHash } from "../protocols/block.ts"
import { invariant } from "../protocols/errors.ts"
import type { Run, SourceEvent } from "../protocols/event.ts"
import { blockBytesMax, blockEventsMax, blockLingerMillis } from "../protocols/limits.ts"
import type { SourcePlace } from "./source.ts"

export interface Sealed {
  readonly partition: number
  readonly senderSequence: number
  readonly block: Uint8Array
  readonly records: number
  /** When the first record's bytes were complete, on the host's clock. */
  readonly cutAtMillis: number
}

interface PartitionLane {
  senderSequence: number
  previousHash: Uint8Array
  filling: SourceEvent[]
  fillingBytes: number
  fillingSinceMillis: number
  /** The next event of this partition has no room in the filling block. */
  full: boolean
  sealed: Sealed | undefined
  /** First event of the sealed block: from here the source is read again if the block is lost. */
  sealedFrom: SourcePlace | undefined
}

export interface OutboxSettings {
  readonly sender: string
  readonly incarnation: Incarnation
  readonly mappingDigest: Uint8Array
  readonly source: string
  readonly run: Run
  readonly file: string
  readonly partitions: number
}

export class Outbox {
  readonly #settings: OutboxSettings
  readonly #lanes: PartitionLane[]

  constructor(settings: OutboxSettings) {
    this.#settings = settings
    this.#lanes = Array.from({ length: settings.partitions }, () => ({
      senderSequence: 0,
      previousHash: noHash,
      filling: [],
      fillingBytes: 0,
      fillingSinceMillis: 0,
      full: false,
      sealed: undefined,
      sealedFrom: undefined,
    }))
  }

  /** Takes the event, or returns `false` where its partition has a block sealed and one full. */
  add(event: SourceEvent, nowMillis: number): boolean {
    const lane = this.#lane(partitionOf(event.recordKey, this.#settings.partitions))
    const size = event.bytes.length
    if (lane.filling.length > 0 && lane.fillingBytes + size > blockBytesMax) lane.full = true
    if (lane.full) return false
    if (lane.filling.length === 0) lane.fillingSinceMillis = nowMillis
    lane.filling.push(event)
    lane.fillingBytes += size
    lane.full = lane.filling.length === blockEventsMax
    return true
  }

  /** Seals the blocks that are full, or old enough, and whose partition waits for no answer. */
  seal(nowMillis: number, options: { readonly everything: boolean }): readonly Sealed[] {
    const sealed: Sealed[] = []
    for (let partition = 0; partition < this.#lanes.length; partition++) {
      const lane = this.#lane(partition)
      if (lane.sealed !== undefined || lane.filling.length === 0) continue
      const ripe =
        options.everything || lane.full || nowMillis - lane.fillingSinceMillis >= blockLingerMillis
      if (ripe) sealed.push(this.#sealLane(partition, lane))
    }
    return sealed
  }

  /** Milliseconds until the oldest filling block has waited long enough; `undefined` with none. */
  lingerMillis(nowMillis: number): number | undefined {
    let oldest = Number.POSITIVE_INFINITY
    for (const lane of this.#lanes) {
      if (lane.sealed === undefined && lane.filling.length > 0) {
        oldest = Math.min(oldest, lane.fillingSinceMillis)
      }
    }
    if (oldest === Number.POSITIVE_INFINITY) return undefined
    return Math.max(0, oldest + blockLingerMillis - nowMillis)
  }

  answered(partition: number): void {
    const lane = this.#lane(partition)
    invariant(lane.sealed !== undefined, "Only a sealed block is answered.")
    lane.sealed = undefined
    lane.sealedFrom = undefined
  }

  get empty(): boolean {
    return this.#lanes.every((lane) => lane.sealed === undefined && lane.filling.length === 0)
  }

  /** Where reading would go on after a crash now: `next`, or the oldest event not acknowledged. */
  position(next: SourcePlace): SourcePlace {
    let place = next
    for (const lane of this.#lanes) {
      const first = lane.sealedFrom ?? lane.filling[0]
      if (first !== undefined && first.ordinal < place.ordinal) {
        place = { offset: first.offset, ordinal: first.ordinal }
      }
    }
    return place
  }

  #lane(partition: number): PartitionLane {
    const lane = this.#lanes[partition]
    invariant(lane !== undefined, `A connector of this tenant knows no partition ${partition}.`)
    return lane
  }

  #sealLane(partition: number, lane: PartitionLane): Sealed {
    const { sender, incarnation, mappingDigest, source, run, file } = this.#settings
    const events = lane.filling
    const first = events[0]
    invariant(first !== undefined, "A block has an event.")
    const senderSequence = lane.senderSequence + 1
    const block = encodeBlock(
      { sender, incarnation, senderSequence, previousHash: lane.previousHash, mappingDigest },
      { source, run, file, events },
    )
    const sealed = {
      partition,
      senderSequence,
      block,
      records: events.length,
      cutAtMillis: lane.fillingSinceMillis,
    }
    lane.senderSequence = senderSequence
    lane.previousHash = hashBlock(block)
    lane.sealed = sealed
    lane.sealedFrom = { offset: first.offset, ordinal: first.ordinal }
    lane.filling = []
    lane.fillingBytes = 0
    lane.full = false
    return sealed
  }
}
