import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { durableTimerLookMillisMax, durableTimersMax } from "../../protocols/limits.ts"
import {
  afterTimerEvent,
  type DurableTimers,
  dueTimers,
  noTimers,
  type TimerEvent,
  timerLimit,
  timersWaitMillis,
} from "../../runtime/index.ts"

const set = (name: string, dueMillis: number): TimerEvent => ({
  kind: "timer set",
  name,
  dueMillis,
})
const fired = (name: string, dueMillis: number): TimerEvent => ({
  kind: "timer fired",
  name,
  dueMillis,
})
const folded = (...events: readonly TimerEvent[]): DurableTimers =>
  events.reduce(afterTimerEvent, noTimers)

describe("durable timers", () => {
  it("are due from their time on, the earliest first", () => {
    const timers = folded(set("b", 20), set("c", 30), set("a", 10))
    expect(dueTimers(timers, 9)).toEqual([])
    expect(dueTimers(timers, 20).map(({ name }) => name)).toEqual(["a", "b"])
  })

  it("are one for each name: a later one takes its place", () => {
    expect(folded(set("a", 10), set("a", 20))).toEqual([{ name: "a", dueMillis: 20 }])
  })

  it("are gone when they fired or were cancelled", () => {
    expect(folded(set("a", 10), fired("a", 10))).toEqual([])
    expect(folded(set("a", 10), { kind: "timer cancelled", name: "a" })).toEqual([])
  })

  it("stay where the firing is that of an earlier time", () => {
    expect(folded(set("a", 10), set("a", 20), fired("a", 10))).toHaveLength(1)
  })

  it("are waited for until the first is due, and never long without a look at the clock", () => {
    expect(timersWaitMillis(noTimers, 0)).toBeUndefined()
    expect(timersWaitMillis(folded(set("a", 50), set("b", 20)), 5)).toBe(15)
    expect(timersWaitMillis(folded(set("a", 50)), 70)).toBe(0)
    expect(timersWaitMillis(folded(set("a", 10 ** 12)), 0)).toBe(durableTimerLookMillisMax)
  })

  it("are bounded: one more is refused, one that is there may be set anew", () => {
    const names = Array.from({ length: durableTimersMax }, (_, n) => set(String(n), n))
    const timers = folded(...names)
    expect(timerLimit(timers, "more")).toMatchObject({ _tag: "LimitExceeded", bound: names.length })
    expect(timerLimit(timers, "7")).toBeUndefined()
    expect(timerLimit(timers.slice(1), "more")).toBeUndefined()
  })

  it("are the last time of each name that is neither fired nor cancelled, in order", () => {
    const name = fc.constantFrom("a", "b", "c", "__proto__")
    const due = fc.integer({ min: 0, max: 5 })
    const event: fc.Arbitrary<TimerEvent> = fc.oneof(
      fc.record({ kind: fc.constant("timer set" as const), name, dueMillis: due }),
      fc.record({ kind: fc.constant("timer fired" as const), name, dueMillis: due }),
      fc.record({ kind: fc.constant("timer cancelled" as const), name }),
    )
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const model = new Map<string, number>()
        for (const one of events) {
          if (one.kind === "timer set") model.set(one.name, one.dueMillis)
          else if (one.kind === "timer cancelled") model.delete(one.name)
          else if (model.get(one.name) === one.dueMillis) model.delete(one.name)
        }
        const expected = [...model].map(([key, dueMillis]) => ({ name: key, dueMillis }))
        expected.sort((x, y) => x.dueMillis - y.dueMillis || (x.name < y.name ? -1 : 1))
        expect(folded(...events)).toEqual(expected)
      }),
    )
  })
})
