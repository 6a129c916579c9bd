/**
 * The chains of senders as a shard's reader sees them: every delivered block is held against its
 * chain. A block that does not follow is a block that the log lost or changed: a chain's record is
 * stored before any block of it is acknowledged, so what the record does not know has never left
 * the stream.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Partition } from "../../../protocols/address.ts"
import { type BlockHeader, decodeHeader } from "../../../protocols/block.ts"
import { LogDamaged } from "../../../protocols/errors.ts"
import { damageLookMillis, damageLooksMax, readerChainsHeldMax } from "../../../protocols/limits.ts"
import type { Ownership } from "../../core/log.ts"
import { answerOf, type Chain, type ChainAnswer, joined, linkOf, withLink } from "./chain.ts"
import type { Entry, ReaderLanes } from "./reader-lanes.ts"
import type { ChainOwner, Receipts } from "./receipts.ts"

/** A chain as its reader holds it. */
export interface HeldChain {
  readonly of: ChainOwner
  chain: Chain
  /** Highest sender sequence of the stored record. */
  stored: number
  isRecorded: boolean
  /** Blocks of it that are not acknowledged. */
  open: number
}

export type Seen =
  | { readonly kind: "entry"; readonly entry: Entry }
  /** A copy of a block that stands elsewhere: of no use to anybody. */
  | { readonly kind: "copy" }

export class ReaderChains {
  readonly #receipts: Receipts
  readonly #shard: number
  readonly #held = new Map<string, HeldChain>()

  constructor(receipts: Receipts, shard: number) {
    this.#receipts = receipts
    this.#shard = shard
  }

  /** At once where the chain is known and the block follows it, as nearly every one does. */
  see(partition: Partition, sequence: number, block: Uint8Array): Seen | Promise<Seen> {
    const header = decodeHeader(block)
    const held = this.#held.get(keyOf(partition, header))
    if (held === undefined) return this.#seeFirst(partition, sequence, block, header)
    const answer = answerOf(held.chain, header, block)
    if (answer.kind === "gap") return this.#seeGap(held, sequence, block, header)
    return take(held, sequence, block, header, answer)
  }

  /** Stores the records without which these blocks may not be acknowledged. */
  async record(owner: Ownership, entries: readonly Entry[], lanes: ReaderLanes): Promise<void> {
    const due = new Set<HeldChain>()
    for (const { chain, senderSequence } of entries) {
      if (chain.stored < senderSequence) due.add(chain)
    }
    if (due.size === 0) return
    const receipts = [...due].map(({ of, chain, isRecorded }) => ({
      ...of,
      chain,
      tail: lanes.tailOf(of.partition),
      isFirst: !isRecorded,
    }))
    await this.#receipts.write(owner, receipts)
    for (const [i, held] of [...due].entries()) {
      held.isRecorded = true
      const newest = receipts[i]?.chain.at(-1)?.senderSequence ?? 0
      held.stored = Math.max(held.stored, newest)
    }
  }

  async #seeFirst(partition: Partition, sequence: number, block: Uint8Array, header: BlockHeader) {
    const { sender, incarnation } = header
    const of: ChainOwner = { shard: this.#shard, partition, sender, incarnation }
    const recorded = await this.#receipts.read(of)
    const chain = recorded ?? []
    const stored = chain.at(-1)?.senderSequence ?? 0
    const held = { of, chain, stored, isRecorded: recorded !== undefined, open: 0 }
    this.#forget()
    this.#held.set(keyOf(partition, header), held)
    return await this.#seeGap(held, sequence, block, header)
  }

  /** Not known to follow: perhaps because a leader that is new does not know the newest record. */
  async #seeGap(held: HeldChain, sequence: number, block: Uint8Array, header: BlockHeader) {
    let answer = answerOf(held.chain, header, block)
    for (let looks = 0; answer.kind === "gap" && looks < damageLooksMax; looks++) {
      await sleep(damageLookMillis)
      held.chain = joined(held.chain, (await this.#receipts.read(held.of)) ?? [])
      answer = answerOf(held.chain, header, block)
    }
    // A sender that stood still while it was started anew several times is not a loss.
    const isUnknown = answer.kind === "gap" && held.chain.length === 0
    if (isUnknown && (await this.#receipts.hasMadeRoom(held.of))) answer = { kind: "next" }
    return take(held, sequence, block, header, answer)
  }

  #forget(): void {
    if (this.#held.size < readerChainsHeldMax) return
    for (const [key, { chain, stored, open }] of this.#held) {
      // What is not in the record yet would be a gap to whoever reads the record.
      if (open > 0 || stored < (chain.at(-1)?.senderSequence ?? 0)) continue
      this.#held.delete(key)
      return
    }
  }
}

function take(
  held: HeldChain,
  sequence: number,
  block: Uint8Array,
  header: BlockHeader,
  answer: ChainAnswer,
): Seen {
  const { partition } = held.of
  if (answer.kind === "gap" || answer.kind === "broken") {
    const name = `${partition.tenant}/${partition.partition}`
    throw new LogDamaged({ partition: name, sequence, message: answer.message })
  }
  if (answer.kind === "repeat" && answer.sequence < sequence) return { kind: "copy" }
  if (answer.kind !== "forgotten") {
    held.chain = withLink(held.chain, linkOf(header, block, sequence))
  }
  held.open++
  const { senderSequence } = header
  const rest = { sizeBytes: block.byteLength, block, isTaken: false, attempt: 0 }
  return { kind: "entry", entry: { partition, sequence, chain: held, senderSequence, ...rest } }
}

const keyOf = ({ tenant, partition }: Partition, { sender, incarnation }: BlockHeader): string =>
  `${tenant}/${partition} ${incarnation.epoch}-${incarnation.start} ${sender}`
