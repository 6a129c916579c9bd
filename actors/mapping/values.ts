/**
 * From JSON values to what the graph holds (contracts §2): texts of keys, properties, lists, and
 * the canonical JSON text of everything nested, which goes into `raw`.
 *
 * An integer beyond 2^53 has lost digits once `JSON.parse` has read it. The functions here throw
 * `inexact` where they meet one; the pipeline then reads the record again so that such integers are
 * the text of the source (`json.ts`).
 */
import { byCodeUnits, canonicalJson, type Json } from "../../protocols/canonical.ts"
import type { DeadLetterReason, Fault } from "../../protocols/event.ts"
import type { PropertyValue } from "../../protocols/graph.ts"
import {
  jsonDepthMax,
  keyBytesMax,
  listPropertyMax,
  nameBytesMax,
  propertiesMax,
} from "../../protocols/limits.ts"
import type { CoercionName } from "../../protocols/mapping.ts"
import { normalInstant } from "../../protocols/units.ts"

/**
 * Thrown, and caught by the pipeline: this record goes to the dead letters. No stack: data did it.
 */
export class Rejection {
  readonly fault: Fault
  constructor(reason: DeadLetterReason, detail: string) {
    this.fault = { reason, detail }
  }
}

/** Thrown, and caught by the pipeline: read the record again with exact integers. */
export const inexact = Symbol("inexact")

export type JsonObject = { readonly [name: string]: Json }
export type MutableProperties = { [name: string]: PropertyValue }

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Sets a member whose name comes from data: `__proto__` is a name like any other. */
export function setOwn<A>(target: { [name: string]: A }, name: string, value: A): void {
  if (name !== "__proto__") target[name] = value
  else
    Object.defineProperty(target, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
}

/** A scalar as text; `undefined` for null, nothing and the empty text. */
export function textOf(value: Json | undefined): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value
  if (value === null || value === undefined) return undefined
  if (typeof value === "boolean") return String(value)
  if (typeof value === "number") return String(finite(value))
  throw new Rejection("failed-coercion", "A list or an object stands where one value is needed.")
}

const withinBytes = (text: string, bytesMax: number): boolean =>
  text.length * 3 <= bytesMax || Buffer.byteLength(text, "utf8") <= bytesMax

export function checkKey(what: string, text: string): string {
  if (withinBytes(text, keyBytesMax)) return text
  throw new Rejection("invalid-id", `The ${what} is longer than ${keyBytesMax} bytes.`)
}

const typePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/

export function checkType(text: string): string {
  if (typePattern.test(text) && text.length <= nameBytesMax) return text
  const shown = JSON.stringify(text.slice(0, 80))
  throw new Rejection("invalid-type", `${shown} is no type: letters, digits, _ . and -.`)
}

export function checkName(name: string): string {
  if (name !== "" && withinBytes(name, nameBytesMax)) return name
  throw new Rejection("invalid-property", `A name is empty or longer than ${nameBytesMax} bytes.`)
}

function finite(value: number): number {
  if (!Number.isFinite(value)) {
    throw new Rejection("invalid-property", "A number is too large for a double.")
  }
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) throw inexact
  return value === 0 ? 0 : value
}

/** What a value is for the graph; `nested` belongs into `raw`, `undefined` is left out. */
export const nested = Symbol("nested")

export function propertyOf(value: Json): PropertyValue | undefined | typeof nested {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      return finite(value)
    default:
      if (value === null) return undefined
      return Array.isArray(value) ? listOf(value) : nested
  }
}

function listOf(list: readonly Json[]): PropertyValue | undefined | typeof nested {
  if (list.length === 0) return undefined
  const kind = typeof list[0]
  if (kind === "object") return nested
  for (const item of list) if (typeof item !== kind) return nested
  if (list.length > listPropertyMax) {
    throw new Rejection("invalid-property", `A list has more than ${listPropertyMax} members.`)
  }
  if (kind === "number") return (list as readonly number[]).map(finite)
  return list as readonly string[] | readonly boolean[]
}

/**
 * Collects properties of one assertion. A member called `raw` goes with the nested ones, so that
 * `raw` always is the canonical text of an object.
 */
export class PropertyCollector {
  readonly properties: MutableProperties = {}
  #count = 0
  #nested: [string, Json][] | undefined

  put(name: string, value: Json): void {
    const property = name === "raw" ? nested : propertyOf(value)
    if (property === undefined) return
    if (property === nested) this.#nest(name, value)
    else this.set(name, property)
  }

  set(name: string, property: PropertyValue): void {
    if (++this.#count > propertiesMax) {
      throw new Rejection("invalid-property", `There are more than ${propertiesMax} properties.`)
    }
    setOwn(this.properties, checkName(name), property)
  }

  #nest(name: string, value: Json): void {
    if (value === null) return
    checkExact(value, jsonDepthMax)
    this.#nested ??= []
    this.#nested.push([checkName(name), value])
  }

  /** The properties, with `raw` where something was nested. */
  done(): MutableProperties {
    if (this.#nested === undefined) return this.properties
    this.#nested.sort((a, b) => byCodeUnits(a[0], b[0]))
    const members = this.#nested.map(
      ([name, value]) => `${canonicalJson(name)}:${canonicalJson(value)}`,
    )
    this.set("raw", `{${members.join(",")}}`)
    return this.properties
  }
}

function checkExact(value: Json, depthLeft: number): void {
  if (typeof value === "number") finite(value)
  if (typeof value !== "object" || value === null) return
  if (depthLeft === 0) {
    throw new Rejection("invalid-json", `The record is nested deeper than ${jsonDepthMax}.`)
  }
  if (Array.isArray(value)) for (const item of value) checkExact(item, depthLeft - 1)
  else for (const item of Object.values(value)) checkExact(item, depthLeft - 1)
}

const numberPattern = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/
const truths: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["yes", true],
  ["false", false],
  ["0", false],
  ["no", false],
])

/** A scalar turned into what a mapping asks for; a list member by member. */
export function coerce(value: Json, as: CoercionName, where: string): Json {
  if (Array.isArray(value)) return value.map((item) => coerce(item, as, where))
  if (value === null) return null
  if (typeof value === "object") throw failed(where, as)
  switch (as) {
    case "string":
      return textOf(value) ?? ""
    case "number":
      return toNumber(value) ?? fail(where, as)
    case "boolean":
      return typeof value === "boolean"
        ? value
        : (truths.get(String(value).trim().toLowerCase()) ?? fail(where, as))
    case "date": {
      const date = typeof value === "string" ? normalInstant(value.trim()) : undefined
      return date ?? fail(where, as)
    }
  }
}

function toNumber(value: string | number | boolean): Json | undefined {
  if (typeof value === "number") return value
  if (typeof value === "boolean") return value ? 1 : 0
  const text = value.trim()
  if (!numberPattern.test(text)) return undefined
  const number = Number(text)
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? text : number
}

const failed = (where: string, as: CoercionName) =>
  new Rejection("failed-coercion", `The value at ${where} is no ${as}.`)

function fail(where: string, as: CoercionName): never {
  throw failed(where, as)
}
