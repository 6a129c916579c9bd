/** Blocks on their way to a writer's thread. */
import fc from "fast-check"
import { expect, it } from "vitest"
import { decodeBlock, encodeBlock } from "../../stores/graph/write/wire.ts"
import { block, thing } from "./records.ts"

const ofSize = (sequence: number, size: number) =>
  block(sequence, [thing(`key ${sequence}`, { name: "é".repeat(size) })])

it("have memory of their own, which those that come after leave as it is", () => {
  const sizes = fc.constantFrom(0, 1, 100, 5_000, 9_000, 300_000)
  fc.assert(
    fc.property(fc.array(sizes, { maxLength: 12 }), (all) => {
      const encoded = all.map((size, i) => encodeBlock(ofSize(i, size)))
      expect(new Set(encoded.map(({ buffer }) => buffer)).size).toBe(encoded.length)
      for (const [i, bytes] of encoded.entries()) {
        expect(bytes.byteLength).toBe(bytes.buffer.byteLength)
        const [record] = decodeBlock(bytes)[9]
        expect(record?.[1]).toBe(`key ${i}`)
        const said = record?.[4][0]?.[2]
        expect(said === JSON.stringify({ name: "é".repeat(all[i] ?? 0) })).toBe(true)
      }
    }),
    { numRuns: 30 },
  )
})
