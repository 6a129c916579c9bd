/** What sampled turns took, as metrics, and passed on to whoever makes spans of them. */
import { turnSpanEvery } from "../../protocols/limits.ts"
import type { TurnObserver, TurnSample } from "../core/observer.ts"
import type { MetricRegistry } from "./registry.ts"

/** Seconds; a turn on the hot path takes microseconds, one that waits for a store milliseconds. */
const durationBounds = [0.00001, 0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 1, 5]

export interface TurnTelemetry {
  /** One turn in this many is looked at; 1 looks at all. */
  readonly everyTurns?: number
  readonly onSample?: (sample: TurnSample) => void
}

/** An observer for the runtime. Histograms hold samples: multiply by `everyTurns` for totals. */
export function observeTurns(registry: MetricRegistry, options: TurnTelemetry = {}): TurnObserver {
  const everyTurns = options.everyTurns ?? turnSpanEvery
  const durations = registry.histogram(
    "intelgraph_turn_duration_seconds",
    `Duration of turns, one in ${everyTurns} looked at.`,
    durationBounds,
    ["kind", "outcome"],
  )
  return {
    everyTurns,
    turn: (sample) => {
      durations.with(sample.address.kind, sample.outcome).observe(sample.durationMillis / 1000)
      options.onSample?.(sample)
    },
  }
}
