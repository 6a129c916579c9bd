/** What the keeper of a node's shards is told, what it says, and what it shows. */
import type { ClaimAnswer, ClaimRequest } from "./placement-claim.ts"
import type { LeaseEntry, News, NodeEntry, Standing } from "./placement-register.ts"

/**
 * What is wanted of this node: to take its share; to keep what it has and take nothing; to hand
 * everything over and go; to go at once, whoever takes it.
 */
export type Order = "serve" | "cordon" | "drain" | "leave"

export type KeeperInput =
  /** Nothing happened but that time passed. */
  | { readonly kind: "time" }
  | { readonly kind: "news"; readonly news: News }
  | { readonly kind: "answer"; readonly request: number; readonly answer: ClaimAnswer }
  | { readonly kind: "opened"; readonly shard: number; readonly epoch: number }
  /** `lasting`: another attempt, here or elsewhere, would fail as well. */
  | { readonly kind: "not-opened"; readonly shard: number; readonly lasting: boolean }
  | { readonly kind: "closed"; readonly shard: number }
  /** A write of this epoch was refused. */
  | { readonly kind: "fenced"; readonly shard: number; readonly epoch: number }
  /** Whoever worked on the shard under this epoch found what no owner can go on from. */
  | { readonly kind: "damaged"; readonly shard: number; readonly epoch: number }
  | { readonly kind: "order"; readonly order: Order }

export type KeeperCommand =
  | ClaimRequest
  /** Take the shard over and start its actors; answered by `opened` or `not-opened`. */
  | { readonly kind: "open"; readonly shard: number }
  /**
   * Stop the actors of this shard, or the takeover that is under way; answered by `closed` alone.
   * `given`: what is under way may finish. `lost`: at once, its writes are refused anyway.
   */
  | { readonly kind: "close"; readonly shard: number; readonly why: "given" | "lost" }
  /** Another process of this name stays: this node cannot take part. */
  | { readonly kind: "name-taken" }
  /** The drain has ended: this node holds nothing and is not among the nodes any more. */
  | { readonly kind: "left" }

/**
 * Of a shard that this node holds or is about to: its lease is asked for; it waits to be opened; it
 * is taken over; its actors work; it cannot be opened anywhere; its actors stop; its lease is given
 * back.
 */
export type Phase = "leasing" | "waiting" | "opening" | "open" | "broken" | "closing" | "releasing"

/** A shard as it is seen from one node. */
export interface ShardView {
  readonly shard: number
  readonly holder: LeaseEntry | undefined
  /** Whose share it is. */
  readonly share: string | undefined
  /** Where this node holds it. */
  readonly phase: Phase | undefined
}

export interface KeeperView {
  readonly standing: Standing
  readonly nodes: readonly NodeEntry[]
  readonly shards: readonly ShardView[]
}
