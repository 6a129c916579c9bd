/**
 * When something is done again: every so often, or at the times of a cron expression. Pure: each
 * function answers from the times that it is given, in milliseconds since 1970.
 *
 * A time that passed while nobody looked is not made up for one by one: `next` is after now.
 */
import * as Cron from "effect/Cron"
import * as Result from "effect/Result"
import { Invalid } from "./errors.ts"

export interface Schedule {
  /** For people, and by which a schedule that changed is found: `every 15m`. */
  readonly text: string
  /** The first time of one that begins now; `undefined` where there is none. */
  readonly first: (nowMillis: number) => number | undefined
  /** The first time after now, of one that was due before; always after that one, too. */
  readonly next: (dueMillis: number, nowMillis: number) => number | undefined
  /** A time further away than this was made by a clock that was put back since. */
  readonly aheadMillisMax: number
}

/** From its beginning on, at the same distance: what is late moves nothing. */
export const everySchedule = (millis: number, text: string): Schedule => ({
  text: `every ${text}`,
  first: (now) => now + millis,
  next: (due, now) => due + millis * Math.max(1, Math.floor((now - due) / millis) + 1),
  aheadMillisMax: millis,
})

/**
 * Five fields, or six with seconds first, in a time zone of the IANA list or an offset. An hour
 * that comes twice counts once; a time that a clock leaps over is due after the leap. Throws
 * `Invalid`, also where no such time ever comes.
 */
export function cronSchedule(expression: string, timeZone: string, nowMillis: number): Schedule {
  const shown = `The cron expression ${JSON.stringify(expression)} in ${timeZone}`
  const refused = (why: string) => new Invalid({ what: "cron", message: `${shown} ${why}.` })
  // Without the tables of time zones, which take tens of milliseconds to load.
  const parsed = Cron.parse(expression, timeZone === "UTC" ? "+00:00" : timeZone)
  if (Result.isFailure(parsed)) throw refused(`cannot be read: ${parsed.failure.message}`)
  const after = (millis: number): number | undefined => {
    try {
      return Cron.next(parsed.success, millis).getTime()
    } catch {
      // The search is bounded: it gives up on a day that never comes.
      return undefined
    }
  }
  if (after(nowMillis) === undefined) throw refused("names a day that never comes")
  return {
    text: `cron ${expression} ${timeZone}`,
    first: after,
    next: (due, now) => after(Math.max(due, now)),
    aheadMillisMax: Number.POSITIVE_INFINITY,
  }
}
