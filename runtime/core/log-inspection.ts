/**
 * The port `LogInspection`: what a log holds, for people who look.
 *
 * Promises: nothing is held, acknowledged or changed by looking, and no reader is slowed down; a
 * block is shown with the bytes that lie there, whatever they are. What may fail beneath: as with
 * the log itself. Does not promise that every block is seen: one that was handled between two looks
 * has left the log.
 */
import type * as Effect from "effect/Effect"
import type { Partition } from "../../protocols/address.ts"
import type { Incarnation } from "../../protocols/block.ts"
import type { LogBroken, Tail } from "./log.ts"

export interface StoredBlock extends Partition {
  readonly sequence: number
  readonly block: Uint8Array
  /** SHA-256 that the log noted when it stored the block, where it keeps one. */
  readonly hash: Uint8Array | undefined
}

/** A sender's blocks to one partition. */
export interface ChainName extends Partition {
  readonly sender: string
  readonly incarnation: Incarnation
}

/** What the log knows of a chain beside the blocks that it holds. */
export interface KnownChain {
  /** Sender sequence up to which all blocks are known to have come; 0 before any. */
  readonly newest: number
  readonly links: readonly { readonly senderSequence: number; readonly hash: Uint8Array }[]
}

/** Behind which blocks reading goes on; of the adapter that gave it. */
export type LogPlace = ReadonlyMap<string, number>

/** Before every block. */
export const logBeginning: LogPlace = new Map()

export interface BlockQuery {
  readonly tenant?: string
  readonly partition?: number
}

export interface BlockPage {
  /** Of each partition in sequence order; empty where there is none now. */
  readonly blocks: readonly StoredBlock[]
  readonly place: LogPlace
}

export interface LogInspectionShape {
  readonly id: string
  readonly tails: Effect.Effect<readonly Tail[], LogBroken>
  /** The next blocks behind `after`, at most `inspectedBlocksMax`. */
  readonly blocks: (query: BlockQuery, after: LogPlace) => Effect.Effect<BlockPage, LogBroken>
  /** `undefined` where what is known of it made room for others. */
  readonly chain: (of: ChainName) => Effect.Effect<KnownChain | undefined, LogBroken>
}
