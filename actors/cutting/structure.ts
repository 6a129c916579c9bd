/**
 * Follows quotes and brackets of JSON text across chunks, to where a value ends or to where
 * something cannot be right: a bracket that closes another kind, a string or a bracket where no
 * value may begin. It does not check JSON; it finds ends, and notices missing quotes, commas and
 * brackets close by.
 *
 * A hot loop over bytes: strings of more than a few bytes are skipped by `indexOf`.
 */
import { jsonDepthMax } from "../../protocols/limits.ts"
import { isBlank } from "./cut.ts"

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a]
const [openObject, closeObject, openArray, closeArray] = [0x7b, 0x7d, 0x5b, 0x5d]
/** Bytes of a string that are looked at one by one before `indexOf` is worth its call. */
const shortString = 24

export interface Scan {
  /** `more`: not among these bytes. `end`: the value ends before `at`. `broken`: at `at`. */
  readonly kind: "more" | "end" | "broken"
  readonly at: number
}

export class Structure {
  /** Kinds of the open containers, as far as they are remembered. */
  readonly #kinds = new Uint8Array(jsonDepthMax)
  #depth = 0
  #inString = false
  #escaped = false
  /** The last byte outside strings that is no blank; 0 before the first. */
  #before = 0

  constructor(open: readonly number[]) {
    for (const kind of open) this.#kinds[this.#depth++] = kind
  }

  /** Just after an array's end, inside so many objects. */
  static inObjects(depth: number): Structure {
    const structure = new Structure(new Array<number>(depth).fill(openObject))
    structure.#before = closeArray
    return structure
  }

  /** Nothing is open, so that the source may end here. */
  atEnd(): boolean {
    return this.#depth === 0 && !this.#inString
  }

  /** A number or a word that only the end of the source ends. */
  endsHere(): boolean {
    return this.atEnd() && this.#before !== 0
  }

  /** To the end of the value that begins at the first byte scanned. */
  scan(bytes: Buffer, from: number): Scan {
    if (this.#before === 0 && !this.#inString) {
      if (!beginsValue(bytes[from] as number)) return { kind: "broken", at: from }
    } else if (this.#depth === 0 && !this.#inString) {
      return this.#scalar(bytes, from)
    }
    const at = this.#follow(bytes, from, { toEnd: false })
    if (at < 0) return { kind: "broken", at: -at - 1 }
    if (this.#inString || this.#depth > 0) return { kind: "more", at: bytes.length }
    if (isCloser(this.#before)) return { kind: "end", at }
    return this.#scalar(bytes, at)
  }

  /** To the end of all that is open, after which only blanks may follow. */
  scanToEnd(bytes: Buffer, from: number): Scan {
    let at = from
    if (this.#depth > 0) {
      const end = this.#follow(bytes, from, { toEnd: true })
      if (end < 0) return { kind: "broken", at: -end - 1 }
      at = end
    }
    if (this.#depth > 0) return { kind: "more", at: bytes.length }
    while (at < bytes.length && isBlank(bytes[at])) at++
    return at < bytes.length ? { kind: "broken", at } : { kind: "more", at }
  }

  #scalar(bytes: Buffer, from: number): Scan {
    let at = from
    while (at < bytes.length && !endsScalar(bytes[at] as number)) at++
    return at < bytes.length ? { kind: "end", at } : { kind: "more", at }
  }

  /** Where depth 0 is reached, or the bytes end; -at-1 where something is broken at `at`. */
  #follow(bytes: Buffer, from: number, { toEnd }: { readonly toEnd: boolean }): number {
    let at = from
    if (this.#inString) {
      at = this.#endOfString(bytes, at)
      if (this.#inString) return at
      if (this.#depth === 0) return at
    }
    while (at < bytes.length) {
      const byte = bytes[at] as number
      if (byte === quote) {
        if (!this.#mayBegin()) return -at - 1
        at = this.#endOfString(bytes, at + 1)
        if (this.#inString) return at
        if (this.#depth === 0) return at
        continue
      }
      if (byte > 0x20) {
        if (byte === openObject || byte === openArray) {
          if (!this.#mayOpen()) return -at - 1
          if (this.#depth < jsonDepthMax) this.#kinds[this.#depth] = byte
          this.#depth++
        } else if (byte === closeObject || byte === closeArray) {
          if (this.#depth === 0 || !this.#closes(byte)) return -at - 1
          this.#depth--
          if (this.#depth === 0) {
            this.#before = byte
            return at + 1
          }
        } else if (this.#depth === 0 && !toEnd) {
          this.#before = byte
          return at + 1
        }
        this.#before = byte
      }
      at++
    }
    return at
  }

  /** Index after the closing quote; stays in the string where it is not among these bytes. */
  #endOfString(bytes: Buffer, from: number): number {
    let at = from
    this.#inString = true
    if (this.#escaped && at < bytes.length) {
      this.#escaped = false
      at++
    }
    const near = Math.min(at + shortString, bytes.length)
    while (at < near) {
      const byte = bytes[at] as number
      if (byte === quote) return this.#closeString(at)
      at += byte === backslash ? 2 : 1
    }
    while (at < bytes.length) {
      const end = bytes.indexOf(quote, at)
      if (end < 0) {
        this.#escaped = backslashesBefore(bytes, bytes.length, at) % 2 === 1
        return bytes.length
      }
      if (backslashesBefore(bytes, end, at) % 2 === 0) return this.#closeString(end)
      at = end + 1
    }
    this.#escaped = at > bytes.length
    return bytes.length
  }

  #closeString(at: number): number {
    this.#inString = false
    this.#before = quote
    return at + 1
  }

  /** A string may begin here: as a value or a name. */
  #mayBegin(): boolean {
    const before = this.#before
    return (
      before === comma ||
      before === colon ||
      before === openObject ||
      before === openArray ||
      (before === 0 && this.#depth === 0)
    )
  }

  /** An object or an array may begin here: as a value. */
  #mayOpen(): boolean {
    const before = this.#before
    if (this.#depth === 0) return before === 0
    if (this.#depth > jsonDepthMax)
      return before === colon || before === comma || before === openArray
    if (this.#kinds[this.#depth - 1] === openObject) return before === colon
    return before === comma || before === openArray
  }

  #closes(byte: number): boolean {
    if (this.#depth > jsonDepthMax) return true
    return this.#kinds[this.#depth - 1] === (byte === closeObject ? openObject : openArray)
  }
}

const isCloser = (byte: number): boolean =>
  byte === quote || byte === closeObject || byte === closeArray

const beginsValue = (byte: number): boolean =>
  byte === quote ||
  byte === openObject ||
  byte === openArray ||
  byte === 0x2d ||
  (byte >= 0x30 && byte <= 0x39) ||
  byte === 0x74 ||
  byte === 0x66 ||
  byte === 0x6e

const endsScalar = (byte: number): boolean =>
  isBlank(byte) ||
  byte === comma ||
  isCloser(byte) ||
  byte === openObject ||
  byte === openArray ||
  byte === colon

function backslashesBefore(bytes: Buffer, end: number, from: number): number {
  let at = end
  while (at > from && bytes[at - 1] === backslash) at--
  return end - at
}
