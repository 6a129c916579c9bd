/**
 * The `MessageLog` port: durable mailboxes of partitions, on whatever log lies beneath (contracts
 * §6).
 *
 * Promises: an appended block is on stable storage before `append` answers; blocks of a partition
 * are delivered in sequence order until they are acknowledged, also after a crash; a block whose id
 * the log knows is answered with its old sequence and not stored again; the bound is enforced by
 * the log. What may fail beneath: any call may end without the caller learning its outcome
 * (`Unavailable`); the caller then repeats it with the same bytes. Bytes may be lost or changed;
 * the chain tells (`LogDamaged`). Does not promise: order among partitions, or that a block is
 * delivered only once.
 *
 * One conformance suite (`test/runtime/log-conformance.ts`) runs on every adapter.
 */

import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Partition } from "../../protocols/address.ts"
import type {
  DiskFull,
  Fenced,
  LogDamaged,
  LogFull,
  MailboxFull,
  StoreFailed,
  Unavailable,
} from "../../protocols/errors.ts"

/** Ownership of a shard: only the highest epoch may read, acknowledge or write state. */
export interface Ownership {
  readonly shard: number
  readonly epoch: number
}

export interface Offer extends Partition {
  /**
   * As `encodeBlock` made it. The log keeps it as it is; the caller does not change it any more.
   */
  readonly block: Uint8Array
}

export interface Receipt {
  /** Place in the partition: rising, without meaning in its gaps, never reused. */
  readonly sequence: number
  /** The log knew this block's id already. */
  readonly repeated: boolean
}

export interface Delivery extends Partition {
  readonly sequence: number
  readonly block: Uint8Array
  /** 1 for the first delivery to this owner. */
  readonly attempt: number
}

/** The tail of one partition, by which a sink's cursor is checked at takeover. */
export interface Tail extends Partition {
  readonly lastSequence: number
  /** Blocks appended and not acknowledged. */
  readonly pending: number
}

export type LogBroken = LogDamaged | StoreFailed | DiskFull | Unavailable

export interface MessageLogShape {
  /** Made when the log is made. Sinks keep it beside their cursors; another id is another log. */
  readonly id: string

  /**
   * Appends one block. Called by a sender that has no other block to this partition unanswered.
   * `MailboxFull`: wait and offer the same bytes again. `Unavailable`: unknown, offer the same
   * again. Refused with `LogDamaged` where the block breaks its sender's chain.
   */
  readonly append: (offer: Offer) => Effect.Effect<Receipt, MailboxFull | LogFull | LogBroken>

  /**
   * Who has claimed this epoch will open the shard, once its sinks are guarded: what takes long of
   * that may begin. A former owner may be a stranger to the log from now on. Never fails; `open`
   * tells.
   */
  readonly announce: (owner: Ownership) => Effect.Effect<void>

  /**
   * Makes the caller the reader of a shard and every lower epoch a stranger: its pulls end in
   * `Fenced` and its acknowledgements do nothing. Called at takeover, after every sink is guarded,
   * and again under the same epoch by a reader that began anew: all that is not acknowledged is
   * delivered once more.
   */
  readonly open: (owner: Ownership) => Effect.Effect<readonly Tail[], Fenced | LogBroken>

  /**
   * The next blocks of the shard that this owner does not hold, in sequence order per partition, of
   * at most `bytesMax` together but at least one; waits until there is one. One pull at a time per
   * shard. Interrupting the effect takes the pull back, and no block is held by it.
   */
  readonly pull: (
    owner: Ownership,
    bytesMax: number,
  ) => Effect.Effect<readonly Delivery[], Fenced | LogBroken>

  /** Frees the block's slot for good. Only after a commit under one's own epoch that covers it. */
  readonly acknowledge: (
    owner: Ownership,
    blocks: readonly (Partition & { readonly sequence: number })[],
  ) => Effect.Effect<void, Fenced | LogBroken>

  /** Gives blocks back unhandled; they are delivered again, in order, by a later pull. */
  readonly handBack: (
    owner: Ownership,
    blocks: readonly (Partition & { readonly sequence: number })[],
  ) => Effect.Effect<void, Fenced | LogBroken>

  /**
   * Ends when an offer to this partition may find room: at once where it would now, and when a
   * block is acknowledged where the log runs in this process. A hint, perhaps never given: race it
   * with a wait.
   */
  readonly whenFree: (partition: Partition) => Effect.Effect<void>

  /** Tails of all partitions that ever had a block. */
  readonly tails: Effect.Effect<readonly Tail[], LogBroken>

  /** The same of one shard. */
  readonly tailsOf: (shard: number) => Effect.Effect<readonly Tail[], LogBroken>

  /**
   * `use` runs while no acknowledged block is removed from storage, so that a copy of the sinks
   * made first and a copy of the log made after it fit together. Bounded by `logBytesMax`.
   */
  readonly holdTrimming: <A, E, R>(
    use: Effect.Effect<A, E, R>,
  ) => Effect.Effect<A, E | LogBroken, R>
}

export class MessageLog extends Context.Service<MessageLog, MessageLogShape>()(
  "intelgraph/runtime/MessageLog",
) {}
