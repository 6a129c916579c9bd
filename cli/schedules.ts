/** When the configuration says that a source is read again. */
import type { SourceConfiguration } from "../protocols/configuration.ts"
import { Invalid } from "../protocols/errors.ts"
import { scheduleMillisMax, scheduleMillisMin } from "../protocols/limits.ts"
import { cronSchedule, everySchedule, type Schedule } from "../protocols/schedule.ts"
import { millisOf } from "./duration.ts"

type Times = Pick<SourceConfiguration, "every" | "cron" | "timeZone">

/** `undefined` where the source has none. Throws `Invalid`. */
export function scheduleOf(times: Times, nowMillis: number): Schedule | undefined {
  const { every, cron, timeZone } = times
  if (cron !== undefined) return cronSchedule(cron, timeZone ?? "UTC", nowMillis)
  if (every === undefined) return undefined
  const millis = millisOf(every, "every")
  if (millis >= scheduleMillisMin && millis <= scheduleMillisMax)
    return everySchedule(millis, every)
  const [min, max] = [scheduleMillisMin / 1_000, scheduleMillisMax / 86_400_000]
  throw new Invalid({ what: "every", message: `every is ${every}; it is ${min}s to ${max}d.` })
}

/** Which key of a source's times is wrong, and why. */
export function scheduleProblem(
  times: Times,
  nowMillis: number,
): readonly [key: keyof Times, message: string] | undefined {
  if (times.every !== undefined && times.cron !== undefined) {
    return ["cron", "A source has every or cron, not both."]
  }
  if (times.timeZone !== undefined && times.cron === undefined) {
    return ["timeZone", "A time zone belongs to cron."]
  }
  try {
    scheduleOf(times, nowMillis)
    return undefined
  } catch (thrown) {
    if (!(thrown instanceof Invalid)) throw thrown
    return [times.cron === undefined ? "every" : "cron", thrown.message]
  }
}
