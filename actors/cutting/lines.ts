/**
 * Cuts lines (NDJSON) and rows (CSV). Both end at a line feed; in CSV a line feed inside a quoted
 * cell does not count. A blank line is no record.
 *
 * A line longer than `recordBytesMax` is not held: its first bytes are kept for the dead letter and
 * the rest is counted until its end. A CSV row that has grown so long ends at the next line feed
 * even inside quotes: a quote too many would else take the rest of the file with it.
 */
import { deadLetterBytesMax, recordBytesMax } from "../../protocols/limits.ts"
import {
  asBuffer,
  type Cut,
  CutList,
  type Cutter,
  concat,
  isBlank,
  isJson,
  type SourceEnd,
  tooLarge,
  trim,
} from "./cut.ts"

const lineFeed = 0x0a
const quote = 0x22
const empty = Buffer.alloc(0)

export interface LineSettings {
  /** Bytes before the first record: a byte order mark, a CSV header. */
  readonly start: number
  /**
   * The delimiter of CSV, by which a quote at a cell's beginning is known; `undefined` for NDJSON.
   */
  readonly delimiter: number | undefined
}

export class LineCutter implements Cutter {
  readonly #settings: LineSettings
  readonly #cuts: CutList
  /** Bytes of the line that is not complete, and of the source before them. */
  #rest: Buffer = empty
  #restOffset: number
  /** How far into the rest the scan has come, and whether it stands in a quoted cell. */
  #scanned = 0
  #quoted = false
  #nextQuote = -1
  #nextFeed = -1
  /** First bytes and length of a line that is too long to be held. */
  #long: { readonly kept: Buffer; lengthBytes: number } | undefined
  #skip: number

  constructor(settings: LineSettings, from: { readonly offset: number; readonly ordinal: number }) {
    this.#settings = settings
    this.#cuts = new CutList(from)
    this.#skip = Math.max(0, settings.start - from.offset)
    this.#restOffset = from.offset + this.#skip
  }

  push(chunk: Uint8Array): readonly Cut[] {
    const skipped = Math.min(this.#skip, chunk.length)
    this.#skip -= skipped
    let bytes = asBuffer(chunk.subarray(skipped))
    if (this.#long !== undefined) {
      const end = bytes.indexOf(lineFeed)
      if (end < 0) {
        this.#long.lengthBytes += bytes.length
        return []
      }
      this.#endLong(end)
      bytes = bytes.subarray(end + 1)
    }
    this.#cutLines(this.#rest.length === 0 ? bytes : concat(this.#rest, bytes))
    return this.#cuts.take()
  }

  finish(end: SourceEnd): readonly Cut[] {
    if (this.#long !== undefined) {
      this.#endLong(0)
      return this.#cuts.take()
    }
    if (this.#quoted && this.#scanned === this.#rest.length - 1) this.#quoted = false
    const [from, to] = this.#bounds(this.#rest, 0, this.#rest.length)
    const offset = this.#restOffset + from
    const endOffset = this.#restOffset + this.#rest.length
    const bytes = this.#rest.subarray(from, to)
    this.#rest = empty
    this.#restOffset = endOffset
    const complete = this.#settings.delimiter === undefined ? isJson(bytes) : end === "whole"
    if (bytes.length > 0 && complete && !this.#quoted) this.#cuts.record(bytes, offset, endOffset)
    else if (bytes.length > 0) this.#truncated(bytes, offset, endOffset)
    if (end === "damaged" && (bytes.length === 0 || complete)) {
      this.#truncated(bytes.subarray(0, 0), endOffset, endOffset)
    }
    return this.#cuts.take()
  }

  place = () => this.#cuts.place()
  unreadable = () => undefined

  #truncated(bytes: Uint8Array, offset: number, endOffset: number): void {
    const detail = "The source ends inside this record, or before its next."
    const next = endOffset + 1
    this.#cuts.fault("truncated", detail, { offset, bytes, lengthBytes: bytes.length, next })
  }

  #cutLines(bytes: Buffer): void {
    let start = 0
    this.#nextQuote = -1
    this.#nextFeed = -1
    for (;;) {
      const end = this.#endOfLine(bytes, start)
      if (end < 0) break
      this.#cutLine(bytes, start, end)
      start = end + 1
      this.#scanned = 0
      this.#quoted = false
    }
    this.#restOffset += start
    this.#rest = bytes.subarray(start)
    if (this.#rest.length > recordBytesMax) this.#beginLong()
  }

  #cutLine(bytes: Buffer, start: number, end: number): void {
    const lengthBytes = end - start
    if (lengthBytes > recordBytesMax) {
      const offset = this.#restOffset + start
      const line = { offset, bytes: bytes.subarray(start, end), lengthBytes }
      this.#cuts.fault("record-too-large", tooLarge, { ...line, next: offset + lengthBytes + 1 })
      return
    }
    const [from, to] = this.#bounds(bytes, start, end)
    if (from === to) return
    this.#cuts.record(bytes.subarray(from, to), this.#restOffset + from, this.#restOffset + end + 1)
  }

  /** The line feed that ends the line at `start`; -1 where it is not among these bytes. */
  #endOfLine(bytes: Buffer, start: number): number {
    if (this.#settings.delimiter === undefined) {
      const end = bytes.indexOf(lineFeed, start + this.#scanned)
      if (end < 0) this.#scanned = bytes.length - start
      return end
    }
    const end = this.#endOfRow(bytes, start, this.#settings.delimiter)
    const tooLong = start + recordBytesMax
    if ((end >= 0 && end <= tooLong) || bytes.length <= tooLong) return end
    return bytes.indexOf(lineFeed, tooLong)
  }

  #endOfRow(bytes: Buffer, start: number, delimiter: number): number {
    let at = start + this.#scanned
    while (at < bytes.length) {
      const mark = this.#quoteFrom(bytes, at)
      if (!this.#quoted) {
        const end = this.#feedFrom(bytes, at)
        if (end < mark) return end
        if (mark === bytes.length) break
        this.#quoted = mark === start || bytes[mark - 1] === delimiter
        at = mark + 1
      } else {
        if (mark === bytes.length) break
        if (mark + 1 === bytes.length) {
          this.#scanned = mark - start
          return -1
        }
        this.#quoted = bytes[mark + 1] === quote
        at = this.#quoted ? mark + 2 : mark + 1
      }
    }
    this.#scanned = bytes.length - start
    return -1
  }

  // Both remember what they found, or a row of many quotes would be searched once for each of them.
  #quoteFrom(bytes: Buffer, at: number): number {
    if (this.#nextQuote < at) this.#nextQuote = find(bytes, quote, at)
    return this.#nextQuote
  }

  #feedFrom(bytes: Buffer, at: number): number {
    if (this.#nextFeed < at) this.#nextFeed = find(bytes, lineFeed, at)
    return this.#nextFeed
  }

  #bounds(bytes: Buffer, start: number, end: number): readonly [number, number] {
    return this.#settings.delimiter === undefined ? trim(bytes, start, end) : row(bytes, start, end)
  }

  #beginLong(): void {
    const kept = Buffer.from(this.#rest.subarray(0, deadLetterBytesMax))
    this.#long = { kept, lengthBytes: this.#rest.length }
    this.#rest = empty
    this.#scanned = 0
    this.#quoted = false
  }

  #endLong(more: number): void {
    if (this.#long === undefined) return
    const { kept } = this.#long
    const lengthBytes = this.#long.lengthBytes + more
    const offset = this.#restOffset
    this.#restOffset += lengthBytes + 1
    this.#long = undefined
    this.#cuts.fault("record-too-large", tooLarge, {
      offset,
      bytes: kept,
      lengthBytes,
      next: this.#restOffset,
    })
  }
}

function find(bytes: Buffer, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from)
  return at < 0 ? bytes.length : at
}

/** A row without its line end. Blanks are part of its cells; a row of nothing else is none. */
function row(bytes: Buffer, start: number, end: number): readonly [number, number] {
  const to = end > start && bytes[end - 1] === 0x0d ? end - 1 : end
  for (let i = start; i < to; i++) if (!isBlank(bytes[i])) return [start, to]
  return [start, start]
}
