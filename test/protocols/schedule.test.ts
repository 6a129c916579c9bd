import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cronSchedule, everySchedule } from "../../protocols/schedule.ts"

const at = (text: string) => new Date(text).getTime()
const now = at("2026-11-21T12:00:00Z")

describe("a schedule that comes every so often", () => {
  const minute = everySchedule(60_000, "1m")

  it("begins one distance from now and keeps its distance", () => {
    expect(minute.first(now)).toBe(now + 60_000)
    expect(minute.next(now, now)).toBe(now + 60_000)
    expect(minute.next(now, now + 59_999)).toBe(now + 60_000)
  })

  it("passes over what was missed, and stays on its beat", () => {
    expect(minute.next(now, now + 60_000)).toBe(now + 120_000)
    expect(minute.next(now, now + 3_600_001)).toBe(now + 3_660_000)
  })

  it("is always later than now and than the time before, by its distance at most", () => {
    const millis = fc.integer({ min: 1, max: 400 * 86_400_000 })
    fc.assert(
      fc.property(millis, millis, fc.integer({ min: -1_000, max: 10 ** 11 }), (of, due, late) => {
        const next = everySchedule(of, "x").next(due, due + late) ?? Number.NaN
        expect(next).toBeGreaterThan(Math.max(due, due + late))
        expect(next - Math.max(due, due + late)).toBeLessThanOrEqual(of)
        expect((next - due) % of).toBe(0)
      }),
    )
  })
})

describe("a schedule by a cron expression", () => {
  it("comes at its times in its time zone, summer and winter", () => {
    const night = cronSchedule("0 3 * * *", "UTC", now)
    expect(night.text).toBe("cron 0 3 * * * UTC")
    expect(night.first(now)).toBe(at("2026-11-22T03:00:00Z"))
    const berlin = cronSchedule("0 3 * * *", "Europe/Berlin", now)
    expect(berlin.first(now)).toBe(at("2026-11-22T02:00:00Z"))
    expect(berlin.first(at("2026-07-01T12:00:00Z"))).toBe(at("2026-07-02T01:00:00Z"))
    expect(cronSchedule("0 3 * * *", "+02:00", now).first(now)).toBe(at("2026-11-22T01:00:00Z"))
  })

  it("counts an hour that comes twice once, and one that is leapt over after the leap", () => {
    const berlin = cronSchedule("30 2 * * *", "Europe/Berlin", now)
    expect(berlin.first(at("2026-10-24T12:00:00Z"))).toBe(at("2026-10-25T00:30:00Z"))
    expect(berlin.first(at("2026-10-25T00:30:00Z"))).toBe(at("2026-10-26T01:30:00Z"))
    expect(berlin.first(at("2026-03-28T12:00:00Z"))).toBe(at("2026-03-29T01:30:00Z"))
  })

  it("passes over what was missed, and never goes back where the clock does", () => {
    const night = cronSchedule("0 3 * * *", "UTC", now)
    const due = at("2026-11-22T03:00:00Z")
    expect(night.next(due, at("2026-11-30T12:00:00Z"))).toBe(at("2026-12-01T03:00:00Z"))
    expect(night.next(due, at("2026-11-21T12:00:00Z"))).toBe(at("2026-11-23T03:00:00Z"))
  })

  it("is refused where it cannot be read, has no such zone or never comes", () => {
    const refusal = (expression: string, zone = "UTC") => {
      try {
        return cronSchedule(expression, zone, now).text
      } catch (error) {
        return (error as Error).message
      }
    }
    expect(refusal("0 3 * *")).toMatch(
      /"0 3 \* \*" in UTC cannot be read: Invalid number of segments/,
    )
    expect(refusal("61 3 * * *")).toMatch(/Expected a value between 0 and 59/)
    expect(refusal("0 3 * * *", "Mars/Base")).toMatch(
      /Mars\/Base cannot be read: Invalid time zone/,
    )
    expect(refusal("0 0 30 2 *")).toMatch(/a day that never comes/)
  })
})
