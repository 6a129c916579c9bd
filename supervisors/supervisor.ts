/**
 * What becomes of an actor whose incarnation ended: a pure function of what its parent's type says,
 * how it ended, and which restarts there were.
 *
 * - `temporary` is never restarted, `transient` after a crash only, `permanent` always.
 * - Within the intensity it is restarted after a backoff: alone, with those spawned after it, or
 *   with all its siblings, as the strategy says. The backoff grows with the restarts of the period
 *   and so falls back to its least when the period has passed quietly.
 * - Beyond it, a single actor is quarantined and a group escalates to its parent, unless said
 *   otherwise.
 */
import type { Failure, Supervisor, Verdict } from "../runtime/index.ts"
import { backoffMillis } from "./backoff.ts"
import { judgeIntensity } from "./intensity.ts"

export const supervisor: Supervisor = { decide }

export function decide(failure: Failure): Verdict {
  const { supervision, restart, ended, history, nowMillis, random } = failure
  const returns = restart === "permanent" || (restart === "transient" && ended === "crashed")
  if (!returns) return { action: "stop" }
  const intensity = judgeIntensity(history, nowMillis, supervision)
  const strategy = supervision.strategy ?? "one-for-one"
  if (intensity.exceeded) {
    const single = strategy === "one-for-one"
    return { action: supervision.exceeded ?? (single ? "quarantine" : "escalate") }
  }
  return {
    action: "restart",
    scope: scopes[strategy],
    delayMillis: backoffMillis(intensity.history.length, random, supervision),
    history: intensity.history,
  }
}

const scopes = { "one-for-one": "child", "rest-for-one": "rest", "one-for-all": "all" } as const
