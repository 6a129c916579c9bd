/** Senders of chained blocks, for tests of a log. */
import { encodeBlock, hashBlock, type Incarnation, noHash } from "../../protocols/block.ts"
import type { Offer } from "../../runtime/index.ts"

/** One incarnation of a sender: makes blocks that follow each other, per partition. */
export class TestSender {
  readonly name: string
  readonly incarnation: Incarnation
  readonly #chains = new Map<string, { count: number; last: Uint8Array }>()

  constructor(name = "demo/connector/one", incarnation: Incarnation = { epoch: 1, start: 1 }) {
    this.name = name
    this.incarnation = incarnation
  }

  /** The next block to a partition, holding about `bytes` bytes. */
  next(partition: number, bytes = 64, tenant = "demo"): Offer {
    const key = `${tenant}/${partition}`
    const { count, last } = this.#chains.get(key) ?? { count: 0, last: noHash }
    const block = this.block(count + 1, last, bytes)
    this.#chains.set(key, { count: count + 1, last: hashBlock(block) })
    return { tenant, partition, block }
  }

  block(senderSequence: number, previousHash: Uint8Array, bytes = 64): Uint8Array {
    return encodeBlock(
      {
        sender: this.name,
        incarnation: this.incarnation,
        senderSequence,
        previousHash,
        mappingDigest: noHash,
      },
      {
        source: "test",
        run: { epoch: 1, count: 1 },
        file: "",
        events: [
          {
            ordinal: senderSequence,
            offset: 0,
            recordKey: `${this.name} ${senderSequence}`,
            version: undefined,
            op: "assert",
            bytes: new Uint8Array(bytes).fill(senderSequence & 0xff),
            fault: undefined,
          },
        ],
      },
    )
  }
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
