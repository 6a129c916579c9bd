/**
 * Variables and arguments as graphql coerces them, for the common case at a fraction of the cost:
 * variables of scalar types whose values are of their type already, and arguments that are a
 * variable or a literal. Everything else is graphql's own work, and so is every refusal.
 */
import type {
  FieldNode,
  GraphQLArgument,
  GraphQLField,
  GraphQLSchema,
  OperationDefinitionNode,
  ValueNode,
  VariableValues,
} from "graphql"
import {
  getArgumentValues,
  getVariableValues,
  isNonNullType,
  isRequiredArgument,
  Kind,
} from "graphql"
import type { Variables } from "../cost.ts"

export type Arguments = { readonly [name: string]: unknown }

/** Coerced variables. */
export interface Given {
  /** In the order in which the operation defines them; `missing` where there is none. */
  readonly values: readonly unknown[]
  /** As graphql has them, for what it does itself. */
  readonly all: () => VariableValues
}

export const missing = Symbol("missing")

/** `undefined` where a variable is refused. */
export type CoerceVariables = (given: Variables) => Given | undefined

export function variablesOf(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
): CoerceVariables {
  const coerceAll = (given: Variables): Given | undefined => {
    const { variableValues } = getVariableValues(schema, variableDefinitions, given)
    if (variableValues === undefined) return undefined
    const { coerced } = variableValues
    const values = variableDefinitions.map(({ variable: { name } }) =>
      Object.hasOwn(coerced, name.value) ? coerced[name.value] : missing,
    )
    return { values, all: () => variableValues }
  }
  const checks = variableDefinitions.map(({ variable, type, defaultValue }) => {
    const isRequired = type.kind === Kind.NON_NULL_TYPE
    const named = isRequired ? type.type : type
    const isOf = named.kind === Kind.NAMED_TYPE ? ofType.get(named.name.value) : undefined
    return { name: variable.name.value, isOf, mayBeMissing: !isRequired && !defaultValue }
  })
  if (checks.some(({ isOf }) => isOf === undefined)) return coerceAll
  return (given) => {
    const values: unknown[] = []
    for (const { name, isOf, mayBeMissing } of checks) {
      const value = Object.hasOwn(given, name) ? given[name] : undefined
      if (isOf?.(value) === true) values.push(value)
      else if (value === undefined && mayBeMissing) values.push(missing)
      else return coerceAll(given)
    }
    return { values, all: () => coerceAll(given)?.all() ?? refused() }
  }
}

const refused = (): never => {
  throw new Error("A variable is refused.")
}

/** Whether a value is what its type's coercion would make of it. */
const ofType: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ["String", (value: unknown) => typeof value === "string"],
  ["ID", (value: unknown) => typeof value === "string"],
  ["Boolean", (value: unknown) => typeof value === "boolean"],
  ["Int", (value: unknown) => typeof value === "number" && (value | 0) === value],
])

/** Throws where an argument is refused. */
export type CoerceArguments = (given: Given) => Arguments

const none: Arguments = Object.freeze(Object.create(null))
export const noArguments: CoerceArguments = () => none

/** `places` are those of the variables in the operation, by their names. */
export function argumentsOf(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  places: Places,
): CoerceArguments {
  if (field.args.length === 0) return noArguments
  const nodes = node.arguments ?? []
  if (!nodes.some(({ value }) => usesVariables(value))) {
    let known: Arguments | undefined
    return () => {
      known ??= getArgumentValues(field, node)
      return known
    }
  }
  if (nodes.some(({ value }) => value.kind !== Kind.VARIABLE && usesVariables(value))) {
    return ({ all }) => getArgumentValues(field, node, all())
  }
  return argumentsOfVariables(field, node, places)
}

export type Places = ReadonlyMap<string, number>

export const placesOf = ({ variableDefinitions = [] }: OperationDefinitionNode): Places =>
  new Map(variableDefinitions.map(({ variable }, place) => [variable.name.value, place]))

/** Of arguments that are literals or variables: what is the same each time, then the variables. */
function argumentsOfVariables(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  places: Places,
): CoerceArguments {
  const placeOf = new Map<string, number>()
  for (const { name, value } of node.arguments ?? []) {
    if (value.kind !== Kind.VARIABLE) continue
    placeOf.set(name.value, places.get(value.name.value) ?? -1)
  }
  const isSame = ({ name }: GraphQLArgument) => !placeOf.has(name)
  const literals = node.arguments?.filter(({ value }) => value.kind !== Kind.VARIABLE) ?? []
  const same = coerced(field, field.args.filter(isSame), { ...node, arguments: literals })
  const optional = field.args.filter((argument) => !isRequiredArgument(argument))
  const usual = coerced(field, optional, { ...node, arguments: [] })
  const variable = field.args.flatMap((argument) => {
    const { name, type } = argument
    const place = placeOf.get(name)
    const mayBeMissing = !isRequiredArgument(argument)
    return place === undefined
      ? []
      : [{ name, place, mayBeNull: !isNonNullType(type), mayBeMissing }]
  })
  // Every argument has its place from the beginning: to add members one by one costs more.
  const template = { ...same, ...Object.fromEntries(variable.map(({ name }) => [name, undefined])) }
  return ({ values }) => {
    const given: { [name: string]: unknown } = { ...template }
    for (const { name, place, mayBeNull, mayBeMissing } of variable) {
      const value = values[place]
      if (value === missing || value === undefined) {
        if (!mayBeMissing) refused()
        given[name] = usual[name]
      } else {
        if (value === null && !mayBeNull) refused()
        given[name] = value
      }
    }
    return given
  }
}

/** Values of some of the field's arguments, none of which needs a variable. */
const coerced = (
  field: GraphQLField<unknown, unknown>,
  args: readonly GraphQLArgument[],
  node: FieldNode,
): Arguments => getArgumentValues({ ...field, args } as typeof field, node)

function usesVariables(node: ValueNode): boolean {
  switch (node.kind) {
    case Kind.VARIABLE:
      return true
    case Kind.LIST:
      return node.values.some(usesVariables)
    case Kind.OBJECT:
      return node.fields.some(({ value }) => usesVariables(value))
    default:
      return false
  }
}
