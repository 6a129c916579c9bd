/**
 * Durable timers: names with the time at which each is due, as a part of an actor's durable state.
 * Pure: what happened to a timer is an event that the actor records, and these functions fold the
 * events and say what is due.
 *
 * Promises, where an actor acts on a timer only after its `timer fired` is recorded under the
 * fence, with what it caused: a timer fires once, through every restart and takeover. An
 * owner that was paused and wakes is `Fenced` before it acts; the next one finds the timer fired
 * with what it caused, or not fired, and fires it. A timer that fell due while nobody owned its
 * shard fires once, late. One that comes again is set anew in the group of its firing, to a time
 * after now, so what was missed meanwhile fires once and not for each time.
 *
 * Times are those of the host's wall clock, for they outlive the process. What may fail beneath:
 * that clock. One that is put forward fires early, one that is put back late, each noticed within
 * `durableTimerLookMillisMax`; neither fires a timer twice.
 */
import { LimitExceeded } from "../../protocols/errors.ts"
import { durableTimerLookMillisMax, durableTimersMax } from "../../protocols/limits.ts"
import type { Host } from "./host.ts"

export type DurableTimer = {
  readonly name: string
  /** Milliseconds since 1970. */
  readonly dueMillis: number
}

/** Earliest first, and by name: one for each name. */
export type DurableTimers = readonly DurableTimer[]

export type TimerEvent =
  /** Also in place of one of that name. */
  | ({ readonly kind: "timer set" } & DurableTimer)
  | { readonly kind: "timer cancelled"; readonly name: string }
  /** Of this time: one that was set anew since is not meant. */
  | ({ readonly kind: "timer fired" } & DurableTimer)

export const noTimers: DurableTimers = []

export function afterTimerEvent(timers: DurableTimers, event: TimerEvent): DurableTimers {
  switch (event.kind) {
    case "timer set": {
      const { name, dueMillis } = event
      const others = timers.filter((timer) => timer.name !== name)
      const at = others.findIndex((timer) => isBefore({ name, dueMillis }, timer))
      return others.toSpliced(at < 0 ? others.length : at, 0, { name, dueMillis })
    }
    case "timer cancelled":
      return timers.filter(({ name }) => name !== event.name)
    case "timer fired":
      return timers.filter(
        ({ name, dueMillis }) => name !== event.name || dueMillis !== event.dueMillis,
      )
  }
}

/** What keeps one more timer from being set. */
export function timerLimit(timers: DurableTimers, name: string): LimitExceeded | undefined {
  const isKnown = timers.some((timer) => timer.name === name)
  if (isKnown || timers.length < durableTimersMax) return undefined
  return new LimitExceeded({
    limit: "durableTimersMax",
    bound: durableTimersMax,
    value: timers.length + 1,
    message: `An actor has ${timers.length} durable timers, and keeps no more.`,
  })
}

export const dueTimers = (timers: DurableTimers, nowMillis: number): DurableTimers =>
  timers.filter(({ dueMillis }) => dueMillis <= nowMillis)

/** How long there is nothing to look for; `undefined` where no timer is set. */
export function timersWaitMillis(timers: DurableTimers, nowMillis: number): number | undefined {
  const [first] = timers
  if (first === undefined) return undefined
  return Math.min(Math.max(0, first.dueMillis - nowMillis), durableTimerLookMillisMax)
}

/** Now, for a timer. */
export const wallMillis = (host: Pick<Host, "wallMicros">): number =>
  Math.floor(host.wallMicros() / 1_000)

const isBefore = (one: DurableTimer, other: DurableTimer): boolean =>
  one.dueMillis === other.dueMillis ? one.name < other.name : one.dueMillis < other.dueMillis
