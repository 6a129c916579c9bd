/** Lanes of a mailbox, and what a full mailbox does with a sender. */

/** `control` has a small bound of its own, is never used by data, and is handled first. */
export type Lane = "normal" | "bulk" | "control"

/**
 * - `refuse`: tell the sender no, with a typed reason.
 * - `wait`: the sender waits for credit; nothing is kept.
 * - `park`: keep it durably aside, bounded, and go on; then refuse.
 * - `shed-oldest`: drop the oldest with a count. Telemetry only.
 */
export type Overflow = "refuse" | "wait" | "park" | "shed-oldest"

/** Bounds of a mailbox. A bound that is left out is the default of `limits.ts`, never "none". */
export interface MailboxLimits {
  readonly depthMax?: number
  readonly bytesMax?: number
  readonly ratePerSecondMax?: number
  readonly rateBurst?: number
  /** Turns that may be under way at once (a turn that waits for an effect is under way). */
  readonly concurrencyMax?: number
  /** A message that waited longer is `expired`, not handled. */
  readonly maxAgeMillis?: number
  readonly overflow?: Overflow
  /** What is sent here may be lost with a count. Without it `shed-oldest` is refused. */
  readonly telemetry?: boolean
}
