/**
 * The body of a block as msgpack. It is written value by value for the few kinds that a block has,
 * in half the time that general code needs, and without lists that only stand for bytes. What is
 * rare (long text or text beyond ASCII, negative numbers, faults) general code writes: the bytes
 * are the same either way.
 */
import { Packr } from "msgpackr"
import { invariant } from "./errors.ts"
import type { Operation, SourceEvent } from "./event.ts"
import { blockBytesMax } from "./limits.ts"

const packr = new Packr({ useRecords: false })
/** By their numbers. */
export const operations: readonly Operation[] = ["assert", "retract", "reject"]

export interface BodyParts {
  readonly source: string
  readonly runEpoch: number
  readonly runCount: number
  readonly file: string
  readonly events: readonly SourceEvent[]
}

/** First bytes of values, as msgpack's specification names them. */
export const kinds = {
  fixArray: 0x90,
  fixText: 0xa0,
  nil: 0xc0,
  bin8: 0xc4,
  bin16: 0xc5,
  bin32: 0xc6,
  float64: 0xcb,
  uint8: 0xcc,
  uint16: 0xcd,
  uint32: 0xce,
  text8: 0xd9,
  array16: 0xdc,
} as const
const { nil, float64, uint8, uint16, uint32, bin8, bin16, bin32 } = kinds
const { fixArray, fixText, array16 } = kinds
/** Text below this length has a head of one byte, and is short enough for a loop. */
export const shortText = 0x20
/** Of an event before its bytes, or a body before its events, but for what general code writes. */
const headBytesMax = 96
/** Memory that a writer begins with, and the most that it keeps for the next block. */
const memoryBytesMin = 64 * 1024
const memoryBytesMax = 2 * blockBytesMax

/** Writes into memory that grows, and that is used again: a block is written without a pause. */
export class BlockWriter {
  #bytes = memory(memoryBytesMin)
  #at = 0

  /** Begins a block with so many bytes of a header, which the caller writes before all else. */
  begin(headerBytes: number): Buffer {
    if (this.#bytes.byteLength > memoryBytesMax) this.#bytes = memory(memoryBytesMin)
    this.#at = 0
    this.#need(headerBytes)
    this.#at = headerBytes
    return this.#bytes
  }

  /** What was written, in memory of its own. */
  taken(): Uint8Array<ArrayBuffer> {
    invariant(this.#at <= this.#bytes.byteLength, "What was written has had its room.")
    return new Uint8Array(this.#bytes.subarray(0, this.#at))
  }

  body({ source, runEpoch, runCount, file, events }: BodyParts): void {
    this.#need(headBytesMax)
    this.#byte(fixArray | 5)
    this.#text(source)
    this.#number(runEpoch)
    this.#number(runCount)
    this.#text(file)
    if (events.length < 16) this.#byte(fixArray | events.length)
    else this.#sized(array16, events.length)
    for (const event of events) this.#event(event)
  }

  #event({ ordinal, offset, recordKey, version, op, bytes, fault }: SourceEvent): void {
    this.#need(headBytesMax)
    this.#byte(fixArray | 7)
    this.#number(ordinal)
    this.#number(offset)
    this.#text(recordKey)
    if (version === undefined) this.#byte(nil)
    else this.#number(version)
    // The key may have taken the room that was there.
    this.#need(headBytesMax + bytes.byteLength)
    this.#byte(operations.indexOf(op))
    this.#binary(bytes)
    if (fault === undefined) return this.#byte(nil)
    this.#other([fault.reason, fault.detail, fault.lengthBytes])
  }

  #number(value: number): void {
    if (value >>> 0 !== value) {
      if (value >> 0 === value) return this.#other(value)
      this.#byte(float64)
      this.#at = this.#bytes.writeDoubleBE(value, this.#at)
    } else if (value < 0x80) this.#byte(value)
    else if (value < 0x100) {
      this.#byte(uint8)
      this.#byte(value)
    } else if (value < 0x10000) this.#sized(uint16, value)
    else this.#sizedLong(uint32, value)
  }

  #text(text: string): void {
    if (text.length >= shortText) return this.#other(text)
    const begin = this.#at
    this.#bytes[begin] = fixText | text.length
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code >= 0x80) return this.#other(text)
      this.#bytes[begin + 1 + i] = code
    }
    this.#at = begin + 1 + text.length
  }

  #binary(bytes: Uint8Array): void {
    const count = bytes.byteLength
    if (count < 0x100) {
      this.#byte(bin8)
      this.#byte(count)
    } else if (count < 0x10000) this.#sized(bin16, count)
    else this.#sizedLong(bin32, count)
    this.#bytes.set(bytes, this.#at)
    this.#at += count
  }

  /** As the general code has it; what follows of an event still has its room. */
  #other(value: unknown): void {
    const packed = packr.pack(value)
    this.#need(packed.byteLength + headBytesMax)
    this.#bytes.set(packed, this.#at)
    this.#at += packed.byteLength
  }

  #byte(value: number): void {
    this.#bytes[this.#at++] = value
  }

  #sized(kind: number, value: number): void {
    this.#byte(kind)
    this.#byte(value >>> 8)
    this.#byte(value & 0xff)
  }

  #sizedLong(kind: number, value: number): void {
    this.#sized(kind, value >>> 16)
    this.#byte((value >>> 8) & 0xff)
    this.#byte(value & 0xff)
  }

  #need(count: number): void {
    const needed = this.#at + count
    if (needed <= this.#bytes.byteLength) return
    const larger = memory(2 ** Math.ceil(Math.log2(needed)))
    larger.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = larger
  }
}

const memory = (sizeBytes: number): Buffer => Buffer.from(new ArrayBuffer(sizeBytes))
