/** Exponential backoff with jitter. */
import { restartBackoffMillisMax, restartBackoffMillisMin } from "../protocols/limits.ts"

export interface BackoffBounds {
  readonly backoffMillisMin?: number
  readonly backoffMillisMax?: number
}

/**
 * Milliseconds before restart number `attempt` (1 for the first of the period): `min` doubled with
 * each attempt up to `max`, of which the upper half is drawn, so that actors that fell together do
 * not rise together. Never below half of `min` nor above `max`.
 */
export function backoffMillis(attempt: number, random: number, bounds: BackoffBounds): number {
  const min = bounds.backoffMillisMin ?? restartBackoffMillisMin
  const max = Math.max(min, bounds.backoffMillisMax ?? restartBackoffMillisMax)
  // 2 ** 1024 is Infinity, which `Math.min` bounds; a bound of 0 must stay 0.
  const whole = min === 0 ? 0 : Math.min(max, min * 2 ** (attempt - 1))
  return whole / 2 + (whole / 2) * random
}
