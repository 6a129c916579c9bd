import { onTestFinished } from "vitest"

const tickMillis = 20
const gapMillisMax = 100

/**
 * Milliseconds from here on in which this process really ran: a machine that stands still for
 * seconds, as busy ones do, is counted as standing still for a tenth of a second. Until the test
 * ends.
 */
export function startStopwatch(): () => number {
  let ranMillis = 0
  let last = performance.now()
  const count = () => {
    const now = performance.now()
    ranMillis += Math.min(now - last, gapMillisMax)
    last = now
  }
  const timer = setInterval(count, tickMillis)
  onTestFinished(() => clearInterval(timer))
  return () => {
    count()
    return ranMillis
  }
}
