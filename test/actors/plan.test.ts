/** The plan by which a source is read again, as its events make it, without actors. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  afterPlanEvent,
  nextMillis,
  noPlan,
  type Plan,
  type PlanEvent,
  planKind,
  planNow,
} from "../../actors/schedules/plan.ts"
import { canonicalJson } from "../../protocols/canonical.ts"
import { cronSchedule, everySchedule } from "../../protocols/schedule.ts"

const minute = everySchedule(60_000, "1m")
const folded = (plan: Plan, events: readonly PlanEvent[]) => events.reduce(afterPlanEvent, plan)
const planned = folded(noPlan, planNow(noPlan, minute, 0))
const read = (dueMillis: number, endedMillis: number): PlanEvent => ({
  kind: "read",
  dueMillis,
  endedMillis,
  phase: "done",
})

describe("the plan of a source", () => {
  it("begins with the first time of its schedule, and asks for nothing more until then", () => {
    expect(nextMillis(planned)).toBe(60_000)
    expect(planNow(planned, minute, 59_999)).toEqual([])
  })

  it("fires when due, and in the same group owes a reading and sets the next time", () => {
    const fired = folded(planned, planNow(planned, minute, 60_000))
    expect([fired.owedMillis, nextMillis(fired)]).toEqual([60_000, 120_000])
  })

  it("fires once, late, for all the times that nobody looked", () => {
    const late = folded(planned, planNow(planned, minute, 601_000))
    expect([late.owedMillis, nextMillis(late)]).toEqual([60_000, 660_000])
    expect(planNow(folded(late, [read(60_000, 602_000)]), minute, 602_000)).toEqual([])
  })

  it("begins no second reading while one goes on, and one for all that came meanwhile", () => {
    const fired = folded(planned, planNow(planned, minute, 60_000))
    expect(planNow(fired, minute, 200_000)).toEqual([])
    const over = folded(fired, [read(60_000, 200_000)])
    const again = folded(over, planNow(over, minute, 200_000))
    expect([again.owedMillis, nextMillis(again)]).toEqual([120_000, 240_000])
  })

  it("is made anew where the schedule is another, and keeps the reading that it owes", () => {
    const fired = folded(planned, planNow(planned, minute, 60_000))
    const hour = everySchedule(3_600_000, "1h")
    const other = folded(fired, planNow(fired, hour, 61_000))
    expect([other.owedMillis, nextMillis(other)]).toEqual([60_000, 3_661_000])
  })

  it("is set anew where the clock was put back by more than the schedule's distance", () => {
    const back = folded(planned, planNow(planned, minute, -600_000))
    expect(nextMillis(back)).toBe(-540_000)
    const night = cronSchedule("0 3 * * *", "UTC", 0)
    const nightly = folded(noPlan, planNow(noPlan, night, 0))
    expect(planNow(nightly, night, -1_000_000_000)).toEqual([])
  })
})

describe("what is stored of a plan", () => {
  it("is read by every later program: another layout is another version of its kind", () => {
    const fired = folded(planned, planNow(planned, minute, 60_000))
    const again = folded(fired, [read(60_000, 61_000)])
    expect(planKind.version).toBe(1)
    expect(canonicalJson(again)).toBe(
      '{"last":{"dueMillis":60000,"endedMillis":61000,"phase":"done"},"owedMillis":null,' +
        '"schedule":"every 1m","timers":[{"dueMillis":120000,"name":"read"}]}',
    )
  })
})

/** Owners of one plan, who come one after the other and may all still be there. */
class Owners {
  readonly fired: number[] = []
  readonly begun: { readonly due: number; readonly at: number }[] = []
  now = 0
  #kept: Plan = noPlan
  readonly #owners: { plan: Plan; reading: boolean }[] = []

  takeOver(): void {
    this.#owners.push({ plan: this.#kept, reading: false })
  }

  /** Any of them, also one that was replaced: it looks, and acts on what it could record. */
  look(which: number): void {
    const owner = this.#owners[which % this.#owners.length]
    if (owner === undefined) return
    const events = planNow(owner.plan, minute, this.now)
    if (events.length > 0 && !this.#record(owner, events)) return
    const due = owner.plan.owedMillis
    if (due === null || owner.reading || !this.#isLast(owner)) return
    owner.reading = true
    this.begun.push({ due, at: this.now })
  }

  end(which: number): void {
    const owner = this.#owners[which % this.#owners.length]
    const due = owner?.plan.owedMillis
    if (owner === undefined || !owner.reading || due === undefined || due === null) return
    owner.reading = false
    this.#record(owner, [read(due, this.now)])
  }

  /** The last owner does all that there is to do. */
  rest(): void {
    const last = this.#owners.length - 1
    for (let turn = 0; turn < 4; turn++) {
      this.look(last)
      this.end(last)
    }
  }

  get kept(): Plan {
    return this.#kept
  }

  #isLast(owner: unknown): boolean {
    return owner === this.#owners.at(-1)
  }

  /** The fence: only the last owner's group is taken. */
  #record(owner: { plan: Plan }, events: readonly PlanEvent[]): boolean {
    if (!this.#isLast(owner)) return false
    for (const event of events) if (event.kind === "timer fired") this.fired.push(event.dueMillis)
    owner.plan = folded(owner.plan, events)
    this.#kept = owner.plan
    return true
  }
}

describe("owners of one plan, whoever looks when", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("pass" as const), millis: fc.integer({ min: 0, max: 200_000 }) }),
    fc.record({ kind: fc.constant("take over" as const) }),
    fc.record({ kind: fc.constantFrom("look" as const, "end" as const), which: fc.nat(9) }),
  )

  it("fire each time once, and leave no due time without a reading that began after it", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const owners = new Owners()
        owners.takeOver()
        owners.look(0)
        for (const one of steps) {
          if (one.kind === "pass") owners.now += one.millis
          else if (one.kind === "take over") owners.takeOver()
          else if (one.kind === "look") owners.look(one.which)
          else owners.end(one.which)
        }
        owners.rest()
        const { fired, begun, now, kept } = owners
        expect(new Set(fired).size).toBe(fired.length)
        expect(fired).toEqual(fired.toSorted((a, b) => a - b))
        expect(new Set(begun.map(({ due }) => due))).toEqual(new Set(fired))
        expect(kept.owedMillis).toBeNull()
        expect(nextMillis(kept)).toBeGreaterThan(now)
        const lastDue = Math.floor(now / 60_000) * 60_000
        if (lastDue > 0) expect(begun.some(({ at }) => at >= lastDue)).toBe(true)
      }),
    )
  })
})
