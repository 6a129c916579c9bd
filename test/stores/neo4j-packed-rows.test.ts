/** Rows as bytes: the client reads, and writes, the same. */
import { createRequire } from "node:module"
import fc from "fast-check"
import { int } from "neo4j-driver"
import { expect, it } from "vitest"
import { PackedRows, type Value } from "../../stores/adapters/neo4j/packed-rows.ts"
import { passPackedRows } from "../../stores/adapters/neo4j/pass-packed-rows.ts"
import { client, readMessage, readPacked } from "../support/read-packed.ts"

const { value: anyValue } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.string({ unit: "grapheme-ascii", maxLength: 300 }),
    fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
    fc.integer({ min: -200, max: 200 }),
    fc.integer({ min: -70_000, max: 70_000 }),
    fc.double(),
    fc.constantFrom(Number.NaN, -0, 2 ** 53, -(2 ** 63), "\ud800", "\u0000"),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 20 }),
  ),
}))

/** As the client takes values and gives them back. */
function asRead(value: Value): unknown {
  if (typeof value === "number") return Number.isSafeInteger(value) ? int(value) : value
  if (typeof value === "string") return value.toWellFormed()
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

it("go on in the next chunk wherever the one before ends", () => {
  const behind: readonly Value[] = [
    ...["y".repeat(33), "é".repeat(20), "z", "w".repeat(300), "€".repeat(30_000)],
    ...[2 ** 40, 1.5, null, true, [], new Uint8Array(3)],
  ]
  for (let size = 65_480; size < 65_550; size++) {
    for (const value of behind) {
      const rows = ["q".repeat(size), value, 7]
      const packed = payload(new PackedRows(rows).chunks)
      // Compared as a whole: byte by byte, a test of 770 times 66 kB would take seconds.
      if (!packed.equals(payload([bytesOfClient(asSent(rows))]))) {
        expect.fail(`${typeof value} ${value} behind ${size} characters`)
      }
    }
  }
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

it("are in memory that others were in, once the server has read those", () => {
  const rows = [["x".repeat(300_000)]]
  const first = new PackedRows(rows)
  const memories = new Set(first.chunks.map(({ buffer }) => buffer))
  first.release()
  first.release()
  const next = new PackedRows(rows)
  const again = next.chunks.filter(({ buffer }) => memories.has(buffer))
  // The piece that is open goes on where it was.
  expect(again.length).toBeGreaterThanOrEqual(memories.size - 2)
  expect(new Set(next.chunks.map(({ buffer }) => buffer)).size).toBe(next.chunks.length)
  expect(readPacked(next)).toEqual(rows)
})

it("stay as they are while others come and go, in whatever order", () => {
  const sizes = fc.constantFrom(0, 10, 900, 40_000, 65_530, 70_000, 200_000)
  const steps = fc.array(fc.tuple(sizes, fc.nat(4), fc.nat(4)), { maxLength: 40 })
  fc.assert(
    fc.property(steps, (all) => {
      const live: (readonly [PackedRows, string[]])[] = []
      for (const [i, [size, released, which]] of all.entries()) {
        const rows = [`row ${i}`, String.fromCharCode(97 + (i % 26)).repeat(size)]
        live.push([new PackedRows(rows), rows])
        // Three of five times one goes.
        if (released < 3) live.splice(which % live.length, 1)[0]?.[0].release()
      }
      for (const [packed, rows] of live) {
        if (!payload(packed.chunks).equals(payload([bytesOfClient(rows)]))) {
          expect.fail("rows that nobody released have changed")
        }
      }
    }),
  )
})

it("are refused where a value is none of the server's, and the next ones are whole", () => {
  for (const bad of [{ any: "thing" }, undefined, 5n]) {
    expect(() => new PackedRows(["before", bad as unknown as Value])).toThrow("A row has no value")
    expect(readPacked(new PackedRows(["after"]))).toEqual(["after"])
  }
})

// The first test of the two that tells the client.
it("fail in a client that does not let them pass, which then does once it is told", () => {
  expect(() => bytesOfClient({ rows: new PackedRows(["a"]) })).toThrow("lets packed rows pass")
  passPackedRows()
  passPackedRows()
  expect(readMessage(bytesOfClient({ rows: new PackedRows(["a"]) }))).toEqual({ rows: ["a"] })
})

it.each(["v1", "v2", "default"] as const)(
  "stand within a statement that the client writes (%s), between its own values",
  (version) => {
    passPackedRows()
    for (const rows of [[["a", 1], ["long".repeat(50_000)], []], [["short", 300]], []]) {
      const fields = (packed: unknown) => [{ before: "text", batch: { rows: packed }, behind: 1.5 }]
      const passed = bytesOfClient(fields(new PackedRows(rows)), version)
      expect(readMessage(passed)).toEqual(readMessage(bytesOfClient(fields(asSent(rows)), version)))
    }
  },
)

it("leave in one piece with the statement where they are few", () => {
  passPackedRows()
  const few = { batch: { rows: new PackedRows([["key", 1]]) } }
  const many = { batch: { rows: new PackedRows(["x".repeat(2_000)]) } }
  expect(piecesOfClient(few).length).toBe(1)
  expect(piecesOfClient(many).length).toBe(3)
})

it("come to the client that neo4j-driver has, and not to another copy of it", () => {
  const own = createRequire(import.meta.url)
  const ofDriver = createRequire(own.resolve("neo4j-driver"))
  const name = "neo4j-driver-bolt-connection"
  expect(ofDriver.resolve(name)).toBe(own.resolve(name))
})

/** As the client is to take it. */
function asSent(value: Value): unknown {
  if (typeof value === "number") return Number.isSafeInteger(value) ? int(value) : value
  if (value instanceof Uint8Array) return new Int8Array(value)
  return Array.isArray(value) ? value.map(asSent) : value
}

/** What chunks hold, without their lengths. */
function payload(chunked: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(chunked)
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const begin = at + 2
    at = begin + bytes.readUInt16BE(at)
    parts.push(bytes.subarray(begin, at))
  }
  return Buffer.concat(parts)
}

const chunksOfClient = (value: unknown): Buffer => bytesOfClient(value).subarray(0, -2)

type Version = keyof typeof client.packstream

/** A message of one value. */
const bytesOfClient = (value: unknown, version?: Version): Buffer =>
  Buffer.concat(piecesOfClient(value, version))

/** As they go to the socket. */
function piecesOfClient(value: unknown, version: Version = "default"): readonly Buffer[] {
  const sent: Buffer[] = []
  const write = (bytes: unknown) => {
    sent.push(Buffer.from((bytes as { readonly _buffer: Buffer })._buffer))
  }
  const chunker = new client.channel.Chunker({ write })
  new client.packstream[version].Packer(chunker).packable(value)()
  chunker.messageBoundary()
  chunker.flush()
  return sent
}
