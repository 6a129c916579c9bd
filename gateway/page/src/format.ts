/** Numbers, sizes, times and names as a person reads them. */

const whole = new Intl.NumberFormat("en")
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 })

export const count = (value: number): string => whole.format(value)

/** For narrow places; the exact number belongs into a title. */
export const compact = (value: number): string =>
  value < 1_000_000 ? whole.format(value) : short.format(value)

export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`

const units = ["B", "KiB", "MiB", "GiB", "TiB"] as const

export function bytes(value: number): string {
  let size = value
  let unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit += 1
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`
}

/** A rate with as many figures as it has meaning. */
export const perSecond = (value: number): string =>
  value === 0 ? "0/s" : value < 10 ? `${value.toFixed(1)}/s` : `${compact(Math.round(value))}/s`

export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

const steps = [
  [60, "second", 1],
  [3_600, "minute", 60],
  [86_400, "hour", 3_600],
  [30 * 86_400, "day", 86_400],
  [365 * 86_400, "month", 30 * 86_400],
  [Number.POSITIVE_INFINITY, "year", 365 * 86_400],
] as const

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" })

/** Such as `3 minutes ago`; both times in milliseconds. */
export function ago(thenMillis: number, nowMillis: number): string {
  const seconds = (thenMillis - nowMillis) / 1000
  if (Math.abs(seconds) < 5) return "just now"
  const [, unit, size] = steps.find(([below]) => Math.abs(seconds) < below) ?? steps[5]
  return relative.format(Math.round(seconds / size), unit)
}

/** What an entity is called: its name, or its key. */
export const nameOf = (entity: { readonly name: string | null; readonly key: string }): string =>
  entity.name === null || entity.name === "" ? entity.key : entity.name

/** `x-mitre-data-component` and `x_mitre_domains` without what repeats in every one. */
export const plainName = (name: string): string =>
  name
    .replace(/^x[-_]mitre[-_]/, "")
    .replaceAll("_", " ")
    .replaceAll("-", " ")

/** Bytes as text, with what cannot be shown as dots; `undefined` where it is not text at all. */
export function textOfBytes(given: Uint8Array): string {
  const text = new TextDecoder("utf-8").decode(given)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced.
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "·")
}

/** Offset, bytes and text in rows of sixteen. */
export function hexOfBytes(given: Uint8Array): string {
  const rows: string[] = []
  for (let at = 0; at < given.length; at += 16) {
    const row = [...given.subarray(at, at + 16)]
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ")
    const text = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·"))
    rows.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${text.join("")}`)
  }
  return rows.join("\n")
}
