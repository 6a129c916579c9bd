/**
 * The records of senders in `ST`: what a chain of blocks was, written by the shard's owner before
 * it acknowledges a block of it, under its fence. Where a block is gone from the stream, the record
 * still knows its id; and it knows how far its partition had come.
 */
import type { Partition } from "../../../protocols/address.ts"
import type { Incarnation } from "../../../protocols/block.ts"
import { senderStartsKeptMax } from "../../../protocols/limits.ts"
import type { Ownership } from "../../core/log.ts"
import type { Broker, Message } from "./broker.ts"
import { type Chain, decodeChain, encodeChain } from "./chain.ts"
import type { FencedWriter } from "./fenced-writer.ts"
import type { Names } from "./names.ts"
import { markOf, subjectsOf } from "./streams.ts"

/** Whose chain it is, to which partition. */
export interface ChainOwner {
  readonly shard: number
  readonly partition: Partition
  readonly sender: string
  readonly incarnation: Incarnation
}

export interface Receipt extends ChainOwner {
  readonly chain: Chain
  readonly tail: number
  /** Written for the first time: records of starts long past make room. */
  readonly isFirst: boolean
}

export class Receipts {
  readonly #broker: Broker
  readonly #names: Names
  readonly #writer: FencedWriter

  constructor(broker: Broker, names: Names, writer: FencedWriter) {
    this.#broker = broker
    this.#names = names
    this.#writer = writer
  }

  async read({ shard, partition, sender, incarnation }: ChainOwner): Promise<Chain | undefined> {
    const subject = this.#names.receipts(shard, partition, sender, incarnation)
    const stored = await this.#broker.stored(this.#names.streams.st, { last_by_subj: subject })
    return stored === undefined || stored.data.byteLength === 0
      ? undefined
      : decodeChain(stored.data).chain
  }

  /** How far the partition had come when one of its blocks was acknowledged last. */
  async tailOf(shard: number, partition: Partition): Promise<number> {
    const of = { last_by_subj: this.#names.receiptsOfPartition(shard, partition) }
    const stored = await this.#broker.stored(this.#names.streams.st, of)
    return stored === undefined ? 0 : decodeChain(stored.data).tail
  }

  /** Whether the record of this start made room for those of later ones. */
  async hasMadeRoom({ shard, partition, sender, incarnation }: ChainOwner): Promise<boolean> {
    const filter = this.#names.receiptsOfSender(shard, partition, sender)
    const present = await subjectsOf(this.#broker, this.#names.streams.st, filter)
    const later = present.filter((one) => compareStarts(incarnationOf(one), incarnation) > 0)
    return later.length >= senderStartsKeptMax
  }

  async write(owner: Ownership, receipts: readonly Receipt[]): Promise<void> {
    const marks = await Promise.all(
      receipts.filter(({ isFirst }) => isFirst).map((receipt) => this.#marks(receipt)),
    )
    const messages = [...marks.flat(), ...receipts.map((receipt) => this.#messageOf(receipt))]
    // The newest message of a partition is a record: it follows the marks, or none is written.
    await this.#writer.write(owner, { messages, isAtomic: marks.flat().length > 0 })
  }

  #messageOf({ shard, partition, sender, incarnation, chain, tail }: Receipt): Message {
    const subject = this.#names.receipts(shard, partition, sender, incarnation)
    return { subject, data: encodeChain(chain, tail), headers: {} }
  }

  async #marks({ shard, partition, sender }: Receipt): Promise<readonly Message[]> {
    const filter = this.#names.receiptsOfSender(shard, partition, sender)
    const present = await subjectsOf(this.#broker, this.#names.streams.st, filter)
    return present
      .toSorted((a, b) => compareStarts(incarnationOf(a), incarnationOf(b)))
      .slice(0, -senderStartsKeptMax)
      .map((subject) => markOf(subject))
  }
}

function incarnationOf(subject: string): Incarnation {
  const [epoch = 0, start = 0] = (subject.split(".").at(-1) ?? "").split("-").map(Number)
  return { epoch, start }
}

const compareStarts = (a: Incarnation, b: Incarnation): number =>
  a.epoch - b.epoch || a.start - b.start
