/**
 * Canonical JSON (RFC 8785, JCS): members sorted by UTF-16 code units, ES number formatting, no white
 * space. Two equal values have the same bytes, so that hashes of values mean something.
 */
import { hash } from "node:crypto"
import { Invalid } from "./errors.ts"
import { documentDepthMax, jsonDepthMax } from "./limits.ts"

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json }

/** Throws `Invalid` for a number that is not finite, a lone surrogate, or nesting past the limit. */
export function canonicalJson(value: Json): string {
  return write(value, jsonDepthMax + documentDepthMax)
}

export const sha256OfJson = (value: Json): string => hash("sha256", canonicalJson(value), "hex")

function write(value: Json, depthLeft: number): string {
  if (typeof value === "string") return writeString(value)
  if (value === null || typeof value !== "object") {
    if (typeof value === "number" && !Number.isFinite(value)) throw refuse("a number is not finite")
    return JSON.stringify(value)
  }
  if (depthLeft === 0) throw refuse("it is nested too deeply")
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depthLeft - 1)).join(",")}]`
  const object = value as { readonly [name: string]: Json }
  const members = Object.keys(object)
    .sort(byCodeUnits)
    .map((name) => `${writeString(name)}:${write(object[name] ?? null, depthLeft - 1)}`)
  return `{${members.join(",")}}`
}

function writeString(text: string): string {
  if (!text.isWellFormed()) throw refuse("a string has a lone surrogate")
  return JSON.stringify(text)
}

/** Order of RFC 8785 §3.2.3, which is also that of JavaScript's `<` on strings. */
export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const refuse = (why: string) =>
  new Invalid({ what: "JSON", message: `The value has no canonical form: ${why}.` })
