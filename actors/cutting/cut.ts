/** What a cutter makes of bytes, and what cutters share. */
import { isUtf8 } from "node:buffer"
import type { DeadLetterReason, Fault } from "../../protocols/event.ts"
import { deadLetterBytesMax, recordBytesMax } from "../../protocols/limits.ts"

/** A record's bytes with their place, or bytes that are no record, with what is wrong. */
export interface Cut {
  readonly ordinal: number
  /** Bytes of the source before it. */
  readonly offset: number
  /** A view into what was pushed. Of a faulty one at most `deadLetterBytesMax`. */
  readonly bytes: Uint8Array
  readonly fault: (Fault & { readonly lengthBytes: number }) | undefined
}

/**
 * `whole`: the source ends here. `damaged`: it should have gone on, as in a truncated gzip file.
 */
export type SourceEnd = "whole" | "damaged"

/**
 * Cuts a source into records as its bytes come in. Pure: the same bytes give the same cuts, however
 * they are divided into chunks, and from whichever record's offset a new cutter goes on.
 */
export interface Cutter {
  /**
   * The records that are complete now. The chunk is not copied and must not be changed any more.
   */
  readonly push: (chunk: Uint8Array) => readonly Cut[]
  /** What is left at the end. */
  readonly finish: (end: SourceEnd) => readonly Cut[]
  /** Where a new cutter goes on after all cuts so far. */
  readonly place: () => { readonly offset: number; readonly ordinal: number }
  /** After `finish`: why no record can be in this source at all. */
  readonly unreadable: () => string | undefined
}

/** Numbers cuts, checks their length and encoding, and remembers where the next may begin. */
export class CutList {
  #cuts: Cut[] = []
  #ordinal: number
  #next: number

  constructor(from: { readonly offset: number; readonly ordinal: number }) {
    this.#ordinal = from.ordinal
    this.#next = from.offset
  }

  /** A record as it stands in the source, its end at `next`. */
  record(bytes: Uint8Array, offset: number, next: number): void {
    if (bytes.length > recordBytesMax) {
      this.fault("record-too-large", tooLarge, { offset, bytes, lengthBytes: bytes.length, next })
    } else if (isUtf8(bytes)) {
      this.#cuts.push({ ordinal: this.#ordinal++, offset, bytes, fault: undefined })
      this.#next = next
    } else {
      const detail = "The record is not UTF-8."
      this.fault("invalid-utf8", detail, { offset, bytes, lengthBytes: bytes.length, next })
    }
  }

  fault(
    reason: DeadLetterReason,
    detail: string,
    of: {
      readonly offset: number
      readonly bytes: Uint8Array
      readonly lengthBytes: number
      readonly next: number
    },
  ): void {
    const bytes = of.bytes.subarray(0, deadLetterBytesMax)
    const fault = { reason, detail, lengthBytes: of.lengthBytes }
    this.#cuts.push({ ordinal: this.#ordinal++, offset: of.offset, bytes, fault })
    this.#next = of.next
  }

  take(): readonly Cut[] {
    const cuts = this.#cuts
    this.#cuts = []
    return cuts
  }

  place(): { readonly offset: number; readonly ordinal: number } {
    return { offset: this.#next, ordinal: this.#ordinal }
  }
}

export const tooLarge = `The record is longer than ${recordBytesMax} bytes.`

export const concat = (a: Uint8Array, b: Uint8Array): Buffer => Buffer.concat([a, b])

export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const [tab, carriageReturn, space] = [0x09, 0x0d, 0x20]

export const isBlank = (byte: number | undefined): boolean =>
  byte === space || byte === tab || byte === carriageReturn || byte === 0x0a

/** `[start, end)` without blanks at both ends. */
export function trim(bytes: Uint8Array, start: number, end: number): readonly [number, number] {
  let [from, to] = [start, end]
  while (from < to && isBlank(bytes[from])) from++
  while (to > from && isBlank(bytes[to - 1])) to--
  return [from, to]
}

/** Whether the bytes are a JSON text: asked once per source, of an end without a line end. */
export function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(asBuffer(bytes).toString("utf8"))
    return true
  } catch {
    return false
  }
}
