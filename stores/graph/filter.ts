/** Whether an entity has the properties that a filter asks for. */
import { Invalid } from "../../protocols/errors.ts"
import type { Properties, PropertyValue } from "../../protocols/graph.ts"
import { compareUtf8 } from "../../protocols/visible.ts"
import type { PropertyFilter } from "./port.ts"

/** Refuses one that asks for nothing. */
export function checkFilter({ name, eq, in: among, gte, lte }: PropertyFilter): void {
  if (eq !== undefined || among !== undefined || gte !== undefined || lte !== undefined) return
  throw new Invalid({
    what: "filter",
    message: `The filter on ${name} names no eq, in, gte or lte.`,
  })
}

/** A list fulfils a condition where it is the value asked for, or one of its members fulfils it. */
export function fulfils(properties: Properties, filter: PropertyFilter): boolean {
  const value = Object.hasOwn(properties, filter.name) ? properties[filter.name] : undefined
  if (value === undefined) return false
  const { eq, in: among, gte, lte } = filter
  return (
    (eq === undefined || equals(value, eq)) &&
    (among === undefined || among.some((one) => equals(value, one))) &&
    (gte === undefined || someMember(value, (member) => compares(member, gte, 1))) &&
    (lte === undefined || someMember(value, (member) => compares(member, lte, -1)))
  )
}

function equals(value: PropertyValue, wanted: PropertyValue): boolean {
  if (typeof wanted !== "object") return someMember(value, (member) => member === wanted)
  return JSON.stringify(value) === JSON.stringify(wanted)
}

const someMember = (value: PropertyValue, holds: (member: unknown) => boolean): boolean =>
  typeof value === "object" ? [...value].some(holds) : holds(value)

function compares(member: unknown, bound: string | number, sign: 1 | -1): boolean {
  if (typeof member === "number" && typeof bound === "number") return (member - bound) * sign >= 0
  if (typeof member === "string" && typeof bound === "string") {
    return compareUtf8(member, bound) * sign >= 0
  }
  return false
}
