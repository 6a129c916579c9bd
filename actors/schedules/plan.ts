/**
 * The plan by which a source is read again: what is kept of it, and what is to be recorded now.
 *
 * Promises: after each due time one reading begins, at it or late, and one reading serves all due
 * times before it: those that passed while nobody owned the source, and those that come while a
 * reading goes on. That a reading is owed is recorded with the firing of its timer, so whoever owns
 * the source next begins it where the owner before did not end it, and nobody begins it twice for
 * one firing that was answered.
 */
import type { Schedule } from "../../protocols/schedule.ts"
import {
  afterTimerEvent,
  type DurableKind,
  type DurableTimers,
  dueTimers,
  noTimers,
  type TimerEvent,
} from "../../runtime/index.ts"
import type { IngestReport } from "../api.ts"

/** A reading that is over. Times are milliseconds since 1970. */
export type PastReading = {
  readonly dueMillis: number
  readonly endedMillis: number
  readonly phase: IngestReport["phase"]
}

export type Plan = {
  /** The schedule that the timer was set by, as text. */
  readonly schedule: string
  readonly timers: DurableTimers
  /** When the reading was due that has begun, or is to begin, and has not ended. */
  readonly owedMillis: number | null
  readonly last: PastReading | null
}

export type PlanEvent =
  | TimerEvent
  | { readonly kind: "scheduled"; readonly schedule: string }
  | ({ readonly kind: "read" } & PastReading)

export const noPlan: Plan = {
  schedule: "",
  timers: noTimers,
  owedMillis: null,
  last: null,
}

const timerName = "read"

export function afterPlanEvent(plan: Plan, event: PlanEvent): Plan {
  switch (event.kind) {
    case "scheduled":
      return { ...plan, schedule: event.schedule }
    case "read": {
      const { dueMillis, endedMillis, phase } = event
      return { ...plan, owedMillis: null, last: { dueMillis, endedMillis, phase } }
    }
    case "timer fired":
      return {
        ...plan,
        timers: afterTimerEvent(plan.timers, event),
        owedMillis: event.dueMillis,
      }
    default:
      return { ...plan, timers: afterTimerEvent(plan.timers, event) }
  }
}

/** How it is stored: it is small, so each change is one record, the plan itself. */
export const planKind: DurableKind<Plan, PlanEvent> = {
  kind: "schedule",
  version: 1,
  initial: noPlan,
  apply: afterPlanEvent,
  eventsPerSnapshotMax: 1,
}

export const nextMillis = (plan: Plan): number | undefined => plan.timers[0]?.dueMillis

/** What is to be recorded now, in one group; nothing where all is as it should be. */
export function planNow(plan: Plan, schedule: Schedule, nowMillis: number): readonly PlanEvent[] {
  if (plan.schedule !== schedule.text) {
    const scheduled: PlanEvent = { kind: "scheduled", schedule: schedule.text }
    return [scheduled, ...timerAt(schedule.first(nowMillis))]
  }
  const next = nextMillis(plan)
  if (next !== undefined && next - nowMillis > schedule.aheadMillisMax) {
    return timerAt(schedule.first(nowMillis))
  }
  const [due] = dueTimers(plan.timers, nowMillis)
  if (due === undefined || plan.owedMillis !== null) return []
  const after = schedule.next(due.dueMillis, nowMillis)
  return [{ kind: "timer fired", ...due }, ...timerAt(after)]
}

const timerAt = (dueMillis: number | undefined): readonly PlanEvent[] =>
  dueMillis === undefined
    ? [{ kind: "timer cancelled", name: timerName }]
    : [{ kind: "timer set", name: timerName, dueMillis }]
