/** The id of a STIX object and its version: what tells one record of a source from another. */
import type { Json } from "../../protocols/canonical.ts"
import type { Instant } from "../../protocols/units.ts"
import { versionBy } from "../mapping/apply.ts"
import { isObject, type JsonObject, Rejection } from "../mapping/values.ts"

const idPattern =
  /^([a-z0-9][a-z0-9-]{0,249})--[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/

/** The type that an id names; `undefined` where the value is no STIX id. */
export function typeOfId(value: Json | undefined): string | undefined {
  return typeof value === "string" ? idPattern.exec(value)?.[1] : undefined
}

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
