/**
 * Units of what is counted. Money and emissions are integers, so that sums are exact: 1 pUSD is
 * 1e-12 US dollars, 1 pg is 1e-12 g of CO2e, 1 nJ is 1e-9 J (architecture D8).
 */
export const picoUsdPerUsd = 1_000_000_000_000n
export const picogramsPerGram = 1_000_000_000_000n
export const nanojoulesPerJoule = 1_000_000_000n

/** Microseconds since 1970-01-01T00:00:00Z; exact below the year 2255. */
export type Instant = number

const secondsPerDay = 86_400
const microsPerSecond = 1_000_000
const datePattern = /^(\d{4})-(\d{2})-(\d{2})/
const timePattern =
  /(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,12}))?)?\s?([Zz]|[+-]\d{2}:?\d{2})?)?$/
const instantPattern = new RegExp(datePattern.source + timePattern.source)

/**
 * Reads an RFC 3339 date or date-time; a missing offset means UTC, digits below a microsecond are
 * cut. `undefined` where the text is no such instant. A leap second counts as the next minute's
 * first.
 */
export function parseInstant(text: string): Instant | undefined {
  return parseUsual(text) ?? parseAny(text)
}

/** `YYYY-MM-DDTHH:MM:SS[.fff]Z`, as most sources write: a fifth of the pattern's time. */
function parseUsual(text: string): Instant | undefined {
  const length = text.length
  if (length < 20 || length > 27 || length === 21) return undefined
  if (text.charCodeAt(4) !== 0x2d || text.charCodeAt(7) !== 0x2d) return undefined
  if (text.charCodeAt(10) !== 0x54 || text.charCodeAt(length - 1) !== 0x5a) return undefined
  if (text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a) return undefined
  if (length > 20 && text.charCodeAt(19) !== 0x2e) return undefined
  const [y, m, d] = [digits(text, 0, 4), digits(text, 5, 7), digits(text, 8, 10)]
  const [h, min, s] = [digits(text, 11, 13), digits(text, 14, 16), digits(text, 17, 19)]
  const part = length > 20 ? digits(text, 20, length - 1) : 0
  if (!(m >= 1 && m <= 12 && d >= 1 && d <= daysInMonth(y, m))) return undefined
  if (!(h <= 23 && min <= 59 && s <= 60 && part >= 0)) return undefined
  const micros = length > 20 ? part * 10 ** (27 - length) : 0
  const seconds = daysSinceEpoch(y, m, d) * secondsPerDay + h * 3600 + min * 60 + s
  const instant = seconds * microsPerSecond + micros
  return Number.isSafeInteger(instant) ? instant : undefined
}

/** The number that the digits from `start` to `end` write; NaN where one is none. */
function digits(text: string, start: number, end: number): number {
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

function parseAny(text: string): Instant | undefined {
  const match = instantPattern.exec(text)
  if (match === null) return undefined
  const [, year = "", month = "", day = "", hour = "0", minute = "0", second = "0", part, zone] =
    match
  const [y, m, d] = [Number(year), Number(month), Number(day)]
  if (m < 1 || m > 12 || d < 1 || d > daysInMonth(y, m)) return undefined
  const [h, min, s] = [Number(hour), Number(minute), Number(second)]
  if (h > 23 || min > 59 || s > 60) return undefined
  const micros = Number((part ?? "").padEnd(6, "0").slice(0, 6))
  const offset = offsetSeconds(zone)
  if (offset === undefined) return undefined
  const seconds = daysSinceEpoch(y, m, d) * secondsPerDay + h * 3600 + min * 60 + s - offset
  const instant = seconds * microsPerSecond + micros
  return Number.isSafeInteger(instant) ? instant : undefined
}

/** The text of an instant as `formatInstant` writes it; `undefined` where it is none. */
export function normalInstant(text: string): string | undefined {
  const leapSecond = text.charCodeAt(17) === 0x36
  if (!leapSecond && parseUsual(text) !== undefined) {
    return `${text.slice(0, 19)}.${text.slice(20, -1).padEnd(6, "0")}Z`
  }
  const instant = parseAny(text)
  return instant === undefined ? undefined : formatInstant(instant)
}

/** The instant as `YYYY-MM-DDTHH:MM:SS.ffffffZ`. */
export function formatInstant(instant: Instant): string {
  const seconds = Math.floor(instant / microsPerSecond)
  const micros = instant - seconds * microsPerSecond
  const days = Math.floor(seconds / secondsPerDay)
  const ofDay = seconds - days * secondsPerDay
  const [year, month, day] = civilFromDays(days)
  const two = (n: number) => String(n).padStart(2, "0")
  const [hours, minutes] = [Math.floor(ofDay / 3600), Math.floor(ofDay / 60) % 60]
  const time = `${two(hours)}:${two(minutes)}:${two(ofDay % 60)}`
  const date = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`
  return `${date}T${time}.${String(micros).padStart(6, "0")}Z`
}

function offsetSeconds(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === "Z" || zone === "z") return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(-2))
  if (hours > 23 || minutes > 59) return undefined
  return (zone.startsWith("-") ? -1 : 1) * (hours * 3600 + minutes * 60)
}

const isLeap = (year: number) => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const daysInMonth = (year: number, month: number) =>
  month === 2 && isLeap(year) ? 29 : (monthDays[month - 1] ?? 0)

// Both conversions follow H. Hinnant, "chrono-Compatible Low-Level Date Algorithms" (public
// domain): the year begins in March, so the leap day is its last.
function daysSinceEpoch(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const ofEra = y - era * 400
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return (
    era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468
  )
}

function civilFromDays(days: number): [number, number, number] {
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const ofEra = z - era * 146_097
  const year = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) /
      365,
  )
  const ofYear = ofEra - (365 * year + Math.floor(year / 4) - Math.floor(year / 100))
  const mp = Math.floor((5 * ofYear + 2) / 153)
  const month = mp < 10 ? mp + 3 : mp - 9
  return [
    year + era * 400 + (month <= 2 ? 1 : 0),
    month,
    ofYear - Math.floor((153 * mp + 2) / 5) + 1,
  ]
}
