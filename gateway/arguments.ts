/** Arguments as the graph port wants them; what the schema's types cannot say is refused here. */
import { Invalid } from "../protocols/errors.ts"
import type { PropertyValue } from "../protocols/graph.ts"
import { entityOfId } from "../protocols/graph.ts"
import { queryListMax, rankStepsMax, searchTextBytesMax } from "../protocols/limits.ts"
import type { PropertyFilter, RankRequest } from "../stores/index.ts"
import { exceeded } from "./cost.ts"

type Given<A> = A | null | undefined

export interface RefArguments {
  readonly id?: Given<string>
  readonly type?: Given<string>
  readonly key?: Given<string>
}

/** An entity by its id, or by type and key; nothing else, and not both. */
export function refOf(given: RefArguments): { readonly type: string; readonly key: string } {
  const { id, type, key } = given
  if (typeof id === "string" && type == null && key == null) {
    const entity = entityOfId(id)
    if (entity !== undefined) return entity
    throw new Invalid({ what: "id", message: "The id is not one that this node gives out." })
  }
  if (id == null && typeof type === "string" && typeof key === "string") return { type, key }
  throw new Invalid({
    what: "entity",
    message: "An entity is named by its id alone, or by type and key together.",
  })
}

export interface FilterArguments {
  readonly text?: Given<string>
  readonly property?: Given<{ readonly name: string; readonly [condition: string]: unknown }>
}

export function filterOf(given: Given<FilterArguments>): {
  readonly text?: string
  readonly properties?: readonly PropertyFilter[]
} {
  const text = given?.text ?? undefined
  const property = given?.property ?? undefined
  if (text !== undefined) checkTextBytes(text)
  return {
    ...(text === undefined ? {} : { text }),
    ...(property === undefined ? {} : { properties: [propertyFilterOf(property)] }),
  }
}

function checkTextBytes(text: string): void {
  const bytes = Buffer.byteLength(text, "utf8")
  if (bytes > searchTextBytesMax) {
    throw exceeded("searchTextBytesMax", searchTextBytesMax, bytes, "bytes of text")
  }
}

function propertyFilterOf(given: {
  readonly name: string
  readonly [condition: string]: unknown
}): PropertyFilter {
  const { name, eq, in: among, gte, lte } = given
  const filter = {
    name,
    ...(eq == null ? {} : { eq: checkedValue("eq", eq) }),
    ...(among == null ? {} : { in: listOf(among) }),
    ...(gte == null ? {} : { gte: bound("gte", gte) }),
    ...(lte == null ? {} : { lte: bound("lte", lte) }),
  }
  if (Object.keys(filter).length > 1) return filter
  throw new Invalid({ what: "filter", message: "A property filter needs eq, in, gte or lte." })
}

function listOf(given: unknown): readonly PropertyValue[] {
  const list = Array.isArray(given) ? given : [given]
  checkLength("values of in", list)
  return list.map((value) => checkedValue("in", value))
}

function checkLength(what: string, list: readonly unknown[]): void {
  if (list.length > queryListMax) throw exceeded("queryListMax", queryListMax, list.length, what)
}

const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)

function checkedValue(what: string, value: unknown): PropertyValue {
  if (isScalar(value)) return value
  if (Array.isArray(value)) {
    checkLength(`members of ${what}`, value)
    const kind = typeof value[0]
    if (value.every((member) => isScalar(member) && typeof member === kind)) {
      return value as PropertyValue
    }
  }
  const message = `${what} takes a text, number or boolean, or a list of one of these.`
  throw new Invalid({ what: "filter", message })
}

function bound(what: string, value: unknown): string | number {
  if (typeof value === "string" || (typeof value === "number" && Number.isFinite(value))) {
    return value
  }
  throw new Invalid({ what: "filter", message: `${what} takes a text or a number.` })
}

export type GivenDirection = "OUT" | "IN" | "BOTH"
const directions = { OUT: "out", IN: "in", BOTH: "both" } as const

export const directionOf = (given: GivenDirection) => directions[given]

/** The `types` of neighbors; no list is any type. */
export function typesOf(given: Given<readonly string[]>): { readonly types?: readonly string[] } {
  if (given == null) return {}
  checkLength("types", given)
  return { types: given }
}

export interface RankArguments {
  readonly type: string
  readonly unless: readonly string[]
  readonly steps: readonly {
    readonly relationship: string
    readonly direction: GivenDirection
    readonly type: string
    readonly source?: Given<string>
  }[]
  readonly count: number
  readonly first: number
}

export function rankRequestOf(given: RankArguments): RankRequest {
  const { type, unless, steps, count, first } = given
  checkLength("names of unless", unless)
  if (steps.length > rankStepsMax) {
    throw exceeded("rankStepsMax", rankStepsMax, steps.length, "steps")
  }
  if (steps.length === 0) {
    throw new Invalid({ what: "steps", message: "A ranking needs at least one step." })
  }
  if (count < 0 || count >= steps.length) {
    const message = `count is ${count}; it names a step, 0 to ${steps.length - 1}.`
    throw new Invalid({ what: "count", message })
  }
  return { type, unless, count, first, steps: steps.map(stepOf) }
}

function stepOf(given: RankArguments["steps"][number]): RankRequest["steps"][number] {
  const { relationship, direction, type, source } = given
  if (direction === "BOTH") {
    throw new Invalid({ what: "direction", message: "A step goes OUT or IN, not BOTH." })
  }
  const way = direction === "OUT" ? ("out" as const) : ("in" as const)
  return { relationship, direction: way, type, ...(source == null ? {} : { source }) }
}

/** A page of the port; an empty cursor is no cursor that was ever given out. */
export const pageOf = (given: { readonly first: number; readonly after?: Given<string> }) => ({
  first: given.first,
  ...(given.after == null ? {} : { after: given.after }),
})
