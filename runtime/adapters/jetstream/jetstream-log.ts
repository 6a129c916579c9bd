/**
 * The `MessageLog` of a cluster, over one stream for mailboxes and its consumers (contracts §6).
 *
 * Promises what the port promises; senders and readers may be of different processes. What may fail
 * beneath: connections, servers, leaders. Calls then end in `Unavailable` and are repeated; readers
 * find out by themselves what they missed. A reader whose consumer is deleted by a higher epoch is
 * `Fenced`. While trimming is held, what this process acknowledges stays in the stream until the
 * hold ends; it does not hold what others acknowledge.
 *
 * A shard that never had a block is idle: its reader has no consumer, which on replicated servers
 * is a group of them with an election, and is given one with the first block.
 */
import * as Effect from "effect/Effect"
import { type Partition, shardOf } from "../../../protocols/address.ts"
import { type BlockHeader, decodeHeader } from "../../../protocols/block.ts"
import type { Fenced } from "../../../protocols/errors.ts"
import { natsRequestsAtOnceMax } from "../../../protocols/limits.ts"
import type {
  Delivery,
  LogBroken,
  MessageLogShape,
  Offer,
  Ownership,
  Receipt,
  Tail,
} from "../../core/log.ts"
import { Appender } from "./appender.ts"
import { type ConsumerInfo, Consumers } from "./consumers.ts"
import { EarlyConsumers } from "./early-consumers.ts"
import { asked, failureOf } from "./failures.ts"
import { fencedBy, toTakeAnew } from "./fenced-writer.ts"
import { inGroups } from "./in-groups.ts"
import { type ReaderParts, ShardReader } from "./reader.ts"
import { deliveriesOf, type Entry } from "./reader-lanes.ts"
import { awaitRemoval } from "./removal.ts"
import { Tails } from "./tails.ts"
import { WaitingSenders } from "./waiting-senders.ts"

type Blocks = readonly (Partition & { readonly sequence: number })[]

const broken = ["LogDamaged", "StoreFailed", "DiskFull", "Unavailable"] as const
const brokenOrFenced = [...broken, "Fenced"] as const

export interface LogParts extends ReaderParts {
  readonly id: string
  readonly isReplicated: boolean
}

/** What was acknowledged while trimming is held. */
interface Deferred {
  readonly reader: ShardReader
  readonly entries: readonly Entry[]
}

export class JetStreamLog implements MessageLogShape {
  readonly id: string
  readonly #parts: LogParts
  readonly #appender: Appender
  readonly #senders = new WaitingSenders()
  readonly #consumers: Consumers
  readonly #tailsOf: Tails
  readonly #early: EarlyConsumers
  readonly #readers = new Map<number, ShardReader>()
  /** Idle ones whose consumer is being made. */
  readonly #waking = new Set<ShardReader>()
  #deferred: Deferred[] = []
  #holds = 0

  constructor(parts: LogParts) {
    this.id = parts.id
    this.#parts = parts
    this.#appender = new Appender(parts.broker, parts.names, parts.receipts)
    this.#consumers = new Consumers(parts.broker, parts.names)
    this.#tailsOf = new Tails(parts)
    this.#early = new EarlyConsumers(this.#consumers, this.#tailsOf)
  }

  readonly append: MessageLogShape["append"] = (offer) =>
    Effect.suspend(() => {
      const header = decodeHeader(offer.block)
      return asked([...broken, "MailboxFull", "LogFull"], () => this.#append(offer, header))
    })

  readonly announce: MessageLogShape["announce"] = (owner) =>
    Effect.sync(() => this.#early.announce(owner))

  readonly open: MessageLogShape["open"] = (owner) => asked(brokenOrFenced, () => this.#open(owner))

  readonly pull: MessageLogShape["pull"] = (owner, bytesMax) =>
    Effect.suspend(() => {
      const reader = this.#readers.get(owner.shard)
      return reader?.owner.epoch === owner.epoch
        ? pullFrom(reader, bytesMax)
        : asked(brokenOrFenced, () => this.#refused(owner))
    })

  readonly acknowledge: MessageLogShape["acknowledge"] = (owner, blocks) =>
    asked(brokenOrFenced, async () => {
      const reader = await this.#readerOf(owner)
      const entries = reader.find(blocks)
      if (this.#holds === 0) return await this.#acknowledge({ reader, entries })
      this.#deferred.push({ reader, entries })
      this.#senders.freed(blocks)
    })

  readonly handBack: MessageLogShape["handBack"] = (owner: Ownership, blocks: Blocks) =>
    asked(brokenOrFenced, async () => {
      const reader = await this.#readerOf(owner)
      reader.handBack(reader.find(blocks))
    })

  readonly whenFree: MessageLogShape["whenFree"] = (partition) => this.#senders.whenFree(partition)

  get tails(): MessageLogShape["tails"] {
    return asked(broken, () => this.#tails(undefined))
  }

  readonly tailsOf: MessageLogShape["tailsOf"] = (shard) => asked(broken, () => this.#tails(shard))

  readonly holdTrimming: MessageLogShape["holdTrimming"] = (use) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        this.#holds++
      }),
      () => use,
      () =>
        Effect.promise(async () => {
          this.#holds--
          await this.#acknowledgeDeferred()
        }),
    )

  /** The connection is another one. */
  reconnected(): void {
    for (const reader of this.#readers.values()) reader.reconnected()
  }

  /** Called once in a while: looks for what was lost, left over, or taken over by others. */
  async look(): Promise<void> {
    for (const reader of this.#readers.values()) reader.look()
    if (this.#holds === 0) await this.#acknowledgeDeferred()
    await this.#wakeThoseWithBlocks()
  }

  /** Deletes consumers that lower epochs left, and ends readers that a higher one followed. */
  async sweep(): Promise<void> {
    const readers = [...this.#readers.values()].filter(({ ended }) => ended === undefined)
    if (readers.length === 0) return
    const present = await this.#consumers.present()
    await inGroups(readers, natsRequestsAtOnceMax, async (reader) => {
      try {
        await this.#consumers.sweep(reader.owner, present)
        // Of an idle one no consumer tells.
        if (reader.isIdle) await this.#isPassed(reader.owner)
      } catch (error) {
        const failure = failureOf(error)
        if (failure._tag !== "Fenced") throw error
        reader.end(failure)
      }
    })
  }

  close(reason: LogBroken): void {
    for (const reader of this.#readers.values()) reader.end(reason)
  }

  async #append(offer: Offer, header: BlockHeader): Promise<Receipt> {
    try {
      const receipt = await this.#appender.append(offer, header)
      this.#senders.freed([offer])
      const reader = this.#readers.get(shardOf(offer.tenant, offer.partition))
      if (!receipt.repeated) reader?.knows(receipt.sequence)
      if (reader?.isIdle) void this.#wake(reader)
      return receipt
    } catch (error) {
      if (failureOf(error)._tag === "MailboxFull") this.#senders.refused(offer)
      throw error
    }
  }

  async #open(owner: Ownership): Promise<readonly Tail[]> {
    const { shard, epoch } = owner
    const before = this.#readers.get(shard)
    if (before?.owner.epoch === epoch && before.ended === undefined) {
      await this.#isCurrent(owner)
      before.reset()
      return await this.#tails(shard)
    }
    const reader = new ShardReader(this.#parts, owner)
    try {
      // First: nothing is made for whoever was passed.
      await this.#isCurrent(owner)
      const made = await this.#early.of(owner)
      const tails = made === undefined ? [] : await this.#begin(reader, made)
      const former = this.#readers.get(shard)
      // Whoever was given up while it was opened comes late.
      if (former !== undefined && former.owner.epoch > epoch) {
        throw fencedBy(owner, former.owner.epoch)
      }
      former?.end(fencedBy(former.owner, epoch))
      this.#readers.set(shard, reader)
      return tails
    } catch (error) {
      const failure = failureOf(error)
      if (failure._tag === "Fenced") reader.end(failure)
      else reader.end(fencedBy(owner, epoch))
      throw error
    }
  }

  /** Gives a reader its consumer. */
  async #begin(reader: ShardReader, { delivered }: ConsumerInfo): Promise<readonly Tail[]> {
    const { broker, names } = this.#parts
    const { shard } = reader.owner
    const of = { last_by_subj: names.partitionsOf(shard) }
    const [last, tails] = await Promise.all([
      broker.stored(names.streams.mb, of),
      this.#tails(shard),
    ])
    if (last !== undefined) reader.knows(last.sequence)
    for (const tail of tails) reader.raiseTail(tail, tail.lastSequence)
    // Last: where one of these fails, the reader is without a consumer as before, and tries again.
    reader.begin(delivered.consumer_seq)
    return tails
  }

  /**
   * A shard that never had a block has one now. What is not there to answer is asked again at the
   * next look; what refuses is found, and told, by a takeover.
   */
  async #wake(reader: ShardReader): Promise<void> {
    if (!reader.isIdle || this.#waking.has(reader)) return
    this.#waking.add(reader)
    try {
      await this.#isPassed(reader.owner)
      await this.#begin(reader, await this.#consumers.take(reader.owner))
      reader.look()
    } catch (error) {
      const failure = failureOf(error)
      if (failure._tag === "Fenced") reader.end(failure)
      else if (failure._tag !== "Unavailable") reader.end(toTakeAnew(reader.owner, failure.message))
    } finally {
      this.#waking.delete(reader)
    }
  }

  async #wakeThoseWithBlocks(): Promise<void> {
    const idle = [...this.#readers.values()].filter(({ isIdle }) => isIdle)
    if (idle.length === 0) return
    const shards = await this.#tailsOf.withBlocks()
    for (const reader of idle) if (shards.has(reader.owner.shard)) void this.#wake(reader)
  }

  /** `Fenced` by a higher epoch. A lower one is told by a leader that has not caught up yet. */
  async #isPassed(owner: Ownership): Promise<void> {
    const current = await this.#parts.writer.epochOf(owner.shard)
    if (owner.epoch < current) throw fencedBy(owner, current)
  }

  /** `Fenced` where the shard has another epoch. */
  async #isCurrent(owner: Ownership): Promise<void> {
    const current = await this.#parts.writer.epochOf(owner.shard)
    if (owner.epoch !== current) throw fencedBy(owner, current)
  }

  async #readerOf(owner: Ownership): Promise<ShardReader> {
    const reader = this.#readers.get(owner.shard)
    if (reader?.owner.epoch !== owner.epoch) return await this.#refused(owner)
    if (reader.ended !== undefined) throw reader.ended
    return reader
  }

  /** Whoever is not the reader of a shard is told under which epoch it is read. */
  async #refused(owner: Ownership): Promise<never> {
    const current = this.#readers.get(owner.shard)?.owner.epoch
    throw fencedBy(owner, current ?? (await this.#parts.writer.epochOf(owner.shard)))
  }

  async #acknowledge({ reader, entries }: Deferred): Promise<void> {
    if (entries.length === 0) return
    await reader.acknowledge(entries)
    if (this.#parts.isReplicated) {
      const last = entries.at(-1)?.sequence ?? 0
      await awaitRemoval(this.#parts.broker, this.#parts.names.streams.mb, last)
    }
    this.#senders.freed(entries.map(({ partition }) => partition))
  }

  /** What does not succeed is tried again at the next look, unless another owns it by then. */
  async #acknowledgeDeferred(): Promise<void> {
    const deferred = this.#deferred
    this.#deferred = []
    for (const one of deferred) {
      try {
        await this.#acknowledge(one)
      } catch (error) {
        if (failureOf(error)._tag === "Unavailable") this.#deferred.push(one)
      }
    }
  }

  async #tails(shard: number | undefined): Promise<readonly Tail[]> {
    const tails = await this.#tailsOf.read(shard)
    const freed = this.#deferred.flatMap(({ entries }) => entries)
    return tails.map((tail) => {
      const of = freed.filter(
        ({ partition }) =>
          partition.tenant === tail.tenant && partition.partition === tail.partition,
      )
      return { ...tail, pending: tail.pending - of.length }
    })
  }
}

/** What is taken and not given to the caller any more goes back. */
const pullFrom = (reader: ShardReader, bytesMax: number): ReturnType<MessageLogShape["pull"]> =>
  Effect.suspend(() => {
    let taken: readonly Entry[] = []
    const pulled = Effect.callback<readonly Delivery[], Fenced | LogBroken>((resume) => {
      const stop = reader.pull(bytesMax, (outcome) => {
        if ("_tag" in outcome) return resume(Effect.fail(outcome))
        taken = outcome
        const isHere = outcome.every(({ block }) => block !== undefined)
        resume(
          isHere
            ? Effect.succeed(deliveriesOf(outcome))
            : asked(brokenOrFenced, () => reader.deliver(outcome)),
        )
      })
      return Effect.sync(stop)
    })
    return Effect.onError(pulled, () => Effect.sync(() => reader.handBack(taken)))
  })
