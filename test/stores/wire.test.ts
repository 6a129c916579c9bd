/** Blocks on their way to a writer's thread. */
import fc from "fast-check"
import { Packr } from "msgpackr"
import { expect, it } from "vitest"
import { decodeBlock, encodeBlock } from "../../stores/graph/write/wire.ts"
import { block, thing } from "./records.ts"

/** What a node sends to another is packed in the same thread, in memory that packers share. */
const other = new Packr({ useRecords: false })
const blockOf = (sequence: number, text: string) => block(sequence, [thing("a", { name: text })])

it("leave no room behind in the memory that packers share", () => {
  // Large enough from here on.
  encodeBlock(blockOf(1, "x".repeat(100_000)))
  const before = other.pack("before")
  for (let i = 0; i < 20; i++) encodeBlock(blockOf(i, "x".repeat(2_000)))
  const behind = other.pack("behind")
  expect(behind.buffer).toBe(before.buffer)
  expect(behind.byteOffset - before.byteOffset).toBeLessThan(100)
})

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
      for (const { byteLength, buffer } of blocks) expect(byteLength).toBe(buffer.byteLength)
      for (const [isBlock, text, bytes] of packed) {
        const said = isBlock ? decodeBlock(bytes)[9][0]?.[4][0]?.[2] : other.unpack(bytes)
        expect(said === (isBlock ? JSON.stringify({ name: text }) : text)).toBe(true)
      }
    }),
  )
})
