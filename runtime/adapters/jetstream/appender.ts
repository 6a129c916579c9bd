/**
 * The sender's side: a block is offered to the stream until it answers to that block's id.
 *
 * Promises: a block that the log has, or had, is answered with its first place and not offered
 * again. What is known of a chain is asked anew after every answer that was lost: first the blocks
 * that the stream still holds, then the record that its owner wrote before it acknowledged others.
 * A block moves from the one to the other in this order, so in one of them it is found. What may
 * fail beneath: a copy whose answer was lost may be stored after it was looked for and not found.
 * The server knows its id for `duplicateWindowMillis`; after that it is there twice, and the reader
 * passes over the second.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { shardOf } from "../../../protocols/address.ts"
import { type BlockHeader, decodeHeader } from "../../../protocols/block.ts"
import { LogDamaged } from "../../../protocols/errors.ts"
import { damageLookMillis, damageLooksMax, senderChainsHeldMax } from "../../../protocols/limits.ts"
import type { Offer, Receipt } from "../../core/log.ts"
import type { Broker, PublishAnswer, Stored } from "./broker.ts"
import { answerOf, type Chain, joined, linkOf, withLink } from "./chain.ts"
import { failureOfPublish, unavailable } from "./failures.ts"
import type { Names } from "./names.ts"
import type { ChainOwner, Receipts } from "./receipts.ts"

/** What this process knows of a chain that it sends. */
interface Held {
  /** Of the partition, and of the chain itself: with a number, it is a block's id. */
  readonly subject: string
  readonly name: string
  chain: Chain
  /** Nothing that was offered may be stored beside what is known. */
  isCertain: boolean
  /** One offer is under way per chain; these follow, in the order in which they came. */
  isBusy: boolean
  readonly next: (() => void)[]
}

interface Asked extends ChainOwner {
  readonly offer: Offer
  readonly header: BlockHeader
}

export class Appender {
  readonly #broker: Broker
  readonly #names: Names
  readonly #receipts: Receipts
  /** By chain; the longest silent first. */
  readonly #chains = new Map<string, Held>()

  constructor(broker: Broker, names: Names, receipts: Receipts) {
    this.#broker = broker
    this.#names = names
    this.#receipts = receipts
  }

  async append(offer: Offer, header: BlockHeader): Promise<Receipt> {
    const { tenant, partition } = offer
    const { sender, incarnation } = header
    const shard = shardOf(tenant, partition)
    const of: ChainOwner = { shard, partition: { tenant, partition }, sender, incarnation }
    const asked: Asked = { ...of, offer, header }
    const held = this.#held(of)
    if (held.isBusy) await new Promise<void>((begin) => held.next.push(begin))
    held.isBusy = true
    try {
      return await this.#append(held, asked)
    } finally {
      const begin = held.next.shift()
      held.isBusy = begin !== undefined
      begin?.()
    }
  }

  async #append(held: Held, asked: Asked): Promise<Receipt> {
    const { offer, header } = asked
    for (let looks = 0; ; looks++) {
      const wasCertain = held.isCertain
      if (!wasCertain) await this.#ask(held, asked)
      const answer = answerOf(held.chain, header, offer.block)
      if (answer.kind === "next") return await this.#publish(held, asked)
      if (answer.kind === "repeat") return { sequence: answer.sequence, repeated: true }
      // A leader that is new may not yet know all that was stored.
      const mayBeBehind = answer.kind === "gap" && !wasCertain && looks < damageLooksMax
      if (!mayBeBehind) throw damagedBy(asked, held.chain, answer)
      held.isCertain = false
      await sleep(damageLookMillis)
    }
  }

  async #publish(held: Held, asked: Asked): Promise<Receipt> {
    const { offer, header } = asked
    // Before it leaves: its sender has just asked for the same hash.
    const link = linkOf(header, offer.block, 0)
    const { seq, duplicate } = await this.#store(held, asked)
    if (duplicate !== true) {
      held.chain = withLink(held.chain, { ...link, sequence: seq })
      return { sequence: seq, repeated: false }
    }
    // The server knows only the id. Whether these are the bytes is told by what is stored.
    held.isCertain = false
    await this.#ask(held, asked)
    const answer = answerOf(held.chain, header, offer.block)
    if (answer.kind === "repeat") return { sequence: answer.sequence, repeated: true }
    if (answer.kind !== "next") throw damagedBy(asked, held.chain, answer)
    held.isCertain = false
    throw unavailable(`a block is known and not found yet.`)
  }

  async #store(held: Held, { offer, header }: Asked): Promise<PublishAnswer> {
    const { subject, name } = held
    held.isCertain = false
    try {
      const answer = await this.#broker.publish({
        subject,
        data: offer.block,
        headers: { "Nats-Msg-Id": `${name}.${header.senderSequence}` },
      })
      held.isCertain = true
      return answer
    } catch (error) {
      const failure = failureOfPublish(subject, error)
      // Refused for want of room: nothing is stored, and nothing is on its way.
      if (failure._tag === "MailboxFull" || failure._tag === "LogFull") held.isCertain = true
      throw failure
    }
  }

  /** Asks the stream first and the record then: a block passes from there to here. */
  async #ask(held: Held, asked: Asked): Promise<void> {
    const present = await this.#present(held, asked)
    const recorded = (await this.#receipts.read(asked)) ?? []
    held.chain = joined(joined(held.chain, recorded), present)
    held.isCertain = true
  }

  /** Blocks of this chain that the stream holds: of at most as many as a mailbox takes. */
  async #present({ subject }: Held, { sender, incarnation }: Asked): Promise<Chain> {
    let chain: Chain = []
    let next = 1
    while (true) {
      const of = { seq: next, next_by_subj: subject }
      const stored: Stored | undefined = await this.#broker.stored(this.#names.streams.mb, of)
      if (stored === undefined) return chain
      next = stored.sequence + 1
      const header = decodeHeader(stored.data)
      const isOurs =
        header.sender === sender &&
        header.incarnation.epoch === incarnation.epoch &&
        header.incarnation.start === incarnation.start
      if (isOurs) chain = withLink(chain, linkOf(header, stored.data, stored.sequence))
    }
  }

  #held({ shard, partition, sender, incarnation }: ChainOwner): Held {
    const { epoch, start } = incarnation
    const key = `${partition.tenant}/${partition.partition} ${epoch}-${start} ${sender}`
    const known = this.#chains.get(key)
    const held = known ?? {
      subject: this.#names.partition(partition),
      name: this.#names.receipts(shard, partition, sender, incarnation),
      chain: [],
      isCertain: false,
      isBusy: false,
      next: [],
    }
    this.#chains.delete(key)
    this.#chains.set(key, held)
    if (this.#chains.size > senderChainsHeldMax) {
      // Whoever still sends it keeps its own hold of it; others ask anew.
      const [oldest] = this.#chains.keys()
      if (oldest !== undefined) this.#chains.delete(oldest)
    }
    return held
  }
}

function damagedBy(
  { offer: { tenant, partition }, header }: Asked,
  chain: Chain,
  answer:
    | { readonly kind: "forgotten" }
    | { readonly kind: "gap" | "broken"; readonly message: string },
): LogDamaged {
  const message =
    answer.kind === "forgotten"
      ? `Block ${header.senderSequence} of ${header.sender} comes again after ` +
        `${chain.at(-1)?.senderSequence}, and only the last few are remembered.`
      : answer.message
  const sequence = chain.at(-1)?.sequence ?? 0
  return new LogDamaged({ partition: `${tenant}/${partition}`, sequence, message })
}
