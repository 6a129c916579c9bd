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

/** Coerced variables; `all` where something needs to know where they came from. */
export interface Given {
  readonly coerced: Variables
  readonly all: () => VariableValues
}

/** `undefined` where a variable is refused. */
export type CoerceVariables = (given: Variables) => Given | undefined

export function variablesOf(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
): CoerceVariables {
  const coerceAll = (given: Variables): Given | undefined => {
    const { variableValues } = getVariableValues(schema, variableDefinitions, given)
    return variableValues && { coerced: variableValues.coerced, all: () => variableValues }
  }
  const checks = variableDefinitions.map(({ variable, type, defaultValue }) => {
    const isRequired = type.kind === Kind.NON_NULL_TYPE
    const named = isRequired ? type.type : type
    const isOf = named.kind === Kind.NAMED_TYPE ? ofType.get(named.name.value) : undefined
    return { name: variable.name.value, isOf, mayBeMissing: !isRequired && !defaultValue }
  })
  if (checks.some(({ isOf }) => isOf === undefined)) return coerceAll
  return (given) => {
    const coerced: { [name: string]: unknown } = Object.create(null)
    for (const { name, isOf, mayBeMissing } of checks) {
      const value = Object.hasOwn(given, name) ? given[name] : undefined
      if (isOf?.(value) === true) coerced[name] = value
      else if (value !== undefined || !mayBeMissing) return coerceAll(given)
    }
    return { coerced, all: () => coerceAll(given)?.all() ?? refused() }
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

export function argumentsOf(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
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
  return argumentsOfVariables(field, node)
}

/** Of arguments that are literals or variables: what is the same each time, then the variables. */
function argumentsOfVariables(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
): CoerceArguments {
  const variableOf = new Map<string, string>()
  for (const { name, value } of node.arguments ?? []) {
    if (value.kind === Kind.VARIABLE) variableOf.set(name.value, value.name.value)
  }
  const isSame = ({ name }: GraphQLArgument) => !variableOf.has(name)
  const literals = node.arguments?.filter(({ value }) => value.kind !== Kind.VARIABLE) ?? []
  const same = coerced(field, field.args.filter(isSame), { ...node, arguments: literals })
  const missing = field.args.filter((argument) => !isRequiredArgument(argument))
  const usual = coerced(field, missing, { ...node, arguments: [] })
  const variable = field.args.flatMap((argument) => {
    const { name, type } = argument
    const from = variableOf.get(name)
    const mayBeMissing = !isRequiredArgument(argument)
    return from === undefined ? [] : [{ name, from, mayBeNull: !isNonNullType(type), mayBeMissing }]
  })
  return (given) => {
    const values: { [name: string]: unknown } = { ...same }
    for (const { name, from, mayBeNull, mayBeMissing } of variable) {
      if (Object.hasOwn(given.coerced, from)) {
        if (given.coerced[from] == null && !mayBeNull) refused()
        values[name] = given.coerced[from]
      } else if (!mayBeMissing) refused()
      else if (Object.hasOwn(usual, name)) values[name] = usual[name]
    }
    return values
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
