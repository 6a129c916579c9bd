import { createHash } from "node:crypto"
import fc from "fast-check"
import { Packr } from "msgpackr"
import { describe, expect, it } from "vitest"
import {
  type Block,
  decodeBlock,
  decodeHeader,
  encodeBlock,
  hashBlock,
  noHash,
} from "../../protocols/block.ts"
import { BlockWriter } from "../../protocols/block-body.ts"
import type { SourceEvent } from "../../protocols/event.ts"
import { blockEventsMax, hashKeptBytesMin } from "../../protocols/limits.ts"

const u48 = fc.nat({ max: 2 ** 48 - 1 })
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 })
const text = fc.string({ unit: "grapheme", maxLength: 40 })

const headers = fc.record({
  sender: text,
  incarnation: fc.record({ epoch: u48, start: u48 }),
  senderSequence: u48,
  previousHash: digest,
  mappingDigest: digest,
})

const asserted: fc.Arbitrary<SourceEvent> = fc.record({
  ordinal: u48,
  offset: u48,
  recordKey: text,
  version: fc.option(fc.maxSafeInteger(), { nil: undefined }),
  op: fc.constantFrom("assert" as const, "retract" as const),
  bytes: fc.uint8Array(),
  fault: fc.constant(undefined),
})

const rejected: fc.Arbitrary<SourceEvent> = fc.record({
  ordinal: u48,
  offset: u48,
  recordKey: text,
  version: fc.constant(undefined),
  op: fc.constant("reject" as const),
  bytes: fc.uint8Array(),
  fault: fc.record({
    reason: fc.constantFrom("invalid-json" as const, "truncated" as const),
    detail: text,
    lengthBytes: fc.maxSafeInteger().map(Math.abs),
  }),
})

const bodies = fc.record({
  source: text,
  run: fc.record({ epoch: u48, count: u48 }),
  file: text,
  events: fc.array(fc.oneof(asserted, rejected), { minLength: 1, maxLength: 20 }),
})

const numbers = fc.oneof(
  fc.nat({ max: 300 }),
  fc.nat({ max: 70_000 }),
  fc.integer(),
  fc.maxSafeInteger(),
)
const rareTexts = fc.oneof(
  fc.string({ maxLength: 70 }),
  fc.string({ unit: "binary", maxLength: 70 }),
  fc.string({ minLength: 200, maxLength: 400 }),
  fc.constant("half a pair \ud800"),
)
const rareEvents: fc.Arbitrary<SourceEvent> = fc.record({
  ordinal: numbers,
  offset: numbers,
  recordKey: rareTexts,
  version: fc.option(numbers, { nil: undefined }),
  op: fc.constantFrom("assert" as const, "retract" as const, "reject" as const),
  bytes: fc.oneof(fc.uint8Array(), fc.uint8Array({ minLength: 250, maxLength: 70_000 })),
  fault: fc.option(
    fc.record({
      reason: fc.constantFrom("invalid-json" as const, "truncated" as const),
      detail: rareTexts,
      lengthBytes: numbers,
    }),
    { nil: undefined },
  ),
})

const plain = (event: SourceEvent) => ({
  ...event,
  bytes: Buffer.from(event.bytes).toString("hex"),
})
const packr = new Packr({ useRecords: false })

/**
 * What a body with so many events says, read by general code: events with bytes as text, and with
 * faults as lists.
 */
function generalParts(bytes: Uint8Array, eventCount: number) {
  // Of a buffer of Node's, bytes would be such buffers as well.
  const [source, epoch, count, file, events] = packr.unpack(new Uint8Array(bytes)) as unknown[]
  const shown = (events as unknown[][]).map(([ordinal, offset, key, version, op, own, fault]) => {
    const operation = operations[op as number]
    if (operation === undefined) throw new Error("no operation")
    return [
      ...[ordinal, offset, key, version ?? undefined, operation],
      ...[hex(own as Uint8Array), faultOf(fault)],
    ]
  })
  if (shown.length !== eventCount) throw new Error("other events")
  return [source, { epoch, count }, file, shown]
}

const partsOf = ({ source, run, file, events }: Block) => [
  ...[source, run, file],
  events.map(({ ordinal, offset, recordKey, version, op, bytes, fault }) => [
    ...[ordinal, offset, recordKey, version, op, hex(bytes)],
    fault && [fault.reason, fault.detail, fault.lengthBytes],
  ]),
]

const faultOf = (wire: unknown) =>
  wire ? Array.from({ length: 3 }, (_, i) => (wire as unknown[])[i]) : undefined

const operations = ["assert", "retract", "reject"]
const refusal = "refused"

const outcome = <A>(work: () => A): A | typeof refusal => {
  try {
    return work()
  } catch {
    return refusal
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

const sample = () => {
  const header = {
    sender: "demo/connector/kev",
    incarnation: { epoch: 1, start: 2 },
    senderSequence: 3,
    previousHash: noHash,
    mappingDigest: noHash,
  }
  const event: SourceEvent = {
    ordinal: 0,
    offset: 0,
    recordKey: "a",
    version: undefined,
    op: "assert",
    bytes: Buffer.from("{}"),
    fault: undefined,
  }
  return { header, event, body: { source: "kev", run: { epoch: 1, count: 1 }, file: "f" } }
}

describe("a block", () => {
  it("is read back as it was written, from its bytes alone", () => {
    fc.assert(
      fc.property(headers, bodies, (header, body) => {
        const bytes = encodeBlock(header, body)
        // Another place in memory: nothing may hang on the buffer that it was written to.
        const block = decodeBlock(Buffer.concat([Buffer.alloc(3), bytes]).subarray(3))
        expect(block.header).toMatchObject({
          sender: header.sender,
          incarnation: header.incarnation,
          senderSequence: header.senderSequence,
          count: body.events.length,
        })
        expect(hex(block.header.previousHash)).toBe(hex(header.previousHash))
        expect(hex(block.header.mappingDigest)).toBe(hex(header.mappingDigest))
        expect(block).toMatchObject({ source: body.source, run: body.run, file: body.file })
        expect(block.events.map(plain)).toEqual(body.events.map(plain))
      }),
    )
  })

  it("has the bytes that general code writes, whatever its records hold", () => {
    fc.assert(
      fc.property(
        rareTexts,
        numbers,
        fc.array(rareEvents, { minLength: 1 }),
        (rare, at, events) => {
          const wire = events.map((of) => [
            ...[of.ordinal, of.offset, of.recordKey, of.version ?? null, operations.indexOf(of.op)],
            ...[
              of.bytes,
              of.fault ? [of.fault.reason, of.fault.detail, of.fault.lengthBytes] : null,
            ],
          ])
          const body = { source: rare, run: { epoch: at, count: at }, file: rare, events }
          const block = encodeBlock(sample().header, body)
          const begin = 96 + sample().header.sender.length
          expect(hex(block.subarray(begin))).toBe(hex(packr.pack([rare, at, at, rare, wire])))
          const general = generalParts(block.subarray(begin), events.length)
          expect(partsOf(decodeBlock(block))).toEqual(general)
        },
      ),
    )
  })

  it("is refused, or read as general code does, where bytes of it are others or missing", () => {
    const change = fc.record({ at: fc.nat(), byte: fc.nat({ max: 255 }), cut: fc.boolean() })
    const refused = { cut: 0, changed: 0 }
    fc.assert(
      fc.property(bodies, change, (body, { at, byte, cut }) => {
        const written = encodeBlock(sample().header, body)
        const begin = 96 + sample().header.sender.length
        const place = begin + (at % (written.byteLength - begin))
        const bytes = cut ? written.subarray(0, place) : written.with(place, byte)
        // What stands behind a block in memory is none of it.
        const behind = Buffer.concat([bytes, Buffer.alloc(300, 0xc0)]).subarray(0, bytes.length)
        const read = outcome(() => partsOf(decodeBlock(behind)))
        const count = body.events.length
        expect(read).toEqual(outcome(() => generalParts(behind.subarray(begin), count)))
        if (read === refusal) refused[cut ? "cut" : "changed"]++
      }),
      { numRuns: 1_000 },
    )
    expect(Math.min(refused.cut, refused.changed)).toBeGreaterThan(0)
  })

  it("has all its bytes, wherever the memory that it is written into comes to its end", () => {
    const kibi64 = 65_536
    for (const key of ["k".repeat(300), "ä".repeat(40), "k"]) {
      for (let short = 0; short <= 1_000; short += 7) {
        const bytes = new Uint8Array(kibi64 - short)
        const event = { ordinal: 1, offset: 2, recordKey: key, version: 3, op: 0, bytes }
        const writer = new BlockWriter()
        writer.begin(96)
        const parts = { source: "s", runEpoch: 1, runCount: 1, file: "f" }
        const given = { ...event, op: "assert" as const, fault: undefined }
        writer.body({ ...parts, events: [given] })
        const wire = ["s", 1, 1, "f", [[1, 2, key, 3, 0, bytes, null]]]
        expect(Buffer.compare(writer.taken().subarray(96), packr.pack(wire))).toBe(0)
      }
    }
  })

  it("has the same bytes each time it is written, in memory of their own", () => {
    const { header, event, body } = sample()
    const one = encodeBlock(header, { ...body, events: [event] })
    const other = encodeBlock(header, { ...body, events: [event] })
    expect(hex(one)).toBe(hex(other))
    expect(one.buffer.byteLength).toBe(one.length)
    expect(hex(hashBlock(one))).toBe(createHash("sha256").update(one).digest("hex"))
  })

  it("has the hash of its own bytes, however large it is and however often it is asked", () => {
    const { header, event, body } = sample()
    for (const bytes of [
      new Uint8Array(hashKeptBytesMin),
      new Uint8Array(hashKeptBytesMin).fill(1),
    ]) {
      const block = encodeBlock(header, { ...body, events: [{ ...event, bytes }] })
      const expected = createHash("sha256").update(block).digest("hex")
      expect([hex(hashBlock(block)), hex(hashBlock(block))]).toEqual([expected, expected])
      expect(hex(hashBlock(Uint8Array.from(block)))).toBe(expected)
    }
  })

  it("has 1 to as many events as the limit says", () => {
    const { header, event, body } = sample()
    const of = (count: number) => () =>
      encodeBlock(header, { ...body, events: new Array<SourceEvent>(count).fill(event) })
    expect(of(0)).toThrow(/1 to/)
    expect(of(blockEventsMax)).not.toThrow()
    expect(of(blockEventsMax + 1)).toThrow(/1 to/)
  })

  it("of a newer format, codec or schema is refused by name", () => {
    const { header, event, body } = sample()
    for (const at of [4, 5, 7]) {
      const bytes = encodeBlock(header, { ...body, events: [event] })
      bytes[at] = 9
      expect(() => decodeHeader(bytes)).toThrow(/format .* is newer than this program/)
      expect(() => decodeBlock(bytes)).toThrow(/newer/)
    }
  })

  it("is told from other bytes", () => {
    expect(() => decodeHeader(Buffer.from("{}"))).toThrow(/no block/)
    expect(() => decodeHeader(Buffer.alloc(200))).toThrow(/no block/)
  })

  it("that lost an event is noticed", () => {
    const { header, event, body } = sample()
    const bytes = encodeBlock(header, { ...body, events: [event] })
    bytes[11] = 2
    expect(() => decodeBlock(bytes)).toThrow(/as many events/)
  })
})
