/** The bounds of a mailbox with every default filled in, computed once per actor type. */
import { Invalid } from "../../protocols/errors.ts"
import type { MailboxLimits, Overflow } from "../../protocols/lanes.ts"
import {
  mailboxBytesMaxDefault,
  mailboxDepthMaxDefault,
  messageBytesEstimate,
  turnConcurrencyMax,
} from "../../protocols/limits.ts"

export interface Bounds {
  /** Where messages are of one estimated size, the bytes bound is a part of this one. */
  readonly depthMax: number
  readonly bytesMax: number
  /** `Infinity` where the mailbox names no rate. */
  readonly ratePerSecondMax: number
  readonly rateBurst: number
  readonly concurrencyMax: number
  /** `Infinity` where the mailbox names no age. */
  readonly maxAgeMillis: number
  readonly overflow: Overflow
  readonly sizeOf: ((message: unknown) => number) | undefined
  /** No rate, sizes or ages to look at: the short way of `offer`. */
  readonly plain: boolean
}

/** Throws `Invalid` for a bound that is no bound, and for `shed-oldest` without `telemetry`. */
export function boundsOf(
  limits: MailboxLimits = {},
  sizeOf?: (message: unknown) => number,
): Bounds {
  const depthMax = atLeastOne("depthMax", limits.depthMax ?? mailboxDepthMaxDefault)
  const bytesMax = atLeastOne("bytesMax", limits.bytesMax ?? mailboxBytesMaxDefault)
  const ratePerSecondMax = limits.ratePerSecondMax ?? Number.POSITIVE_INFINITY
  const maxAgeMillis = limits.maxAgeMillis ?? Number.POSITIVE_INFINITY
  const overflow = limits.overflow ?? "refuse"
  if (!(ratePerSecondMax > 0) || !(maxAgeMillis > 0)) {
    throw invalid("ratePerSecondMax and maxAgeMillis are greater than 0")
  }
  if (overflow === "shed-oldest" && limits.telemetry !== true) {
    throw invalid("shed-oldest loses messages and is for `telemetry: true` only")
  }
  const byBytes = Math.max(1, Math.floor(bytesMax / messageBytesEstimate))
  return {
    depthMax: sizeOf === undefined ? Math.min(depthMax, byBytes) : depthMax,
    bytesMax,
    ratePerSecondMax,
    rateBurst: atLeastOne("rateBurst", limits.rateBurst ?? Math.ceil(burstOf(ratePerSecondMax))),
    concurrencyMax: Math.min(
      atLeastOne("concurrencyMax", limits.concurrencyMax ?? 1),
      turnConcurrencyMax,
    ),
    maxAgeMillis,
    overflow,
    sizeOf,
    plain:
      sizeOf === undefined &&
      ratePerSecondMax === Number.POSITIVE_INFINITY &&
      maxAgeMillis === Number.POSITIVE_INFINITY,
  }
}

const burstOf = (rate: number) => (rate === Number.POSITIVE_INFINITY ? 1 : rate)

function atLeastOne(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value
  throw invalid(`${name} is a whole number from 1 on`)
}

const invalid = (why: string) =>
  new Invalid({ what: "mailbox limits", message: `These mailbox limits are refused: ${why}.` })
