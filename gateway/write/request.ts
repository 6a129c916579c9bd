/** A write as a client asks for it, checked before any of it is kept. */
import {
  checkRecipe,
  readMapping,
  type SourceFormat,
  type WriteRequest,
} from "../../actors/index.ts"
import { Invalid, NotFound, Unavailable } from "../../protocols/errors.ts"
import {
  idempotencyKeyBytesMax,
  nameBytesMax,
  receiptWaitMillisMax,
  retryMillisMax,
  writeRecordsMax,
} from "../../protocols/limits.ts"
import { exceeded } from "../cost.ts"

export interface GivenWrite {
  readonly tenant: string
  readonly source: string
  readonly format: SourceFormat
  /** The text of a mapping document. */
  readonly mapping: string | undefined
  readonly idempotencyKey: string
  readonly given: number | undefined
}

/** Throws `Invalid`, of a mapping with line and column. */
export function checkedWrite(given: GivenWrite): WriteRequest {
  checkSource(given.source)
  checkKey(given.idempotencyKey)
  const mapping = given.mapping === undefined ? undefined : readMapping(given.mapping)
  checkRecipe({ format: given.format, mapping })
  return { ...given, mapping }
}

const printable = /^[\x20-\x7e]+$/

export function checkKey(key: string): string {
  if (printable.test(key) && key.length <= idempotencyKeyBytesMax) return key
  const message = `An idempotency key has 1 to ${idempotencyKeyBytesMax} printable characters.`
  throw new Invalid({ what: "idempotencyKey", message })
}

const control = /\p{Cc}/u

function checkSource(source: string): void {
  const bytes = Buffer.byteLength(source, "utf8")
  if (bytes > 0 && bytes <= nameBytesMax && source.isWellFormed() && !control.test(source)) return
  const message = `A source's name has 1 to ${nameBytesMax} bytes, and no control characters.`
  throw new Invalid({ what: "source", message })
}

/** Throws where there are none, or more than a mutation brings. */
export function checkCount(what: string, count: number): void {
  if (count > writeRecordsMax) throw exceeded("writeRecordsMax", writeRecordsMax, count, what)
  if (count > 0) return
  throw new Invalid({ what, message: `There are no ${what}.` })
}

/** How long the answer may wait, in milliseconds. */
export function checkedWait(millis: number): number {
  if (millis > receiptWaitMillisMax) {
    throw exceeded("receiptWaitMillisMax", receiptWaitMillisMax, millis, "ms of waiting")
  }
  if (Number.isInteger(millis) && millis >= 0) return millis
  const message = `waitMillis is a whole number from 0 to ${receiptWaitMillisMax}.`
  throw new Invalid({ what: "waitMillis", message })
}

/** Taken for good, and for this moment nobody tells of it. */
export const untold = () =>
  new Unavailable({
    message: "The write was taken, and what became of it is not known now.",
    retryAfterMillis: retryMillisMax,
    next: "Ask for its receipt, or send it again with the same idempotency key.",
  })

/** Where the data is only read there is nobody to write it. */
export const nobodyWrites = () =>
  new NotFound({
    what: "node",
    message: "The data is only read here; writes are taken by a node that runs.",
    next: "Start one with `intelgraph start`, and ask it.",
  })
