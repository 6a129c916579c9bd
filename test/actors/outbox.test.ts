import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Outbox, type Sealed } from "../../actors/outbox.ts"
import { partitionOf } from "../../protocols/address.ts"
import { decodeBlock, hashBlock, noHash } from "../../protocols/block.ts"
import type { SourceEvent } from "../../protocols/event.ts"
import { blockBytesMax, blockEventsMax, blockLingerMillis } from "../../protocols/limits.ts"

const eventOf = (ordinal: number, options: { key?: string; size?: number } = {}): SourceEvent => ({
  ordinal,
  offset: ordinal * 10,
  recordKey: options.key ?? `key-${ordinal % 17}`,
  version: undefined,
  op: "assert",
  bytes: new Uint8Array(options.size ?? 10),
  fault: undefined,
})

const outboxOf = (partitions: number) =>
  new Outbox({
    sender: "demo/connector/kev",
    incarnation: { epoch: 3, start: 1 },
    mappingDigest: new Uint8Array(32).fill(7),
    source: "kev",
    run: { epoch: 3, count: 1 },
    file: "kev.json",
    partitions,
  })

const everything = { everything: true }
const ripe = { everything: false }

describe("the outbox of a connector", () => {
  it("chains the blocks of a partition by their hashes, without a gap in the numbers", () => {
    const outbox = outboxOf(1)
    const blocks: Uint8Array[] = []
    for (let i = 0; i < 3; i++) {
      outbox.add(eventOf(i), 0)
      const [sealed] = outbox.seal(0, everything)
      if (sealed === undefined) throw new Error("nothing was sealed")
      blocks.push(sealed.block)
      outbox.answered(0)
    }
    const headers = blocks.map((block) => decodeBlock(block).header)
    expect(headers.map((header) => header.senderSequence)).toEqual([1, 2, 3])
    expect(headers.map((header) => Buffer.from(header.previousHash))).toEqual([
      Buffer.from(noHash),
      ...blocks.slice(0, 2).map((block) => Buffer.from(hashBlock(block))),
    ])
  })

  it("refuses a further event where one block waits for its answer and the next is full", () => {
    const outbox = outboxOf(1)
    for (let i = 0; i < blockEventsMax; i++) expect(outbox.add(eventOf(i), 0)).toBe(true)
    expect(outbox.seal(0, ripe)).toHaveLength(1)
    for (let i = 0; i < blockEventsMax; i++) outbox.add(eventOf(blockEventsMax + i), 0)
    expect(outbox.add(eventOf(2 * blockEventsMax), 0)).toBe(false)
    expect(outbox.seal(0, everything)).toHaveLength(0)
    outbox.answered(0)
    expect(outbox.seal(0, ripe)).toHaveLength(1)
  })

  it("sends a record of more than a block's bytes alone", () => {
    const outbox = outboxOf(1)
    outbox.add(eventOf(0, { size: 10 }), 0)
    expect(outbox.add(eventOf(1, { size: blockBytesMax + 1 }), 0)).toBe(false)
    expect(outbox.seal(0, ripe)[0]?.records).toBe(1)
    expect(outbox.add(eventOf(1, { size: blockBytesMax + 1 }), 0)).toBe(true)
    expect(outbox.add(eventOf(2, { size: 10 }), 0)).toBe(false)
  })

  it("seals a block that is not full only after it lingered", () => {
    const outbox = outboxOf(1)
    outbox.add(eventOf(0), 100)
    expect(outbox.seal(100 + blockLingerMillis - 1, ripe)).toHaveLength(0)
    expect(outbox.lingerMillis(100 + blockLingerMillis - 1)).toBe(1)
    expect(outbox.seal(100 + blockLingerMillis, ripe)).toHaveLength(1)
  })

  it("is never ahead of an unanswered event, keeps order per partition, and loses none", () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant("add" as const), size: fc.integer({ min: 1, max: 200_000 }) }),
        fc.record({ do: fc.constant("seal" as const), everything: fc.boolean() }),
        fc.record({ do: fc.constant("answer" as const), partition: fc.nat(3) }),
      ),
      { maxLength: 200 },
    )
    fc.assert(
      fc.property(steps, (sequence) => {
        const outbox = outboxOf(4)
        const unanswered = new Set<number>()
        const out: Sealed[] = []
        const offered = new Map<number, Sealed>()
        let ordinal = 0
        for (const step of sequence) {
          if (step.do === "add") {
            if (outbox.add(eventOf(ordinal, { size: step.size }), 0)) unanswered.add(ordinal++)
          } else if (step.do === "seal") {
            const sealed = outbox.seal(0, step)
            for (const one of sealed) offered.set(one.partition, one)
            out.push(...sealed)
          } else {
            const answered = offered.get(step.partition)
            if (answered === undefined) continue
            offered.delete(step.partition)
            for (const event of decodeBlock(answered.block).events) unanswered.delete(event.ordinal)
            outbox.answered(step.partition)
          }
          const place = outbox.position({ offset: ordinal * 10, ordinal })
          expect(place.ordinal).toBe(Math.min(ordinal, ...unanswered))
        }
        checkOrder(out)
      }),
      { numRuns: 50 },
    )
  })
})

function checkOrder(out: readonly Sealed[]): void {
  const last = new Map<number, number>()
  for (const sealed of out) {
    const { events } = decodeBlock(sealed.block)
    expect(events.length).toBeLessThanOrEqual(blockEventsMax)
    for (const event of events) {
      expect(partitionOf(event.recordKey, 4)).toBe(sealed.partition)
      expect(event.ordinal).toBeGreaterThan(last.get(sealed.partition) ?? -1)
      last.set(sealed.partition, event.ordinal)
    }
  }
}
