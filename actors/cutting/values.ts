/**
 * Cuts the values of a JSON array, or a sequence of JSON values, without building the document:
 * quotes and brackets are followed, the rest is looked at by whoever reads the record.
 *
 * What is wrong inside a balanced record is that record's own fault. Where brackets, commas and
 * quotes no longer fit, the record is set aside up to the next place that looks like the beginning
 * of the first record (`opening`: comma, bracket, first name), from where cutting goes on; where
 * there is none, the rest of the source is set aside as one. A record longer than `recordBytesMax`
 * is counted to its end and not held.
 */
import type { DeadLetterReason } from "../../protocols/event.ts"
import { deadLetterBytesMax, recordBytesMax } from "../../protocols/limits.ts"
import {
  asBuffer,
  type Cut,
  CutList,
  type Cutter,
  concat,
  isBlank,
  type SourceEnd,
  tooLarge,
} from "./cut.ts"
import { ArraySeeker } from "./seek-array.ts"
import { type Scan, Structure } from "./structure.ts"

const [comma, closeArray] = [0x2c, 0x5d]

export interface ValueSettings {
  /** Bytes before the document: a byte order mark. */
  readonly start: number
  /** Names down to the array; `undefined` for a sequence of values. */
  readonly path: readonly string[] | undefined
  /** How the first record begins, after a comma. */
  readonly opening: Uint8Array | undefined
}

/**
 * - `seek`: before the array. `between`: before a value or the array's end. `value`: in one.
 * - `tail`: after the array. `lost`: looking for the next beginning.
 */
type State = "seek" | "between" | "value" | "tail" | "lost"

const empty = Buffer.alloc(0)

export class ValueCutter implements Cutter {
  readonly #settings: ValueSettings
  readonly #cuts: CutList
  readonly #seeker: ArraySeeker
  #state: State
  #structure = new Structure([])
  /** Bytes from the unit's beginning (a value, the tail, what is lost), where they are held. */
  #held: Buffer = empty
  #heldOffset: number
  /** How far into the held bytes the scan has come. */
  #scanned = 0
  /** Where the unit begins, and its first bytes once it is too long to be held. */
  #unitOffset = 0
  #kept: Buffer | undefined
  #fault: { readonly reason: DeadLetterReason; readonly detail: string } | undefined
  #skip: number

  constructor(
    settings: ValueSettings,
    from: { readonly offset: number; readonly ordinal: number },
  ) {
    this.#settings = settings
    this.#cuts = new CutList(from)
    this.#seeker = new ArraySeeker(settings.path ?? [])
    this.#state = settings.path === undefined || from.offset > 0 ? "between" : "seek"
    this.#skip = Math.max(0, settings.start - from.offset)
    this.#heldOffset = from.offset + this.#skip
  }

  push(chunk: Uint8Array): readonly Cut[] {
    const skipped = Math.min(this.#skip, chunk.length)
    this.#skip -= skipped
    const bytes = asBuffer(chunk.subarray(skipped))
    const all = this.#held.length === 0 ? bytes : concat(this.#held, bytes)
    let at: number | undefined = this.#scanned
    while (at !== undefined && at < all.length) at = this.#step(all, at)
    this.#hold(all)
    return this.#cuts.take()
  }

  finish(end: SourceEnd): readonly Cut[] {
    if (this.#state === "seek") return []
    const endOffset = this.#heldOffset + this.#held.length
    if (this.#state === "value" && this.#structure.endsHere()) {
      this.#endValue(this.#held, this.#held.length)
    }
    const open = this.#state === "value" || this.#state === "lost" || !this.#finished()
    if (open || end === "damaged") this.#truncated(endOffset)
    return this.#cuts.take()
  }

  place = () => this.#cuts.place()

  unreadable(): string | undefined {
    if (this.#state !== "seek") return undefined
    const path = ["$", ...(this.#settings.path ?? [])].join(".")
    return `The document has no array of records at ${path}.`
  }

  /** Takes one step and answers where the next begins; `undefined` where more bytes are needed. */
  #step(all: Buffer, at: number): number | undefined {
    switch (this.#state) {
      case "seek": {
        const found = this.#seeker.seek(all, at)
        if (found < 0) return undefined
        this.#state = "between"
        return found
      }
      case "between":
        return this.#between(all, at)
      case "value":
        return this.#value(all, at)
      case "tail":
        return this.#tail(all, at)
      case "lost":
        return this.#lost(all, at)
    }
  }

  /** Lets go of what is not needed any more. */
  #hold(all: Buffer): void {
    if (this.#state === "seek" || this.#state === "between") {
      this.#release(all, all.length)
      return
    }
    const unit = this.#unitOffset - this.#heldOffset
    const lost = this.#state === "lost"
    const bound = this.#state === "value" ? recordBytesMax : deadLetterBytesMax
    if (!lost) this.#scanned = all.length
    if (this.#kept === undefined) {
      if (all.length - unit <= bound) {
        this.#release(all, unit)
        return
      }
      this.#kept = Buffer.from(all.subarray(unit, unit + deadLetterBytesMax))
    }
    this.#release(all, lost ? this.#scanned : all.length)
  }

  #release(all: Buffer, count: number): void {
    this.#held = all.subarray(count)
    this.#heldOffset += count
    this.#scanned = Math.max(0, this.#scanned - count)
  }

  #between(all: Buffer, from: number): number | undefined {
    let at = from
    while (at < all.length && (isBlank(all[at]) || all[at] === comma)) at++
    if (at === all.length) return at
    this.#unitOffset = this.#heldOffset + at
    this.#kept = undefined
    if (all[at] === closeArray && this.#settings.path !== undefined) {
      this.#state = "tail"
      this.#structure = Structure.inObjects(this.#settings.path.length)
      return at + 1
    }
    this.#state = "value"
    this.#structure = new Structure([])
    return at
  }

  #value(all: Buffer, from: number): number | undefined {
    const scan = this.#structure.scan(all, from)
    if (scan.kind === "more") return undefined
    if (scan.kind === "broken")
      return this.#lose(all, scan, "A bracket, quote or comma is missing.")
    this.#endValue(all, scan.at)
    return scan.at
  }

  #endValue(all: Buffer, end: number): void {
    const offset = this.#unitOffset
    const next = this.#heldOffset + end
    this.#state = "between"
    if (this.#kept === undefined) {
      this.#cuts.record(all.subarray(offset - this.#heldOffset, end), offset, next)
    } else {
      const of = { offset, bytes: this.#kept, lengthBytes: next - offset, next }
      this.#cuts.fault("record-too-large", tooLarge, of)
    }
  }

  #tail(all: Buffer, from: number): number | undefined {
    const scan = this.#structure.scanToEnd(all, from)
    if (scan.kind === "more") return undefined
    return this.#lose(all, scan, "The array of records ends, and what follows does not fit.")
  }

  /** Something does not fit at `scan.at`: looks for the next beginning from a little before. */
  #lose(all: Buffer, scan: Scan, detail: string): number | undefined {
    const unit = this.#unitOffset - this.#heldOffset
    const length = this.#settings.opening?.length ?? 0
    // Only where the unit is short is all of it held, whatever the chunks.
    const short = this.#state === "value" && scan.at - unit <= recordBytesMax
    const from = short ? Math.max(unit + 1, scan.at - length + 1) : scan.at
    this.#fault = { reason: "invalid-json", detail }
    this.#state = "lost"
    return this.#lost(all, from)
  }

  #lost(all: Buffer, from: number): number | undefined {
    const { opening } = this.#settings
    const found = opening === undefined ? -1 : all.indexOf(opening, from)
    if (found < 0) {
      this.#scanned = Math.max(from, all.length - (opening?.length ?? 1) + 1)
      return undefined
    }
    this.#endLost(all, found)
    this.#state = "between"
    return found
  }

  #endLost(all: Buffer, end: number): void {
    const offset = this.#unitOffset
    const next = this.#heldOffset + end
    const bytes = this.#kept ?? all.subarray(offset - this.#heldOffset, end)
    const { reason, detail } = this.#fault ?? { reason: "truncated", detail: "" }
    this.#fault = undefined
    this.#cuts.fault(reason, detail, { offset, bytes, lengthBytes: next - offset, next })
  }

  #truncated(endOffset: number): void {
    const between = this.#state === "between" || (this.#state === "tail" && this.#finished())
    const offset = between ? endOffset : this.#unitOffset
    const bytes = between ? empty : (this.#kept ?? this.#held.subarray(offset - this.#heldOffset))
    this.#cuts.fault("truncated", this.#fault?.detail ?? truncatedDetail, {
      offset,
      bytes,
      lengthBytes: endOffset - offset,
      next: endOffset + 1,
    })
  }

  #finished(): boolean {
    if (this.#state === "between") return this.#settings.path === undefined
    return this.#state === "tail" && this.#structure.atEnd()
  }
}

const truncatedDetail = "The source ends inside this record, or before its next."
