/** The id of a STIX object and its version: what tells one record of a source from another. */
import type { Json } from "../../protocols/canonical.ts"
import type { Instant } from "../../protocols/units.ts"
import { versionBy } from "../mapping/apply.ts"
import { isObject, type JsonObject, Rejection } from "../mapping/values.ts"

const typePattern = /^[a-z0-9][a-z0-9-]{0,249}$/
const uuidLength = 36
/**
 * Types that were found valid: there are few, and a look at this set is faster than the pattern.
 */
const knownTypes = new Set<string>()
const knownTypesMax = 256

/** The type that an id, `type--UUID`, names; `undefined` where the value is no STIX id. */
export function typeOfId(value: Json | undefined): string | undefined {
  if (typeof value !== "string") return undefined
  const dashes = value.length - uuidLength - 2
  if (dashes < 1 || value.charCodeAt(dashes) !== dash || value.charCodeAt(dashes + 1) !== dash) {
    return undefined
  }
  if (!isUuid(value, dashes + 2)) return undefined
  const type = value.slice(0, dashes)
  if (knownTypes.has(type)) return type
  if (!typePattern.test(type)) return undefined
  if (knownTypes.size < knownTypesMax) knownTypes.add(type)
  return type
}

const dash = 0x2d

function isUuid(text: string, from: number): boolean {
  for (let i = 0; i < uuidLength; i++) {
    const unit = text.charCodeAt(from + i)
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (unit !== dash) return false
    } else if (!isHex(unit)) return false
  }
  return true
}

const isHex = (unit: number): boolean =>
  (unit >= 0x30 && unit <= 0x39) || (unit >= 0x61 && unit <= 0x66) || (unit >= 0x41 && unit <= 0x46)

export interface StixObject {
  readonly type: string
  readonly id: string
  readonly members: JsonObject
}

/** An object of any type with a valid id (STIX 2.0 and 2.1); else throws a `Rejection`. */
export function checkStix(record: Json): StixObject {
  if (!isObject(record)) throw new Rejection("invalid-type", "The record is no STIX object.")
  const { id, type } = record
  if (typeof type !== "string" || type === "") {
    throw new Rejection("invalid-type", "The STIX object has no type.")
  }
  const typeInId = typeOfId(id)
  if (typeof id !== "string" || typeInId === undefined) {
    throw new Rejection("invalid-id", "The STIX object has no id of the form type--UUID.")
  }
  if (typeInId !== type) {
    throw new Rejection("invalid-id", `The id names type ${typeInId}, the object is another's.`)
  }
  return { type, id, members: record }
}

/** `modified`, else `created`, else none. */
export const versionOfStix = (members: JsonObject): Instant | undefined =>
  members.modified === undefined
    ? versionBy("created", members.created)
    : versionBy("modified", members.modified)
