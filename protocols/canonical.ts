/**
 * Canonical JSON (RFC 8785, JCS): members sorted by UTF-16 code units, ES number formatting, no
 * white space. Two equal values have the same bytes, so that hashes of values mean something.
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

/**
 * Throws `Invalid` for a number that is not finite, a lone surrogate, or nesting past the limit.
 */
export function canonicalJson(value: Json): string {
  const copy = sorted(value, nestingMax)
  if (copy === unsortable) return write(value, nestingMax)
  // The host's writer gives the same text in a third of the time. It escapes lone surrogates; where
  // something looks like that, the slower writer decides.
  const text = JSON.stringify(copy)
  return text.includes("\\ud") ? write(value, nestingMax) : text
}

export const sha256OfJson = (value: Json): string => hash("sha256", canonicalJson(value), "hex")

const nestingMax = jsonDepthMax + documentDepthMax
const unsortable = Symbol("unsortable")

/**
 * The value with its members in order; `unsortable` where an object of this host cannot keep them
 * so.
 */
function sorted(value: Json, depthLeft: number): Json | typeof unsortable {
  if (value === null || typeof value !== "object") {
    if (typeof value === "number" && !Number.isFinite(value)) throw refuse("a number is not finite")
    return value
  }
  if (depthLeft === 0) throw refuse("it is nested too deeply")
  return Array.isArray(value)
    ? sortedList(value, depthLeft - 1)
    : sortedObject(value as JsonObject, depthLeft - 1)
}

type JsonObject = { readonly [name: string]: Json }

function sortedList(list: readonly Json[], depthLeft: number): Json | typeof unsortable {
  const items: Json[] = []
  for (const item of list) {
    const copy = sorted(item, depthLeft)
    if (copy === unsortable) return unsortable
    items.push(copy)
  }
  return items
}

function sortedObject(object: JsonObject, depthLeft: number): Json | typeof unsortable {
  const members: { [name: string]: Json } = {}
  for (const name of Object.keys(object).sort(byCodeUnits)) {
    // Names that are indices come first in any object, and this one is the prototype's.
    if (isDigit(name.charCodeAt(0)) || name === "__proto__") return unsortable
    const copy = sorted(object[name] ?? null, depthLeft)
    if (copy === unsortable) return unsortable
    members[name] = copy
  }
  return members
}

const isDigit = (unit: number): boolean => unit >= 0x30 && unit <= 0x39

function write(value: Json, depthLeft: number): string {
  if (typeof value === "string") return writeString(value)
  if (value === null || typeof value !== "object") {
    if (typeof value === "number" && !Number.isFinite(value)) throw refuse("a number is not finite")
    return JSON.stringify(value)
  }
  if (depthLeft === 0) throw refuse("it is nested too deeply")
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depthLeft - 1)).join(",")}]`
  const object = value as JsonObject
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
