/** What a conformance suite needs of an adapter of the log and the actor state. */
import type * as Effect from "effect/Effect"
import type { ActorStateShape, LogBounds, MessageLogShape } from "../../runtime/index.ts"

export interface LogWorld {
  readonly log: () => MessageLogShape
  readonly state: () => ActorStateShape
  /** Ends without notice what `log` and `state` gave, and opens what is on stable storage. */
  readonly crash: Effect.Effect<void, unknown>
  readonly close: Effect.Effect<void>
}

export type MakeLogWorld = (bounds?: Partial<LogBounds>) => Effect.Effect<LogWorld, unknown>
