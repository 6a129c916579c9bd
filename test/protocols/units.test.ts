import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { formatInstant, normalInstant, parseInstant } from "../../protocols/units.ts"

describe("an instant", () => {
  it("is what the host's calendar says, for any time with any offset", () => {
    const instants = fc.date({
      min: new Date("1684-08-01T00:00:00Z"),
      max: new Date("2250-01-01T00:00:00Z"),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(instants, fc.integer({ min: -720, max: 720 }), (date, offset) => {
        const micros = date.getTime() * 1000
        expect(parseInstant(date.toISOString())).toBe(micros)
        const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1)
        const two = (n: number) => String(n).padStart(2, "0")
        const zone = `${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
        expect(parseInstant(`${local}${offset < 0 ? "-" : "+"}${zone}`)).toBe(micros)
      }),
      { numRuns: 500 },
    )
  })

  it("has one text, whichever way it was written", () => {
    const usual = fc.stringMatching(/^2024-0[1-9]-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d(\.\d{1,7})?Z?$/)
    fc.assert(
      fc.property(usual, (text) => {
        const instant = parseInstant(text)
        expect(normalInstant(text)).toBe(instant === undefined ? undefined : formatInstant(instant))
      }),
      { numRuns: 1000 },
    )
  })

  it("is written so that it is read back", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (instant) => {
        expect(parseInstant(formatInstant(instant))).toBe(instant)
      }),
    )
  })

  it.each([
    ["2024-02-29", "2024-02-29T00:00:00.000000Z"],
    ["2024-02-29 10:20", "2024-02-29T10:20:00.000000Z"],
    ["2024-02-29t10:20:30.123456789z", "2024-02-29T10:20:30.123456Z"],
    ["2024-02-29T10:20:30,5+0130", "2024-02-29T08:50:30.500000Z"],
    ["2024-02-29T10:20:30.12345Z", "2024-02-29T10:20:30.123450Z"],
    ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"],
    ["1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"],
    ["2024-02-29T10:20:30", "2024-02-29T10:20:30.000000Z"],
  ])("%s is %s", (text, formatted) => {
    expect(formatInstant(parseInstant(text) ?? Number.NaN)).toBe(formatted)
  })

  it.each([
    "",
    "2024",
    "2024-13-01",
    "2023-02-29",
    "2024-02-29T24:00:00Z",
    "2024-02-29T10:60:00Z",
    "2024-02-29T10:20:30.Z",
    "2024-02-29T10:20:3xZ",
    "2024-02-29T10:20:30.1x3Z",
    "2024-02-29T10:20:30+24:00",
    "24-02-29",
    "2024-02-29T10:20:30Zx",
    "tomorrow",
    "1684-07-28T00:12:25.259007Z",
    "2255-06-05T23:47:34.740993Z",
  ])("%j is none", (text) => {
    expect(parseInstant(text)).toBeUndefined()
  })
})
