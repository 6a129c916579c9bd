/** What the actors of a node say to each other. */
import type * as Exit from "effect/Exit"
import type { Address, Partition } from "../protocols/address.ts"
import type { Fenced, LimitExceeded, LogDamaged } from "../protocols/errors.ts"

import type { ActorRef, Delivery, LogBroken, StateBroken, StopReason } from "../runtime/index.ts"
import type { BlockOutcome, PreparedBlock, StoreBroken } from "../stores/index.ts"
import type { AskedIngest } from "./asked-ingest.ts"
import type { Finished, Lane, Numbered } from "./shard-memory.ts"
import type { Job } from "./tenant.ts"

/** To the reader of a shard. */
export type ShardMessage =
  | {
      readonly kind: "pulled"
      /** Life of the reader that asked for it. */
      readonly life: number
      readonly exit: Exit.Exit<readonly Delivery[], Fenced | LogBroken>
    }
  | { readonly kind: "pull" }
  | {
      readonly kind: "handed-back"
      readonly back: readonly Delivery[]
      /** Some came along that found room: more may. */
      readonly pullAgain: boolean
      readonly exit: Exit.Exit<void, Fenced | LogBroken>
    }
  | {
      readonly kind: "attach"
      readonly partition: Partition
      readonly ref: ActorRef<PartitionMessage>
      /** Life of the partition actor: what an earlier one asked for is forgotten. */
      readonly life: number
    }
  /** Credit for more blocks. */
  | {
      readonly kind: "want"
      readonly partition: Partition
      readonly blocks: number
      readonly life: number
    }
  /** Committed downstream, or found applied there. */
  | { readonly kind: "done"; readonly partition: Partition; readonly sequence: number }
  | {
      readonly kind: "acknowledged"
      /** What the answer is to; one to an earlier incarnation's call is none to this one's. */
      readonly of: readonly Finished[]
      readonly exit: Exit.Exit<void, Fenced | LogBroken>
    }
  /** The bytes of a parked block that is started. */
  | {
      readonly kind: "fetched"
      readonly lane: Lane
      readonly sequence: number
      readonly exit: Exit.Exit<Uint8Array | undefined, StateBroken>
    }
  | {
      readonly kind: "parked"
      readonly of: Delivery
      readonly exit: Exit.Exit<void, Fenced | LimitExceeded | StateBroken>
    }
  | {
      readonly kind: "removed"
      readonly of: readonly Numbered[]
      readonly exit: Exit.Exit<void, Fenced | LimitExceeded | StateBroken>
    }
  /** Time to see whether a partition stalls. */
  | { readonly kind: "look" }

/** To a partition. */
export type PartitionMessage =
  | { readonly kind: "deliver"; readonly delivery: Delivery; readonly life: number }
  | {
      readonly kind: "recipe"
      readonly digest: string
      readonly exit: Exit.Exit<Uint8Array | undefined, StateBroken>
    }
  | { readonly kind: "credit"; readonly blocks: number; readonly life: number }
  | {
      readonly kind: "committed"
      readonly sequence: number
      readonly life: number
      readonly outcome: BlockOutcome
    }

/** To a sink. */
export type SinkMessage =
  | {
      readonly kind: "attach"
      readonly partition: number
      readonly ref: ActorRef<PartitionMessage>
      readonly life: number
    }
  | { readonly kind: "commit"; readonly request: CommitRequest }
  | {
      readonly kind: "answered"
      readonly requests: readonly CommitRequest[]
      readonly exit: Exit.Exit<readonly BlockOutcome[], LogDamaged | StoreBroken>
    }
  | { readonly kind: "retry" }

export interface CommitRequest {
  readonly prepared: PreparedBlock
  readonly life: number
  readonly from: ActorRef<PartitionMessage>
}

/** To a connector. */
export type ConnectorMessage =
  /** `of` is the incarnation that began it: the next one knows nothing of it. */
  | { readonly kind: "step"; readonly of: object; readonly step: () => void }
  | { readonly kind: "stop-reading" }

/** To a tenant. */
export type TenantMessage =
  | {
      readonly kind: "ingest"
      readonly job: AskedIngest
    }
  | {
      readonly kind: "ended"
      readonly job: Job
      readonly connector: ActorRef<ConnectorMessage>
      readonly reason: StopReason
    }
  | Lost
  | { readonly kind: "stop-reading" }
  /** This node works on the shard from now on, or no more; `heard` once that is so here. */
  | { readonly kind: "opened" | "closed"; readonly shard: number; readonly heard: () => void }
  /** Time to see who has the sources of writes that wait. */
  | { readonly kind: "look" }

/** A child that its parent cannot do without has ended. */
export interface Lost {
  readonly kind: "lost"
  readonly address: Address
  readonly reason: StopReason
}
