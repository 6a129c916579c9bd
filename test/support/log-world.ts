/** What a conformance suite needs of an adapter of the log and the actor state. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type {
  ActorStateShape,
  LogBounds,
  LogInspectionShape,
  MessageLogShape,
  Offer,
} from "../../runtime/index.ts"

export interface LogWorld {
  readonly log: () => MessageLogShape
  readonly state: () => ActorStateShape
  /** Ends without notice what `log` and `state` gave, and opens what is on stable storage. */
  readonly crash: Effect.Effect<void, unknown>
  readonly close: Effect.Effect<void>
  /** A look at the same log from outside. */
  readonly inspection: Effect.Effect<LogInspectionShape, unknown, Scope.Scope>
  /** Puts a block where the log keeps its own, past all of its checks. */
  readonly forge: (offer: Offer) => Effect.Effect<void, unknown>
}

export type MakeLogWorld = (bounds?: Partial<LogBounds>) => Effect.Effect<LogWorld, unknown>
