/** What the runtime tells those who watch it: telemetry, logs, and later the meter. */
import type { Address } from "../../protocols/address.ts"

/** One turn that was looked at. */
export interface TurnSample {
  readonly address: Address
  /** 1, or the size of the batch. */
  readonly messages: number
  readonly startMicros: number
  readonly durationMillis: number
  readonly outcome: "handled" | "failed"
}

/**
 * Sees one turn in `everyTurns` (1: all). Called at the end of the turn, also where it waited for
 * an effect. Must not throw. Turns that are not looked at cost a count-down and nothing else.
 */
export interface TurnObserver {
  readonly everyTurns: number
  readonly turn: (sample: TurnSample) => void
}

/** What happened to an actor, for the log. */
export type ActorEvent =
  | {
      readonly event: "crashed"
      readonly address: Address
      readonly error: unknown
    }
  | {
      readonly event: "restarting"
      readonly address: Address
      readonly delayMillis: number
      readonly restarts: number
    }
  | { readonly event: "quarantined" | "released" | "escalated"; readonly address: Address }
  /** Turns that had not ended `shutdownMillisMax` after they were asked to. */
  | { readonly event: "cut-off"; readonly address: Address; readonly turns: number }
  /** `stopped` or `snapshot` of a behavior threw. */
  | { readonly event: "misbehaved"; readonly address: Address; readonly error: unknown }
