/**
 * Reads the body of a block in less time than general code needs (decision 0025): without the lists
 * that only stand for events, and without a look ahead for text. It reads what the writer writes
 * for a body as it nearly always is. Whatever else stands there is general code's to read, and to
 * refuse: the body is the same either way.
 */
import { Packr } from "msgpackr"
import { type BodyParts, kinds, operations, shortText } from "./block-body.ts"
import { invariant } from "./errors.ts"
import type { DeadLetterReason, SourceEvent } from "./event.ts"

/** Reads a body, which is all of these bytes. */
export function readBody(bytes: Uint8Array): BodyParts {
  return new BodyReader(bytes).body() ?? readAny(bytes)
}

type WireFault = readonly [reason: string, detail: string, lengthBytes: number] | null
type WireEvent = readonly [
  ordinal: number,
  offset: number,
  recordKey: string,
  version: number | null,
  op: number,
  bytes: Uint8Array,
  fault: WireFault,
]
type WireBody = readonly [
  source: string,
  runEpoch: number,
  runCount: number,
  file: string,
  events: readonly WireEvent[],
]

const packr = new Packr({ useRecords: false })

function readAny({ buffer, byteOffset, byteLength }: Uint8Array): BodyParts {
  // Of a buffer of Node's, records would be such buffers as well.
  const bytes = new Uint8Array(buffer, byteOffset, byteLength)
  const [source, runEpoch, runCount, file, events] = packr.unpack(bytes) as WireBody
  return { source, runEpoch, runCount, file, events: events.map(eventOfWire) }
}

function eventOfWire(wire: WireEvent): SourceEvent {
  const [ordinal, offset, recordKey, version, op, bytes, fault] = wire
  const operation = operations[op]
  invariant(operation !== undefined, `A block knows no operation ${op}.`)
  return {
    ordinal,
    offset,
    recordKey,
    version: version ?? undefined,
    op: operation,
    bytes,
    fault: fault
      ? { reason: fault[0] as DeadLetterReason, detail: fault[1], lengthBytes: fault[2] }
      : undefined,
  }
}

/** Goes from value to value; once it meets what it does not know, what it answers is nothing. */
class BodyReader {
  readonly #bytes: Buffer
  #at = 0
  #isKnown = true

  constructor({ buffer, byteOffset, byteLength }: Uint8Array) {
    this.#bytes = Buffer.from(buffer, byteOffset, byteLength)
  }

  body(): BodyParts | undefined {
    this.#expect(kinds.fixArray | 5)
    const source = this.#text()
    const runEpoch = this.#number()
    const runCount = this.#number()
    const file = this.#text()
    const count = this.#count()
    const events: SourceEvent[] = []
    for (let i = 0; i < count && this.#isKnown; i++) events.push(this.#event())
    // Bytes that are missing were read as something all the same.
    const isWhole = this.#isKnown && this.#at === this.#bytes.byteLength
    return isWhole ? { source, runEpoch, runCount, file, events } : undefined
  }

  #event(): SourceEvent {
    this.#expect(kinds.fixArray | 7)
    const ordinal = this.#number()
    const offset = this.#number()
    const recordKey = this.#text()
    const version = this.#isNil() ? undefined : this.#number()
    const op = operations[this.#byte()] ?? this.#unknown("assert")
    const bytes = this.#binary()
    this.#expect(kinds.nil)
    return { ordinal, offset, recordKey, version, op, bytes, fault: undefined }
  }

  #number(): number {
    const kind = this.#byte()
    if (kind < 0x80) return kind
    if (kind === kinds.uint8) return this.#byte()
    if (kind === kinds.uint16) return this.#pair()
    if (kind === kinds.uint32) return this.#pair() * 0x10000 + this.#pair()
    const at = this.#take(8)
    return kind === kinds.float64 && this.#isKnown ? this.#bytes.readDoubleBE(at) : this.#unknown(0)
  }

  #text(): string {
    const kind = this.#byte()
    if (kind === kinds.text8) return this.#textOf(this.#byte())
    const count = kind & (shortText - 1)
    return kind === (kinds.fixText | count) ? this.#textOf(count) : this.#unknown("")
  }

  /** ASCII alone: what half a pair of UTF-16 came to, general code knows. */
  #textOf(count: number): string {
    const at = this.#take(count)
    const end = Math.min(this.#at, this.#bytes.byteLength)
    let all = 0
    for (let i = at; i < end; i++) all |= this.#bytes[i] ?? 0
    return all < 0x80 ? this.#bytes.toString("latin1", at, end) : this.#unknown("")
  }

  #binary(): Uint8Array {
    const kind = this.#byte()
    if (kind === kinds.bin8) return this.#binaryOf(this.#byte())
    if (kind === kinds.bin16) return this.#binaryOf(this.#pair())
    if (kind === kinds.bin32) return this.#binaryOf(this.#pair() * 0x10000 + this.#pair())
    return this.#unknown(noBytes)
  }

  /** A view: a block's records are kept as long as the block. */
  #binaryOf(count: number): Uint8Array {
    const at = this.#take(count)
    if (!this.#isKnown) return noBytes
    const { buffer, byteOffset } = this.#bytes
    return new Uint8Array(buffer, byteOffset + at, count)
  }

  #count(): number {
    const kind = this.#byte()
    if (kind === kinds.array16) return this.#pair()
    const count = kind & 15
    return kind === (kinds.fixArray | count) ? count : this.#unknown(0)
  }

  #isNil(): boolean {
    if (this.#bytes[this.#at] !== kinds.nil) return false
    this.#at++
    return true
  }

  #expect(kind: number): void {
    if (this.#bytes[this.#at++] !== kind) this.#isKnown = false
  }

  #pair(): number {
    return this.#byte() * 0x100 + this.#byte()
  }

  /** Zero beyond the end, which is noticed there. */
  #byte(): number {
    return this.#bytes[this.#at++] ?? 0
  }

  /** Where so many bytes begin, which are passed. */
  #take(count: number): number {
    const at = this.#at
    this.#at += count
    if (this.#at > this.#bytes.byteLength) this.#isKnown = false
    return at
  }

  #unknown<A>(stands: A): A {
    this.#isKnown = false
    return stands
  }
}

const noBytes = new Uint8Array(0)
