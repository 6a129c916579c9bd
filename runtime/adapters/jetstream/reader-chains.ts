/**
 * The chains of senders as a shard's reader sees them: every delivered block is held against its
 * chain. A block that does not follow is a block that the log lost or changed: a chain's record is
 * stored before any block of it is acknowledged, so what the record does not know has never left
 * the stream.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Partition } from "../../../protocols/address.ts"
import { decodeHeader } from "../../../protocols/block.ts"
import { LogDamaged } from "../../../protocols/errors.ts"
import { damageLookMillis, damageLooksMax, readerChainsHeldMax } from "../../../protocols/limits.ts"
import type { Ownership } from "../../core/log.ts"
import { answerOf, type Chain, type ChainAnswer, joined, linkOf, withLink } from "./chain.ts"
import type { Names } from "./names.ts"
import type { Entry, ReaderLanes } from "./reader-lanes.ts"
import type { ChainOwner, Receipts } from "./receipts.ts"

interface Held {
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
  readonly #names: Names
  readonly #receipts: Receipts
  readonly #shard: number
  readonly #held = new Map<string, Held>()

  constructor(names: Names, receipts: Receipts, shard: number) {
    this.#names = names
    this.#receipts = receipts
    this.#shard = shard
  }

  async see(partition: Partition, sequence: number, block: Uint8Array): Promise<Seen> {
    const header = decodeHeader(block)
    const { sender, incarnation, senderSequence } = header
    const of: ChainOwner = { shard: this.#shard, partition, sender, incarnation }
    const held = await this.#chain(of)
    let answer: ChainAnswer = answerOf(held.chain, header, block)
    for (let looks = 0; answer.kind === "gap" && looks < damageLooksMax; looks++) {
      // A leader that is new may not yet know the newest record.
      await sleep(damageLookMillis)
      held.chain = joined(held.chain, (await this.#receipts.read(of)) ?? [])
      answer = answerOf(held.chain, header, block)
    }
    // A sender that stood still while it was started anew several times is not a loss.
    const isUnknown = answer.kind === "gap" && held.chain.length === 0
    if (isUnknown && (await this.#receipts.hasMadeRoom(of))) answer = { kind: "next" }
    if (answer.kind === "gap" || answer.kind === "broken") {
      const name = `${partition.tenant}/${partition.partition}`
      throw new LogDamaged({ partition: name, sequence, message: answer.message })
    }
    if (answer.kind === "repeat" && answer.sequence < sequence) return { kind: "copy" }
    if (answer.kind !== "forgotten") {
      held.chain = withLink(held.chain, linkOf(header, block, sequence))
    }
    held.open++
    const sizeBytes = block.byteLength
    const rest = { sizeBytes, block, isTaken: false, attempt: 0 }
    return { kind: "entry", entry: { partition, sequence, of, senderSequence, ...rest } }
  }

  /** Stores the records without which these blocks may not be acknowledged. */
  async record(owner: Ownership, entries: readonly Entry[], lanes: ReaderLanes): Promise<void> {
    const due = new Map<Held, ChainOwner>()
    for (const { of, senderSequence } of entries) {
      const held = this.#held.get(this.#key(of))
      if (held !== undefined && held.stored < senderSequence) due.set(held, of)
    }
    if (due.size === 0) return
    const receipts = [...due].map(([{ chain, isRecorded }, of]) => ({
      ...of,
      chain,
      tail: lanes.tailOf(of.partition),
      isFirst: !isRecorded,
    }))
    await this.#receipts.write(owner, receipts)
    for (const [i, held] of [...due.keys()].entries()) {
      held.isRecorded = true
      const newest = receipts[i]?.chain.at(-1)?.senderSequence ?? 0
      held.stored = Math.max(held.stored, newest)
    }
  }

  /** A block is acknowledged; a chain of which none is open may be forgotten. */
  settled({ of }: Entry): void {
    const held = this.#held.get(this.#key(of))
    if (held !== undefined) held.open--
  }

  async #chain(of: ChainOwner): Promise<Held> {
    const key = this.#key(of)
    const known = this.#held.get(key)
    if (known !== undefined) return known
    const recorded = await this.#receipts.read(of)
    const chain = recorded ?? []
    const stored = chain.at(-1)?.senderSequence ?? 0
    const held = { chain, stored, isRecorded: recorded !== undefined, open: 0 }
    this.#forget()
    this.#held.set(key, held)
    return held
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

  #key({ shard, partition, sender, incarnation }: ChainOwner): string {
    return this.#names.receipts(shard, partition, sender, incarnation)
  }
}
