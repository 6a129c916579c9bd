/**
 * The `Spool` port: bytes of writes that came over the edge, from their first byte until the write
 * is over.
 *
 * Promises: what is kept is on stable storage when `keep` answers, under its number, and stays
 * there until it is removed; what is not kept leaves nothing behind, also after a crash; a tenant's
 * bytes and writes are bounded, and the bytes of all. Does not promise that a kept number belongs
 * to a write that was acknowledged: whoever acknowledges keeps a record of it.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { DiskFull, LimitExceeded, MailboxFull, StoreFailed } from "../protocols/errors.ts"

export type SpoolBroken = DiskFull | StoreFailed

/** Bytes that arrive; given up at the end of their scope unless they are kept. */
export interface Arriving {
  /** One call at a time. `LimitExceeded` for one write, `MailboxFull` for all of a tenant. */
  readonly append: (
    bytes: Uint8Array,
  ) => Effect.Effect<void, LimitExceeded | MailboxFull | SpoolBroken>
  /** Bytes so far. */
  readonly bytes: () => number
  /** SHA-256 of the bytes so far, hex. */
  readonly hash: () => string
  /** At most `length` of the bytes so far, from this place on. */
  readonly read: (offset: number, length: number) => Effect.Effect<Uint8Array, SpoolBroken>
  /** The bytes so far are on stable storage, still without a number. */
  readonly flush: () => Effect.Effect<void, SpoolBroken>
  /** Nothing is appended any more. What was kept under the number gives way. */
  readonly keep: (number: number) => Effect.Effect<void, SpoolBroken>
}

/** Bytes that are all there. */
export interface SpooledBytes {
  readonly length: number
  readonly read: Arriving["read"]
}

export interface KeptWrite {
  readonly tenant: string
  readonly number: number
}

export interface SpoolShape {
  /** Refuses with `MailboxFull` where too many of the tenant arrive or are kept. */
  readonly receive: (
    tenant: string,
  ) => Effect.Effect<Arriving, MailboxFull | SpoolBroken, Scope.Scope>
  /** Where the kept bytes are read. */
  readonly pathOf: (kept: KeptWrite) => string
  readonly has: (kept: KeptWrite) => boolean
  /** What is kept, to be passed on; its file stays open as long as the scope. */
  readonly bytesOf: (kept: KeptWrite) => Effect.Effect<SpooledBytes, SpoolBroken, Scope.Scope>
  /** All that are kept, by tenant and number. */
  readonly kept: () => readonly KeptWrite[]
  /** One that is not there is removed already. */
  readonly remove: (kept: KeptWrite) => Effect.Effect<void, SpoolBroken>
}
