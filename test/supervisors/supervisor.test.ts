import fc from "fast-check"
import { expect, test } from "vitest"
import {
  restartBackoffMillisMax,
  restartBackoffMillisMin,
  restartIntensityDefault,
  restartPeriodMillisDefault,
} from "../../protocols/limits.ts"
import type { Failure, Verdict } from "../../runtime/index.ts"
import { backoffMillis, decide, judgeIntensity } from "../../supervisors/index.ts"

const failure = (given: Partial<Failure> = {}): Failure => ({
  supervision: {},
  restart: "transient",
  ended: "crashed",
  history: [],
  nowMillis: 1000,
  random: 0.5,
  ...given,
})

/** Lets an actor crash at each instant and follows the verdicts. */
function crashAt(instants: readonly number[], supervision: Failure["supervision"]): Verdict[] {
  const verdicts: Verdict[] = []
  let history: readonly number[] = []
  for (const nowMillis of instants) {
    const verdict = decide(failure({ supervision, history, nowMillis }))
    if (verdict.action === "restart") history = verdict.history
    verdicts.push(verdict)
  }
  return verdicts
}

test("temporary never returns, transient after a crash, permanent always", () => {
  const actions = (["temporary", "transient", "permanent"] as const).map((restart) =>
    (["crashed", "stopped"] as const).map((ended) => decide(failure({ restart, ended })).action),
  )
  expect(actions).toEqual([
    ["stop", "stop"],
    ["restart", "stop"],
    ["restart", "restart"],
  ])
})

test("each strategy restarts its own circle", () => {
  const scope = (strategy: "one-for-one" | "one-for-all" | "rest-for-one") =>
    decide(failure({ supervision: { strategy } }))
  expect(scope("one-for-one")).toMatchObject({ scope: "child" })
  expect(scope("one-for-all")).toMatchObject({ scope: "all" })
  expect(scope("rest-for-one")).toMatchObject({ scope: "rest" })
  expect(decide(failure())).toMatchObject({ scope: "child" })
})

test("beyond the intensity one is quarantined and a group escalates, unless said otherwise", () => {
  const beyond = (supervision: Failure["supervision"]) =>
    decide(failure({ supervision: { restartsMax: 0, ...supervision } })).action
  expect(beyond({})).toBe("quarantine")
  expect(beyond({ strategy: "one-for-all" })).toBe("escalate")
  expect(beyond({ strategy: "rest-for-one" })).toBe("escalate")
  expect(beyond({ exceeded: "escalate" })).toBe("escalate")
  expect(beyond({ strategy: "one-for-all", exceeded: "quarantine" })).toBe("quarantine")
})

test("allows exactly the restarts that are allowed within the period", () => {
  const actions = (supervision: Failure["supervision"], instants: number[]) =>
    crashAt(instants, supervision).map((verdict) => verdict.action)
  expect(actions({ restartsMax: 2, periodMillis: 100 }, [0, 50, 99])).toEqual([
    "restart",
    "restart",
    "quarantine",
  ])
  expect(actions({ restartsMax: 2, periodMillis: 100 }, [0, 50, 100])).toEqual([
    "restart",
    "restart",
    "restart",
  ])
  const instants = Array.from({ length: restartIntensityDefault + 1 }, (_, n) => n)
  expect(actions({}, instants).indexOf("quarantine")).toBe(restartIntensityDefault)
})

test("the defaults are those of the limits", () => {
  const quiet = judgeIntensity([0], restartPeriodMillisDefault, {})
  expect(quiet.history).toEqual([restartPeriodMillisDefault])
  expect(backoffMillis(1, 1, {})).toBe(restartBackoffMillisMin)
  expect(backoffMillis(1000, 1, {})).toBe(restartBackoffMillisMax)
})

test("never allows more restarts in any period than the bound, and forgets none too early", () => {
  const gaps = fc.array(fc.nat(300), { maxLength: 60 })
  const bounds = fc.record({
    restartsMax: fc.integer({ min: 0, max: 6 }),
    periodMillis: fc.integer({ min: 1, max: 500 }),
  })
  fc.assert(
    fc.property(gaps, bounds, (waits, { restartsMax, periodMillis }) => {
      let now = 0
      const instants = waits.map((wait) => {
        now += wait
        return now
      })
      const verdicts = crashAt(instants, { restartsMax, periodMillis })
      const restarts = instants.filter((_, at) => verdicts[at]?.action === "restart")
      for (const [at, verdict] of verdicts.entries()) {
        const instant = instants[at] ?? 0
        const within = restarts.filter((one) => one <= instant && instant - one < periodMillis)
        if (verdict.action === "restart") expect(within.length).toBeLessThanOrEqual(restartsMax)
        else expect(within.length).toBeGreaterThanOrEqual(restartsMax)
        if (verdict.action === "restart") {
          expect(verdict.history.length).toBeLessThanOrEqual(restartsMax + 1)
        }
      }
    }),
  )
})

test("waits longer with each attempt, within its bounds, and with jitter", () => {
  const bounds = fc
    .tuple(fc.nat(1000), fc.nat(100_000))
    .map(([min, more]) => ({ backoffMillisMin: min, backoffMillisMax: min + more }))
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), random, bounds, (attempt, draw, given) => {
      const delay = backoffMillis(attempt, draw, given)
      expect(delay).toBeGreaterThanOrEqual(given.backoffMillisMin / 2)
      expect(delay).toBeLessThanOrEqual(given.backoffMillisMax)
      expect(backoffMillis(attempt + 1, draw, given)).toBeGreaterThanOrEqual(delay)
      expect(backoffMillis(attempt, draw / 2, given)).toBeLessThanOrEqual(delay)
    }),
  )
  expect([1, 2, 3, 4].map((n) => backoffMillis(n, 1, { backoffMillisMin: 10 }))).toEqual([
    10, 20, 40, 80,
  ])
  expect(backoffMillis(3, 0, { backoffMillisMin: 10 })).toBe(20)
})
