/** Rows as bytes: the client reads, and writes, the same. */
import fc from "fast-check"
import { int } from "neo4j-driver"
import { expect, it } from "vitest"
import { PackedRows, passPackedRows, type Value } from "../../stores/adapters/neo4j/packed-rows.ts"
import { client, readMessage, readPacked } from "../support/read-packed.ts"

const { value: anyValue } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.string({ unit: "grapheme-ascii", maxLength: 300 }),
    fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
    fc.integer({ min: -200, max: 200 }),
    fc.integer({ min: -70_000, max: 70_000 }),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 20 }),
  ),
}))

/** As the client takes values and gives them back. */
function asRead(value: Value): unknown {
  if (typeof value === "number") return Number.isSafeInteger(value) ? int(value) : value
  if (value instanceof Uint8Array) return new Int8Array(value)
  return Array.isArray(value) ? value.map(asRead) : value
}

it("are read as what they were, whatever their values are", () => {
  fc.assert(
    fc.property(fc.array(anyValue, { maxLength: 30 }), (rows) => {
      expect(readPacked(new PackedRows(rows))).toEqual(asRead(rows))
    }),
  )
})

it("have lengths of each kind, and go on from chunk to chunk", () => {
  const lengths = [0, 1, 15, 16, 31, 32, 33, 255, 256, 65_535, 65_536, 80_000]
  const rows = lengths.flatMap((length): Value[] => [
    "a".repeat(length),
    "é".repeat(length),
    "€".repeat(Math.ceil(length / 3)),
    new Uint8Array(length).fill(length % 251),
    Array.from({ length: Math.min(length, 300) }, (_, i) => i % 7),
  ])
  for (const row of rows) expect(readPacked(new PackedRows([row]))).toEqual(asRead([row]))
  expect(readPacked(new PackedRows(rows))).toEqual(asRead(rows))
})

it("have whole numbers in as few bytes as they take", () => {
  const edges = [0x10, 0x80, 0x8000, 0x8000_0000, 2 ** 40, Number.MAX_SAFE_INTEGER]
  const rows = edges.flatMap((edge) => [edge - 1, edge, -edge, -edge - 1, -edge + 1])
  for (const row of rows.filter(Number.isSafeInteger)) {
    const packed = new PackedRows([row])
    expect(readPacked(packed)).toEqual([int(row)])
    expect(Buffer.concat(packed.chunks)).toEqual(chunksOfClient([int(row)]))
  }
})

it("leave untouched what was packed before, in the same memory", () => {
  const all = Array.from({ length: 400 }, (_, i): readonly [PackedRows, string[]] => {
    const rows = [`row ${i}`, "x".repeat(i * 7)]
    return [new PackedRows(rows), rows]
  })
  for (const [packed, rows] of all) expect(readPacked(packed)).toEqual(rows)
})

it("are refused where a value is none of the server's, and the next ones are whole", () => {
  const bad = { any: "thing" } as unknown as Value
  expect(() => new PackedRows(["before", bad])).toThrow("values that the server knows")
  expect(readPacked(new PackedRows(["after"]))).toEqual(["after"])
})

it("stand within a statement that the client writes, between its own values", () => {
  passPackedRows()
  passPackedRows()
  const rows = [["a", 1], ["long".repeat(50_000)], []]
  const fields = (packed: unknown) => [{ before: "text", batch: { rows: packed }, behind: 1.5 }]
  const passed = bytesOfClient(fields(new PackedRows(rows)))
  const written = bytesOfClient(fields([["a", int(1)], ["long".repeat(50_000)], []]))
  expect(readMessage(passed)).toEqual(readMessage(written))
})

const chunksOfClient = (value: unknown): Buffer => bytesOfClient(value).subarray(0, -2)

/** A message of one value. */
function bytesOfClient(value: unknown): Buffer {
  const sent: Buffer[] = []
  const write = (bytes: unknown) => {
    sent.push(Buffer.from((bytes as { readonly _buffer: Buffer })._buffer))
  }
  const chunker = new client.channel.Chunker({ write })
  new client.packstream.v1.Packer(chunker).packable(value)()
  chunker.messageBoundary()
  chunker.flush()
  return Buffer.concat(sent)
}
