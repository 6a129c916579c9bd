/**
 * Asks everything that the schema offers: for each root field and each of its calls one document
 * that selects every field to a depth, with arguments from a table. What the table lacks is named.
 */
import type { GraphQLObjectType, GraphQLOutputType, GraphQLSchema } from "graphql"
import { getNamedType, isListType, isNonNullType, isObjectType } from "graphql"

/** A value that is written as an enum's name. */
export const named = (name: string) => ({ enumName: name })

export interface Arguments {
  readonly [argument: string]: unknown
}

/** Calls of each field that takes arguments, by `Type.field`. */
export interface Calls {
  readonly [coordinate: string]: readonly Arguments[]
}

export interface Probe {
  /** `Type.field` of the root field, and which of its calls. */
  readonly name: string
  readonly document: string
}

/** How deep answers are looked into: an entity's relationships' ends' own fields. */
const depthMax = 5

/** Documents for every call of every field of the root type. */
export function probesOf(schema: GraphQLSchema, root: GraphQLObjectType, calls: Calls) {
  const operation = root === schema.getMutationType() ? "mutation" : operationOf(schema, root)
  const probes: Probe[] = []
  for (const field of Object.values(root.getFields())) {
    const coordinate = `${root.name}.${field.name}`
    for (const [at, call] of callsOf(calls, coordinate).entries()) {
      for (let variant = 0; variant < variantsMax; variant++) {
        const inner = selectionOf(field.type, calls, { depth: depthMax, variant })
        const document = `${operation} { ${field.name}${argumentsText(call)}${inner} }`
        if (variant > 0 && probes.some((probe) => probe.document === document)) break
        probes.push({ name: `${coordinate} ${at} ${variant}`, document })
      }
    }
  }
  return probes
}

const operationOf = (schema: GraphQLSchema, root: GraphQLObjectType) =>
  root === schema.getSubscriptionType() ? "subscription" : "query"

/** A field inside is asked with its calls in turn, one document each. */
const variantsMax = 8

const callsOf = (calls: Calls, coordinate: string): readonly Arguments[] =>
  calls[coordinate] ?? [{}]

function selectionOf(
  given: GraphQLOutputType,
  calls: Calls,
  place: { readonly depth: number; readonly variant: number },
): string {
  const type = getNamedType(given)
  if (!isObjectType(type)) return ""
  const fields = Object.values(type.getFields()).flatMap((field) => {
    const isLeaf = !isObjectType(getNamedType(field.type))
    if (!isLeaf && place.depth === 0) return []
    const possible = callsOf(calls, `${type.name}.${field.name}`)
    const call = possible[place.variant % possible.length] ?? {}
    const inner = selectionOf(field.type, calls, { ...place, depth: place.depth - 1 })
    if (!isLeaf && inner === "") return []
    return [`${field.name}${argumentsText(call)}${inner}`]
  })
  return fields.length === 0 ? "" : ` { ${fields.join(" ")} }`
}

function argumentsText(call: Arguments): string {
  const given = Object.entries(call).map(([name, value]) => `${name}: ${literalOf(value)}`)
  return given.length === 0 ? "" : `(${given.join(", ")})`
}

function literalOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literalOf).join(", ")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if ("enumName" in value) return String(value.enumName)
  const fields = Object.entries(value).map(([name, inner]) => `${name}: ${literalOf(inner)}`)
  return `{${fields.join(", ")}}`
}

/** Every argument of the schema, as `Type.field(argument)`, that no call of the table gives. */
export function argumentsMissing(schema: GraphQLSchema, calls: Calls): readonly string[] {
  return objectTypes(schema).flatMap((type) =>
    Object.values(type.getFields()).flatMap((field) => {
      const coordinate = `${type.name}.${field.name}`
      const given = new Set(callsOf(calls, coordinate).flatMap((call) => Object.keys(call)))
      return field.args
        .filter(({ name }) => !given.has(name))
        .map(({ name }) => `${coordinate}(${name})`)
    }),
  )
}

/** Every field of the schema as `Type.field`. */
export const fieldsOf = (schema: GraphQLSchema): readonly string[] =>
  objectTypes(schema).flatMap((type) =>
    Object.keys(type.getFields()).map((field) => `${type.name}.${field}`),
  )

const objectTypes = (schema: GraphQLSchema): readonly GraphQLObjectType[] =>
  Object.values(schema.getTypeMap()).filter(
    (type): type is GraphQLObjectType => isObjectType(type) && !type.name.startsWith("__"),
  )

/** Adds each field that the answer shows with a value. */
export function noteSeen(given: GraphQLOutputType, value: unknown, seen: Set<string>): void {
  if (value === null || value === undefined) return
  if (isNonNullType(given)) return noteSeen(given.ofType, value, seen)
  if (isListType(given)) {
    for (const member of value as readonly unknown[]) noteSeen(given.ofType, member, seen)
    return
  }
  const type = getNamedType(given)
  if (!isObjectType(type)) return
  for (const [name, inner] of Object.entries(value)) {
    const field = type.getFields()[name]
    if (field === undefined || inner === null) continue
    seen.add(`${type.name}.${name}`)
    noteSeen(field.type, inner, seen)
  }
}
