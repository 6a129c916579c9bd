/**
 * The reader of one shard: pulls from the consumer of its own epoch, and gives the owner blocks in
 * sequence order.
 *
 * Promises: what the consumer delivered is given in sequence order per partition, each block once
 * until it is handed back; a pull that gives anything gives all that this process has appended, or
 * that was there when the shard was opened, as far as it may carry it. What may fail beneath: a
 * delivery may be lost with its connection. The consumer counts what it delivers, so a gap in its
 * count, a lost connection, or silence beyond the heartbeats makes the reader ask the stream what
 * it missed, before anything above it is given. A server may forget what it delivered, and then
 * takes no acknowledgement of it: it is made to deliver again. A consumer that is gone means a
 * higher epoch; where there is none, the shard is to be taken over anew.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { createInbox, type Msg, type Subscription } from "@nats-io/nats-core"
import { Fenced, invariant, LogDamaged } from "../../../protocols/errors.ts"
import {
  acknowledgeGatherMillis,
  natsRequestMillisMax,
  natsRequestsAtOnceMax,
  pullGatherMillisMax,
  pullHeartbeatMillis,
  pullRequestBlocksMax,
  pullRequestBytesMin,
  pullRequestMillis,
  removalLookMillis,
} from "../../../protocols/limits.ts"
import type { Delivery, LogBroken, Ownership } from "../../core/log.ts"
import { ApiFailed, type Broker, errorCodes, NoAnswer } from "./broker.ts"
import { consumerInfo } from "./consumers.ts"
import { failureOf } from "./failures.ts"
import { type FencedWriter, fencedBy } from "./fenced-writer.ts"
import { inGroups } from "./in-groups.ts"
import { type Names, partitionOfSubject } from "./names.ts"
import { type Arrived, arrivalOf, statusCodes } from "./reader-arrivals.ts"
import { ReaderChains, type Seen } from "./reader-chains.ts"
import { deliveriesOf, type Entry, ReaderLanes } from "./reader-lanes.ts"
import type { Receipts } from "./receipts.ts"

export interface ReaderParts {
  readonly broker: Broker
  readonly names: Names
  readonly writer: FencedWriter
  readonly receipts: Receipts
  /** One server and no other: what one connection brings it works in its order. */
  readonly isAlone: boolean
}

interface Puller {
  readonly bytesMax: number
  /** The highest block that was known to be there when it began: it waits for that one. */
  readonly until: number
  readonly sinceMillis: number
  readonly resume: (taken: readonly Entry[] | Fenced | LogBroken) => void
}

const nanosPerMilli = 1_000_000
const acknowledged = new TextEncoder().encode("+ACK")

export class ShardReader {
  readonly owner: Ownership
  readonly #parts: ReaderParts
  readonly #lanes = new ReaderLanes()
  readonly #chains: ReaderChains
  readonly #inbox = createInbox()
  readonly #subscription: Subscription
  readonly #arrived: Arrived[] = []
  /** Blocks that still are to be asked for under the standing request; 0 where there is none. */
  #asked = 0
  #heardMillis = 0
  #isWorking = false
  #isRoused = false
  #hasMissed = false
  /** Places, and the consumer's count, up to which nothing is missing. */
  #seen = 0
  #delivered = 0
  /** The server has forgotten deliveries: up to here it must make them anew. */
  #forgotten = 0
  #acknowledgedMillis = Number.NEGATIVE_INFINITY
  /** The highest block that is known to be there. */
  #known = 0
  /** Its consumer is made. Until then there is nobody to ask for blocks. */
  #hasConsumer = false
  #puller: Puller | undefined
  #ended: Fenced | LogBroken | undefined

  constructor(parts: ReaderParts, owner: Ownership) {
    this.#parts = parts
    this.owner = owner
    this.#chains = new ReaderChains(parts.receipts, owner.shard)
    this.#subscription = parts.broker.connection.subscribe(this.#inbox, {
      callback: (error, message) => {
        if (error === null) this.#take(message)
      },
    })
  }

  /** What ended this reader for good. */
  get ended(): Fenced | LogBroken | undefined {
    return this.#ended
  }

  /** It has no consumer yet, since no block came here so far. */
  get isIdle(): boolean {
    return !this.#hasConsumer && this.#ended === undefined
  }

  /** Its consumer is there. What that one delivered went to nobody that is left. */
  begin(delivered: number): void {
    this.#hasConsumer = true
    if (delivered > 0) this.#hasMissed = true
  }

  /** A block is in the stream: pulls wait for it. */
  knows(sequence: number): void {
    this.#known = Math.max(this.#known, sequence)
  }

  /** A former owner had seen so much of this partition. */
  raiseTail(...of: Parameters<ReaderLanes["raiseTail"]>): void {
    this.#lanes.raiseTail(...of)
  }

  /** The owner begins anew: everything is given once more. */
  reset(): void {
    this.#lanes.release()
    this.#feed()
  }

  /** Waits for blocks, and answers how to stop waiting. Blocks that were given are the caller's. */
  pull(bytesMax: number, resume: Puller["resume"]): () => void {
    if (this.#ended !== undefined) {
      resume(this.#ended)
      return () => {}
    }
    invariant(this.#puller === undefined, "A shard has one pull at a time.")
    const until = this.#known
    const puller = { bytesMax, until, sinceMillis: performance.now(), resume }
    this.#puller = puller
    this.#feed()
    return () => {
      if (this.#puller === puller) this.#puller = undefined
    }
  }

  /** What was taken; the bytes that are not here any more are read again. */
  async deliver(entries: readonly Entry[]): Promise<readonly Delivery[]> {
    const missing = entries.filter(({ block }) => block === undefined)
    await inGroups(missing, natsRequestsAtOnceMax, async (entry) => {
      entry.block = await this.#read(entry)
    })
    if (this.#ended !== undefined) throw this.#ended
    return deliveriesOf(entries)
  }

  handBack(entries: readonly Entry[]): void {
    this.#lanes.giveBack(entries)
    this.#feed()
  }

  find(...of: Parameters<ReaderLanes["find"]>): readonly Entry[] {
    return this.#lanes.find(...of)
  }

  /**
   * Stores what is to outlive the blocks, then lets the stream remove them. While one follows the
   * other, what comes meanwhile is gathered: one record of a chain is written for all of them.
   */
  async acknowledge(entries: readonly Entry[]): Promise<void> {
    const wait = this.#acknowledgedMillis + acknowledgeGatherMillis - performance.now()
    if (wait > 0) await sleep(wait)
    this.#acknowledgedMillis = performance.now()
    if (this.#ended !== undefined) throw this.#ended
    await this.#chains.record(this.owner, entries, this.#lanes)
    await this.#isRemembered()
    if (this.#parts.isAlone) return await this.#acknowledgeAtOnce(entries)
    await inGroups(entries, natsRequestsAtOnceMax, async (entry) => {
      await this.#confirm([entry.sequence])
      this.#remove(entry)
    })
  }

  /** One server works what one connection brings in its order: the last one tells of all. */
  async #acknowledgeAtOnce(entries: readonly Entry[]): Promise<void> {
    await this.#confirm(entries.map(({ sequence }) => sequence))
    for (const entry of entries) this.#remove(entry)
  }

  #remove(entry: Entry): void {
    this.#lanes.remove(entry)
    entry.chain.open--
  }

  /** The connection is another one: what was on its way with the old one is lost. */
  reconnected(): void {
    if (!this.#hasConsumer) return
    this.#asked = 0
    this.#hasMissed = true
    this.#work()
  }

  /** Called once in a while: a request that shows no sign of life is taken for lost. */
  look(): void {
    const silence = performance.now() - this.#heardMillis
    if (this.#asked > 0 && silence > 2 * pullHeartbeatMillis + pullGatherMillisMax) {
      this.reconnected()
    } else {
      this.#feed()
    }
  }

  end(reason: Fenced | LogBroken): void {
    if (this.#ended !== undefined) return
    this.#ended = reason
    if (!this.#parts.broker.connection.isClosed()) this.#subscription.unsubscribe()
    this.#settlePuller(reason)
  }

  #take(message: Msg): void {
    this.#heardMillis = performance.now()
    // A block comes under its own subject. What the server itself says comes to the inbox.
    if (message.subject !== this.#inbox) {
      this.#asked = Math.max(0, this.#asked - 1)
      this.#arrived.push(arrivalOf(message))
      return this.#workSoon()
    }
    const status = message.headers?.code ?? 0
    if (status === statusCodes.heartbeat) return
    this.#asked = 0
    const isGone =
      status === statusCodes.noResponders ||
      (status === statusCodes.conflict && /Deleted/i.test(message.headers?.description ?? ""))
    if (isGone) void this.#lookForFence()
    else this.#feed()
  }

  /** What comes in one read of the socket is worked off together, and given to one pull. */
  #workSoon(): void {
    if (this.#isWorking || this.#isRoused) return
    this.#isRoused = true
    queueMicrotask(() => {
      this.#isRoused = false
      this.#work()
    })
  }

  /** One thing after the other, so that nothing is given before what stands below it. */
  #work(): void {
    if (this.#isWorking || this.#ended !== undefined) return
    this.#isWorking = true
    this.#workAll().then(
      () => {
        this.#isWorking = false
        this.#feed()
      },
      (error: unknown) => {
        this.#isWorking = false
        const failure = failureOf(error)
        if (failure._tag === "LogDamaged" || failure._tag === "Fenced") return this.end(failure)
        // Tried again at the next look, after what was not told is asked for.
        this.#hasMissed = true
      },
    )
  }

  async #workAll(): Promise<void> {
    while (true) {
      if (this.#hasMissed) await this.#ask()
      const arrived = this.#arrived[0]
      if (arrived === undefined) return
      if (arrived.delivered > this.#delivered + 1) {
        this.#hasMissed = true
        continue
      }
      const arriving = this.#arrive(arrived)
      if (arriving !== undefined) await arriving
      this.#arrived.shift()
      this.#delivered = Math.max(this.#delivered, arrived.delivered)
      this.#seen = Math.max(this.#seen, arrived.sequence)
      if (arrived.sequence >= this.#forgotten || arrived.left === 0) this.#forgotten = 0
    }
  }

  /** Answers only where something is to be waited for. */
  #arrive(arrived: Pick<Arrived, "subject" | "sequence" | "block">): Promise<void> | undefined {
    const { subject, sequence, block } = arrived
    if (this.#lanes.has(sequence)) return undefined
    const seen = this.#chains.see(partitionOfSubject(subject), sequence, block)
    if (seen instanceof Promise) return seen.then((one) => this.#keep(one, sequence))
    return this.#keep(seen, sequence)
  }

  #keep(seen: Seen, sequence: number): Promise<void> | undefined {
    if (seen.kind === "copy") return this.#confirm([sequence])
    this.#lanes.add(seen.entry)
    return undefined
  }

  /** What the consumer delivered and did not arrive, from the stream itself. */
  async #ask(): Promise<void> {
    const { broker, names } = this.#parts
    const info = await this.#ownConsumer()
    let next = this.#seen + 1
    while (next <= info.delivered.stream_seq) {
      const of = { seq: next, next_by_subj: names.partitionsOf(this.owner.shard) }
      const stored = await broker.stored(names.streams.mb, of)
      if (stored === undefined || stored.sequence > info.delivered.stream_seq) break
      await this.#arrive({ ...stored, block: stored.data })
      next = stored.sequence + 1
    }
    // Servers store what they delivered a while later, and take no acknowledgement of the rest.
    this.#forgotten = info.delivered.stream_seq < this.#seen ? this.#seen : 0
    this.#seen = Math.max(this.#seen, info.delivered.stream_seq)
    this.#delivered = info.delivered.consumer_seq
    this.#hasMissed = false
  }

  async #ownConsumer() {
    try {
      return await consumerInfo(this.#parts.broker, this.#parts.names, this.owner)
    } catch (error) {
      if (error instanceof ApiFailed && error.errorCode === errorCodes.consumerNotFound) {
        throw await this.#goneBy()
      }
      throw error
    }
  }

  async #lookForFence(): Promise<void> {
    try {
      await this.#ownConsumer()
      this.#hasMissed = true
    } catch (error) {
      const failure = failureOf(error)
      if (failure._tag === "Fenced") this.end(failure)
    }
  }

  /** Why one's own consumer is gone. */
  async #goneBy(): Promise<Fenced> {
    const { shard, epoch } = this.owner
    const current = await this.#parts.writer.epochOf(shard)
    if (current > epoch) return fencedBy(this.owner, current)
    const message = `The consumer of shard ${shard} is gone, and its owner has to make another one.`
    const next = "Nothing to do in a cluster; start a node that is alone again."
    return new Fenced({ shard, epoch, current, message, next })
  }

  #feed(): void {
    if (this.#ended !== undefined || !this.#hasConsumer) return
    if ((this.#hasMissed || this.#arrived.length > 0) && !this.#isWorking) return this.#work()
    const puller = this.#puller
    if (this.#forgotten > 0 && this.#asked === 0) this.#request(pullRequestBytesMin)
    if (puller === undefined || this.#isWorking) return
    const ready = this.#lanes.readyBytes
    const waited = performance.now() - puller.sinceMillis
    const hasAll = this.#seen >= puller.until
    if (ready > 0 && (ready >= puller.bytesMax || hasAll || waited > pullGatherMillisMax)) {
      return this.#settlePuller(this.#lanes.take(puller.bytesMax))
    }
    if (this.#asked === 0) this.#request(puller.bytesMax)
  }

  #settlePuller(outcome: readonly Entry[] | Fenced | LogBroken): void {
    const puller = this.#puller
    this.#puller = undefined
    puller?.resume(outcome)
  }

  #request(bytesMax: number): void {
    const { broker, names } = this.#parts
    if (broker.connection.isClosed()) return
    const consumer = names.consumer(this.owner.shard, this.owner.epoch)
    const request = {
      batch: pullRequestBlocksMax,
      max_bytes: Math.max(bytesMax, pullRequestBytesMin),
      expires: pullRequestMillis * nanosPerMilli,
      idle_heartbeat: pullHeartbeatMillis * nanosPerMilli,
    }
    this.#asked = pullRequestBlocksMax
    this.#heardMillis = performance.now()
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${names.streams.mb}.${consumer}`
    broker.connection.publish(subject, JSON.stringify(request), { reply: this.#inbox })
  }

  async #read({ partition, sequence }: Entry): Promise<Uint8Array> {
    const { broker, names } = this.#parts
    const stored = await broker.stored(names.streams.mb, { seq: sequence })
    if (stored !== undefined) return stored.data
    const name = `${partition.tenant}/${partition.partition}`
    const message = `Block ${sequence} of ${name} is gone and was never acknowledged.`
    throw new LogDamaged({ partition: name, sequence, message })
  }

  /** Waits until the server knows again what it delivered; without it nothing is acknowledged. */
  async #isRemembered(): Promise<void> {
    const until = performance.now() + natsRequestMillisMax
    while ((this.#hasMissed || this.#forgotten > 0) && performance.now() < until) {
      if (this.#ended !== undefined) throw this.#ended
      this.#feed()
      await sleep(removalLookMillis)
    }
  }

  async #confirm(sequences: readonly number[]): Promise<void> {
    const { broker, names } = this.#parts
    const consumer = names.consumer(this.owner.shard, this.owner.epoch)
    try {
      // The server goes by the place alone; count and time are for people.
      const subjects = sequences.map(
        (sequence) => `$JS.ACK.${names.streams.mb}.${consumer}.1.${sequence}.${sequence}.0.0`,
      )
      await broker.confirmLast(subjects, acknowledged)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      if (error.nobodyThere) await this.#ownConsumer()
      // Perhaps another server leads the consumer now, and knows less.
      this.#hasMissed = true
      throw error
    }
  }
}
