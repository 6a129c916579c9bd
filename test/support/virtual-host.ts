/**
 * A host on virtual time for tests: nothing runs until the test says so, and the same seed gives
 * the same run. `settle()` runs what is due now; `advance(millis)` lets time pass, timer by timer.
 */
import type { Host } from "../../runtime/index.ts"

export interface VirtualHost extends Host {
  /** Runs all that is due now, wakes before yields; how many tasks it ran. */
  readonly settle: () => number
  /** Runs one due task: false where none is due. */
  readonly step: () => boolean
  /** Lets time pass and runs what comes due, in order. */
  readonly advance: (millis: number) => void
  /** Moves the clock alone, as when the process was paused. */
  readonly skip: (millis: number) => void
  /** Timers that have not fired and were not taken back. */
  readonly timers: () => number
}

interface Timer {
  readonly due: number
  readonly order: number
  readonly task: () => void
}

/** A task that runs this many others without time passing is taken for an endless loop. */
const tasksMax = 10_000_000

export function makeVirtualHost(seed = 1): VirtualHost {
  let now = 0
  let order = 0
  let state = seed >>> 0
  const wakes: (() => void)[] = []
  const yields: (() => void)[] = []
  const timers = new Set<Timer>()

  const step = (): boolean => {
    const task = wakes.shift() ?? yields.shift()
    task?.()
    return task !== undefined
  }
  const settle = (): number => {
    let ran = 0
    while (step()) {
      ran += 1
      if (ran > tasksMax) throw new Error("The virtual host does not come to rest.")
    }
    return ran
  }
  const nextTimer = (until: number): Timer | undefined => {
    let next: Timer | undefined
    for (const timer of timers) {
      if (timer.due > until) continue
      const earlier = next === undefined || timer.due < next.due
      if (earlier || (timer.due === next?.due && timer.order < next.order)) next = timer
    }
    return next
  }
  return {
    wake: (task) => void wakes.push(task),
    yield: (task) => void yields.push(task),
    nowMillis: () => now,
    wallMicros: () => 1_700_000_000_000_000 + Math.round(now * 1000),
    after: (millis, task) => {
      order += 1
      const timer = { due: now + Math.max(0, millis), order, task }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    // mulberry32 (T. Ettinger, public domain): small, seeded, good enough to order events.
    random: () => {
      state = (state + 0x6d2b79f5) >>> 0
      let t = Math.imul(state ^ (state >>> 15), state | 1)
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
    },
    settle,
    step,
    advance: (millis) => {
      const until = now + millis
      settle()
      for (let timer = nextTimer(until); timer !== undefined; timer = nextTimer(until)) {
        timers.delete(timer)
        now = Math.max(now, timer.due)
        timer.task()
        settle()
      }
      now = until
    },
    skip: (millis) => {
      now += millis
    },
    timers: () => timers.size,
  }
}
