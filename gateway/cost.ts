/**
 * What a request may read, judged from its arguments and variables before anything is read: every
 * page size and distance against its bound, the rows that all pages together may hold, and how many
 * fields search widely. An upper bound: `@skip` and equal fields are not looked at.
 */
import type {
  FieldNode,
  GraphQLField,
  GraphQLNamedType,
  GraphQLObjectType,
  GraphQLSchema,
  OperationDefinitionNode,
  SelectionSetNode,
} from "graphql"
import { getNamedType, isObjectType, Kind } from "graphql"
import { Invalid, LimitExceeded } from "../protocols/errors.ts"
import {
  deadLetterBytesMax,
  liveEventRowsMax,
  neighborsHopsMax,
  pageSizeMax,
  pathHopsMax,
  queryRowsMax,
  queryScansMax,
} from "../protocols/limits.ts"
import type { Fragments, ReadyDocument } from "./document.ts"

export type Variables = { readonly [name: string]: unknown }

/**
 * Whole-number arguments with their limit's name and bound; the schema uses these names for
 * nothing else.
 */
const boundedArguments: ReadonlyMap<string, readonly [limit: string, bound: number]> = new Map([
  ["first", ["pageSizeMax", pageSizeMax]],
  ["hops", ["neighborsHopsMax", neighborsHopsMax]],
  ["hopsMax", ["pathHopsMax", pathHopsMax]],
  ["max", ["deadLetterBytesMax", deadLetterBytesMax]],
])

const scanningFields: ReadonlySet<string> = new Set([
  "rank",
  "path",
  "neighbors",
  "stats",
  "actors",
])

interface Cost {
  readonly rows: number
  readonly scans: number
}

interface Walk {
  readonly schema: GraphQLSchema
  readonly fragments: Fragments
  readonly defaults: ReadonlyMap<string, unknown>
  readonly variables: Variables
  readonly known: Map<string, Cost>
}

const queryRows = ["queryRowsMax", queryRowsMax] as const

/** Of a subscription it is what each of its events may hold. */
const rowsBounds = {
  query: queryRows,
  mutation: queryRows,
  subscription: ["liveEventRowsMax", liveEventRowsMax],
} as const

/** Throws `LimitExceeded` or `Invalid`; the document is valid. */
export function checkCost(
  schema: GraphQLSchema,
  ready: ReadyDocument,
  operation: OperationDefinitionNode,
  variables: Variables,
): void {
  const root = schema.getRootType(operation.operation)
  if (!root) return
  const walk: Walk = {
    schema,
    fragments: ready.fragments,
    defaults: defaultsOf(operation),
    variables,
    known: new Map(),
  }
  const { rows, scans } = costOfSet(walk, operation.selectionSet, root)
  if (scans > queryScansMax) {
    throw exceeded(
      "queryScansMax",
      queryScansMax,
      scans,
      "wide searches (rank, path, neighbors, stats, actors, filters)",
    )
  }
  const [limit, bound] = rowsBounds[operation.operation]
  if (rows > bound) throw exceeded(limit, bound, rows, "rows by its page sizes")
}

export const exceeded = (limit: string, bound: number, value: number, what: string) =>
  new LimitExceeded({
    limit,
    bound,
    value,
    message: `The query is over a limit: ${value} ${what}, at most ${bound}.`,
  })

function defaultsOf(operation: OperationDefinitionNode): ReadonlyMap<string, unknown> {
  const defaults = new Map<string, unknown>()
  for (const { variable, defaultValue } of operation.variableDefinitions ?? []) {
    if (defaultValue?.kind === Kind.INT) defaults.set(variable.name.value, +defaultValue.value)
  }
  return defaults
}

function costOfSet(walk: Walk, set: SelectionSetNode, type: GraphQLNamedType): Cost {
  let rows = 0
  let scans = 0
  for (const selection of set.selections) {
    const cost =
      selection.kind === Kind.FIELD
        ? costOfField(walk, selection, type)
        : selection.kind === Kind.FRAGMENT_SPREAD
          ? costOfFragment(walk, selection.name.value)
          : costOfSet(walk, selection.selectionSet, type)
    rows += cost.rows
    scans += cost.scans
  }
  return { rows, scans }
}

const free: Cost = { rows: 0, scans: 0 }

function costOfFragment(walk: Walk, name: string): Cost {
  const known = walk.known.get(name)
  if (known !== undefined) return known
  const fragment = walk.fragments.get(name)
  const type = fragment && walk.schema.getType(fragment.typeCondition.name.value)
  if (!fragment || !type) return free
  const cost = costOfSet(walk, fragment.selectionSet, type)
  walk.known.set(name, cost)
  return cost
}

function costOfField(walk: Walk, node: FieldNode, parent: GraphQLNamedType): Cost {
  const field = fieldOf(parent, node.name.value)
  if (field === undefined) return free
  const size = sizeOf(walk, node, field)
  const type = getNamedType(field.type)
  if (node.selectionSet === undefined || !isObjectType(type)) return free
  const inner = costOfSet(walk, node.selectionSet, type)
  const scans = isQuery(walk, parent) && searchesWidely(node) ? 1 : 0
  const own = isItems(field.name, parent) ? 0 : 1
  return { rows: size * (own + inner.rows), scans: scans + size * inner.scans }
}

/** A filter may look at many entities to find few. */
const searchesWidely = (node: FieldNode) =>
  scanningFields.has(node.name.value) ||
  (node.arguments ?? []).some((argument) => argument.name.value === "filter")

/** A page's size is that of the field that asked for it, so its items are counted already. */
const isItems = (name: string, parent: GraphQLNamedType) =>
  name === "items" && parent.name.endsWith("Page")

const isQuery = (walk: Walk, type: GraphQLNamedType) => type === walk.schema.getQueryType()

const fieldOf = (
  type: GraphQLNamedType,
  name: string,
): GraphQLField<unknown, unknown> | undefined =>
  isObjectType(type) ? (type as GraphQLObjectType).getFields()[name] : undefined

/** How many rows the field asks for; its bounded arguments are checked on the way. */
function sizeOf(walk: Walk, node: FieldNode, field: GraphQLField<unknown, unknown>): number {
  let size = 1
  for (const { name, default: fallback } of field.args) {
    const limit = boundedArguments.get(name)
    if (limit === undefined) continue
    const value = argumentOf(walk, node, name) ?? defaultOf(fallback)
    if (typeof value !== "number") continue
    checkBound(`${field.name}(${name})`, value, limit)
    if (name === "first") size = value
  }
  return size
}

function checkBound(what: string, value: number, [limit, bound]: readonly [string, number]): void {
  if (value > bound) throw exceeded(limit, bound, value, `for ${what}`)
  if (value < 1) {
    throw new Invalid({ what, message: `${what} is ${value}; it must be 1 to ${bound}.` })
  }
}

function argumentOf(walk: Walk, node: FieldNode, name: string): unknown {
  const value = node.arguments?.find((argument) => argument.name.value === name)?.value
  if (value === undefined) return undefined
  if (value.kind === Kind.INT) return Number(value.value)
  if (value.kind !== Kind.VARIABLE) return undefined
  const variable = value.name.value
  return Object.hasOwn(walk.variables, variable)
    ? walk.variables[variable]
    : walk.defaults.get(variable)
}

function defaultOf(fallback: GraphQLField<unknown, unknown>["args"][number]["default"]): unknown {
  return fallback?.literal?.kind === Kind.INT ? Number(fallback.literal.value) : fallback?.value
}
