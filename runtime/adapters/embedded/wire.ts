/** What passes between the log's main thread and the one thread that writes `log.db`. */

import type { Ownership } from "../../core/log.ts"
import type { StoredLog } from "../../core/log-index.ts"

export interface WriterOptions {
  readonly path: string
  /** Pages that the file may have; the disk is full beyond. */
  readonly pagesMax: number
}

export interface StoredState {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** In the order in which they were decided; the ones that write share a transaction. */
export type Operation =
  | {
      readonly kind: "append"
      readonly lane: { readonly id: number; readonly tenant: string; readonly partition: number }
      readonly chain: {
        readonly id: number
        readonly sender: string
        readonly epoch: number
        readonly start: number
        readonly receipts: readonly number[]
      }
      readonly sequence: number
      readonly senderSequence: number
      readonly previousHash: Uint8Array
      readonly block: Uint8Array
      readonly forgotten: readonly number[]
    }
  | {
      readonly kind: "repeat"
      readonly chain: number
      readonly lane: number
      readonly sequence: number
      readonly senderSequence: number
      readonly block: Uint8Array
    }
  | { readonly kind: "remove"; readonly lane: number; readonly sequences: readonly number[] }
  | { readonly kind: "reader"; readonly owner: Ownership }
  | { readonly kind: "claim"; readonly owners: readonly Ownership[] }
  | { readonly kind: "write"; readonly shard: number; readonly entries: readonly StoredState[] }
  | { readonly kind: "load"; readonly lane: number; readonly sequence: number }
  | { readonly kind: "get"; readonly shard: number; readonly key: Uint8Array }
  | {
      readonly kind: "list"
      readonly shard: number
      /** Keys from `from` on and below `end`. */
      readonly from: Uint8Array
      readonly end: Uint8Array
      readonly limit: number
    }

export type Result =
  | { readonly kind: "done" }
  /** The block breaks its chain or is not what its id stood for; nothing was stored. */
  | { readonly kind: "damaged"; readonly message: string }
  | { readonly kind: "block"; readonly block: Uint8Array }
  | { readonly kind: "entries"; readonly entries: readonly StoredState[] }

/** An error of SQLite or of the log's own checks, as it passes between threads. */
export interface WireError {
  readonly code: number
  readonly message: string
  /** Set where bytes are not what was stored. */
  readonly damaged?: { readonly partition: string; readonly sequence: number }
}

export type ToWriter =
  | { readonly kind: "batch"; readonly operations: readonly Operation[] }
  | { readonly kind: "close" }

export type FromWriter =
  | { readonly kind: "opened"; readonly log: OpenedLog }
  | { readonly kind: "batch"; readonly results: readonly Result[] }
  | { readonly kind: "failed"; readonly error: WireError }
  | { readonly kind: "closed" }

export interface OpenedLog {
  readonly id: string
  readonly stored: StoredLog
  readonly epochs: readonly Ownership[]
}
