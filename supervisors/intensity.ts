/** Restart intensity: how many restarts within a sliding period are still fine. */
import { restartIntensityDefault, restartPeriodMillisDefault } from "../protocols/limits.ts"

export interface IntensityBounds {
  readonly restartsMax?: number
  readonly periodMillis?: number
}

export interface Intensity {
  /** Instants of the restarts within the period, this one included, oldest first. */
  readonly history: readonly number[]
  /** This restart is one more than allowed. */
  readonly exceeded: boolean
}

/** Judges one more restart now. The history never grows beyond the bound and one. */
export function judgeIntensity(
  history: readonly number[],
  nowMillis: number,
  bounds: IntensityBounds,
): Intensity {
  const restartsMax = bounds.restartsMax ?? restartIntensityDefault
  const periodMillis = bounds.periodMillis ?? restartPeriodMillisDefault
  const recent = history.filter((instant) => nowMillis - instant < periodMillis)
  recent.push(nowMillis)
  return { history: recent.slice(-(restartsMax + 1)), exceeded: recent.length > restartsMax }
}
