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

/** A bounded argument of a field: a number, or the variable that gives it. */
interface Sized {
  /** As a refusal names it, such as `entities(first)`. */
  readonly what: string
  readonly limit: readonly [name: string, bound: number]
  readonly value: number | string
  /** Where the variable is not given. */
  readonly otherwise: number | undefined
  readonly isPage: boolean
}

/** What a field costs, apart from what variables say: found out once per document. */
interface FieldCost {
  readonly sized: readonly Sized[]
  readonly own: 0 | 1
  readonly scans: 0 | 1
  readonly inner: SetCost
}

/** Of the fields of a selection; of one that no variable decides, the cost itself. */
interface SetCost {
  readonly fields: readonly (FieldCost | SetCost)[]
  readonly fixed: Cost | undefined
}

const queryRows = ["queryRowsMax", queryRowsMax] as const

/** Of a subscription it is what each of its events may hold. */
const rowsBounds = {
  query: queryRows,
  mutation: queryRows,
  subscription: ["liveEventRowsMax", liveEventRowsMax],
} as const

const costs = new WeakMap<OperationDefinitionNode, SetCost>()

/** Throws `LimitExceeded` or `Invalid`; the document is valid. */
export function checkCost(
  schema: GraphQLSchema,
  ready: ReadyDocument,
  operation: OperationDefinitionNode,
  variables: Variables,
): void {
  const cost = costs.get(operation) ?? costOfOperation(schema, ready, operation)
  costs.set(operation, cost)
  const { rows, scans } = cost.fixed ?? totalOf(cost, variables, new Map())
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

interface Walk {
  readonly schema: GraphQLSchema
  readonly fragments: Fragments
  readonly defaults: ReadonlyMap<string, unknown>
  readonly known: Map<string, SetCost>
}

const free: SetCost = { fields: [], fixed: { rows: 0, scans: 0 } }

function costOfOperation(
  schema: GraphQLSchema,
  { fragments }: ReadyDocument,
  operation: OperationDefinitionNode,
): SetCost {
  const root = schema.getRootType(operation.operation)
  if (!root) return free
  const walk = { schema, fragments, defaults: defaultsOf(operation), known: new Map() }
  return costOfSet(walk, operation.selectionSet, root)
}

function costOfSet(walk: Walk, set: SelectionSetNode, type: GraphQLNamedType): SetCost {
  const fields = set.selections.map((selection) =>
    selection.kind === Kind.FIELD
      ? costOfField(walk, selection, type)
      : selection.kind === Kind.FRAGMENT_SPREAD
        ? costOfFragment(walk, selection.name.value)
        : costOfSet(walk, selection.selectionSet, type),
  )
  return { fields, fixed: fixedOf(fields) }
}

/** What is refused whatever the variables are is refused at each request, in its turn. */
function fixedOf(fields: SetCost["fields"]): Cost | undefined {
  const isFixed = fields.every((field) =>
    "inner" in field
      ? field.inner.fixed !== undefined && field.sized.every(isWithin)
      : field.fixed !== undefined,
  )
  return isFixed ? totalOf({ fields, fixed: undefined }, {}, new Map()) : undefined
}

const isWithin = ({ value, limit }: Sized): boolean =>
  typeof value === "number" && value >= 1 && value <= limit[1]

function costOfFragment(walk: Walk, name: string): SetCost {
  const known = walk.known.get(name)
  if (known !== undefined) return known
  const fragment = walk.fragments.get(name)
  const type = fragment && walk.schema.getType(fragment.typeCondition.name.value)
  if (!fragment || !type) return free
  const cost = costOfSet(walk, fragment.selectionSet, type)
  walk.known.set(name, cost)
  return cost
}

function costOfField(walk: Walk, node: FieldNode, parent: GraphQLNamedType): FieldCost | SetCost {
  const field = fieldOf(parent, node.name.value)
  if (field === undefined) return free
  const sized = sizesOf(walk, node, field)
  const type = getNamedType(field.type)
  if (node.selectionSet === undefined || !isObjectType(type)) {
    return sized.length === 0 ? free : { sized, own: 0, scans: 0, inner: free }
  }
  const scans = isQuery(walk, parent) && searchesWidely(node) ? 1 : 0
  const own = isItems(field.name, parent) ? 0 : 1
  return { sized, own, scans, inner: costOfSet(walk, node.selectionSet, type) }
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

function sizesOf(
  walk: Walk,
  node: FieldNode,
  field: GraphQLField<unknown, unknown>,
): readonly Sized[] {
  return field.args.flatMap(({ name, default: fallback }): readonly Sized[] => {
    const limit = boundedArguments.get(name)
    if (limit === undefined) return []
    const given = node.arguments?.find((argument) => argument.name.value === name)?.value
    const what = `${field.name}(${name})`
    const usual = {
      what,
      limit,
      isPage: name === "first",
      otherwise: numberOf(defaultOf(fallback)),
    }
    if (given?.kind === Kind.VARIABLE) {
      const variable = given.name.value
      const otherwise = numberOf(walk.defaults.get(variable)) ?? usual.otherwise
      return [{ ...usual, value: variable, otherwise }]
    }
    const value = given?.kind === Kind.INT ? Number(given.value) : usual.otherwise
    return value === undefined ? [] : [{ ...usual, value }]
  })
}

const numberOf = (value: unknown): number | undefined =>
  typeof value === "number" ? value : undefined

function defaultOf(fallback: GraphQLField<unknown, unknown>["args"][number]["default"]): unknown {
  return fallback?.literal?.kind === Kind.INT ? Number(fallback.literal.value) : fallback?.value
}

/** Checks bounded arguments on the way. A fragment that is spread twice is looked at once. */
function totalOf(set: SetCost, variables: Variables, known: Map<SetCost, Cost>): Cost {
  const total = set.fixed ?? known.get(set)
  if (total !== undefined) return total
  let rows = 0
  let scans = 0
  for (const field of set.fields) {
    if ("inner" in field) {
      const size = sizeOf(field, variables)
      const inner = totalOf(field.inner, variables, known)
      rows += size * (field.own + inner.rows)
      scans += field.scans + size * inner.scans
    } else {
      const cost = totalOf(field, variables, known)
      rows += cost.rows
      scans += cost.scans
    }
  }
  known.set(set, { rows, scans })
  return { rows, scans }
}

/** How many rows the field asks for. */
function sizeOf({ sized }: FieldCost, variables: Variables): number {
  let size = 1
  for (const { what, limit, value, otherwise, isPage } of sized) {
    const asked = typeof value === "number" ? value : askedOf(value, otherwise, variables)
    if (asked === undefined) continue
    checkBound(what, asked, limit)
    if (isPage) size = asked
  }
  return size
}

function askedOf(
  variable: string,
  otherwise: number | undefined,
  variables: Variables,
): number | undefined {
  if (!Object.hasOwn(variables, variable)) return otherwise
  const value = variables[variable]
  return value == null ? otherwise : numberOf(value)
}

function checkBound(what: string, value: number, [limit, bound]: readonly [string, number]): void {
  if (value > bound) throw exceeded(limit, bound, value, `for ${what}`)
  if (value < 1) {
    throw new Invalid({ what, message: `${what} is ${value}; it must be 1 to ${bound}.` })
  }
}
