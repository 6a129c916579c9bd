/** Blocks on their way to a writer's thread. */
import fc from "fast-check"
import { Packr } from "msgpackr"
import { expect, it } from "vitest"
import { decodeBlock, encodeBlock } from "../../stores/graph/write/wire.ts"
import { block, thing } from "./records.ts"

/** What a node sends to another is packed in the same thread, in memory that packers share. */
const other = new Packr({ useRecords: false })
const blockOf = (sequence: number, text: string) => block(sequence, [thing("a", { name: text })])

it("have memory of their own, and leave what others have packed as it is", () => {
  const sizes = fc.constantFrom(0, 1, 100, 5_000, 9_000, 300_000)
  const steps = fc.array(fc.tuple(fc.boolean(), sizes), { maxLength: 12 })
  fc.assert(
    fc.property(steps, (all) => {
      const packed = all.map(([isBlock, size], i) => {
        const text = String.fromCharCode(224 + i).repeat(size)
        return [isBlock, text, isBlock ? encodeBlock(blockOf(i, text)) : other.pack(text)] as const
      })
      const blocks = packed.flatMap(([isBlock, , bytes]) => (isBlock ? [bytes] : []))
      expect(new Set(packed.map(([, , { buffer }]) => buffer)).size).toBeGreaterThanOrEqual(
        blocks.length,
      )
      for (const { byteLength, buffer } of blocks) expect(byteLength).toBe(buffer.byteLength)
      for (const [isBlock, text, bytes] of packed) {
        const said = isBlock ? decodeBlock(bytes)[9][0]?.[4][0]?.[2] : other.unpack(bytes)
        expect(said === (isBlock ? JSON.stringify({ name: text }) : text)).toBe(true)
      }
    }),
  )
})
