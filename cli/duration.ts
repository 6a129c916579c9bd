/** Durations as people write them: `90d`, `12h`, `30m`, `45s`. */
import { Invalid } from "../protocols/errors.ts"

const units: { readonly [unit: string]: number } = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** In milliseconds. Throws `Invalid`. */
export function millisOf(text: string, name: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const millis = Number(digits) * (units[unit] ?? Number.NaN)
  if (millis > 0) return millis
  const shown = JSON.stringify(text.slice(0, 80))
  throw new Invalid({
    what: name,
    message: `${name} is ${shown}; it is a number with s, m, h or d, such as 90d.`,
  })
}
