/**
 * An operation made ready to run: what `execute` finds out anew for each object of each request
 * (which fields, in which order, of which type, with which resolver) found out once per document.
 *
 * `@skip` and `@include` are decided here, so an operation has one plan for each combination of the
 * variables that they ask. What has no plan is left to graphql's own `execute`: introspection,
 * abstract types, more such variables than `planConditionsMax`, and more fields, fragments written
 * out, than `planFieldsMax`.
 */
import type {
  ConstDirectiveNode,
  DirectiveNode,
  FieldNode,
  GraphQLObjectType,
  GraphQLOutputType,
  GraphQLSchema,
  OperationDefinitionNode,
  SelectionNode,
  SelectionSetNode,
} from "graphql"
import { getNamedType, isLeafType, isListType, isNonNullType, isObjectType, Kind } from "graphql"
import { planFieldsMax } from "../../protocols/limits.ts"
import type { Fragments } from "../document.ts"
import { Asks, type Resolver } from "../resolver.ts"
import { resolverOf } from "../schema.ts"
import { argumentsOf, type CoerceArguments, noArguments, type Places } from "./arguments.ts"
import { type Writer, writerOf } from "./leaf.ts"

/** Of an operation, with how many fields it has, those of its objects among them. */
export interface OperationPlan {
  readonly root: ObjectPlan
  readonly fieldCount: number
}

/** Fields of one object. The first field's text opens the object, the others go on with it. */
export interface ObjectPlan {
  readonly fields: readonly FieldPlan[]
}

export interface FieldPlan {
  /** What stands before the value: `{"name":` or `,"name":`. */
  readonly before: string
  readonly value: ValuePlan
  /** The value's text where it is always the same. */
  readonly constant: string | undefined
  readonly resolver: Resolver | undefined
  /** Where the value is found without a resolver. */
  readonly property: string
  readonly argumentsOf: CoerceArguments
  /** The fields that are asked of the value. */
  readonly asks: Asks
}

export type ValuePlan =
  | { readonly kind: "leaf"; readonly isNullable: boolean; readonly of: Writer }
  | { readonly kind: "list"; readonly isNullable: boolean; readonly of: ValuePlan }
  | { readonly kind: "object"; readonly isNullable: boolean; readonly of: ObjectPlan }

/** Thrown where an operation has no plan. */
export class NoPlan extends Error {}

export interface PlanRequest {
  readonly schema: GraphQLSchema
  readonly operation: OperationDefinitionNode
  readonly fragments: Fragments
  readonly places: Places
  /** Values of the variables that `@skip` and `@include` ask. */
  readonly conditions: ReadonlyMap<string, boolean>
}

interface Planning extends PlanRequest {
  /** Of selections that stand alone: a fragment's are planned once, wherever it is spread. */
  readonly known: Map<SelectionSetNode, ObjectPlan>
  fieldCount: number
}

/** Of a query of a valid document. Throws `NoPlan`. */
export function planOf(request: PlanRequest): OperationPlan {
  const { schema, operation } = request
  const root = schema.getQueryType()
  if (!root) throw new NoPlan()
  const planning = { ...request, known: new Map(), fieldCount: 0 }
  const plan = objectOf(planning, root, [operation.selectionSet])
  return { root: plan, fieldCount: planning.fieldCount }
}

function objectOf(
  request: Planning,
  type: GraphQLObjectType,
  sets: readonly SelectionSetNode[],
): ObjectPlan {
  const [set, ...others] = sets
  const known = set === undefined || others.length > 0 ? undefined : request.known.get(set)
  if (known !== undefined) return known
  const groups = new Map<string, FieldNode[]>()
  const seen = new Set<string>()
  for (const { selections } of sets) collect(request, selections, groups, seen)
  request.fieldCount += groups.size
  if (request.fieldCount > planFieldsMax) throw new NoPlan()
  const fields = [...groups].map(([name, nodes], at) => {
    const before = `${at === 0 ? "{" : ","}${JSON.stringify(name)}:`
    return fieldOf(request, type, nodes, before)
  })
  const plan = { fields }
  if (set !== undefined && others.length === 0) request.known.set(set, plan)
  return plan
}

/** As the specification collects fields; every fragment is on the one type that is there. */
function collect(
  request: PlanRequest,
  selections: readonly SelectionNode[],
  groups: Map<string, FieldNode[]>,
  seen: Set<string>,
): void {
  for (const selection of selections) {
    if (!isIncluded(selection.directives ?? [], request.conditions)) continue
    if (selection.kind === Kind.FIELD) {
      const name = selection.alias?.value ?? selection.name.value
      const group = groups.get(name)
      if (group === undefined) groups.set(name, [selection])
      else group.push(selection)
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      collect(request, selection.selectionSet.selections, groups, seen)
    } else if (!seen.has(selection.name.value)) {
      seen.add(selection.name.value)
      const fragment = request.fragments.get(selection.name.value)
      if (fragment !== undefined) {
        collect(request, fragment.selectionSet.selections, groups, seen)
      }
    }
  }
}

function isIncluded(
  directives: readonly (DirectiveNode | ConstDirectiveNode)[],
  conditions: ReadonlyMap<string, boolean>,
): boolean {
  return directives.every((directive) => {
    const name = directive.name.value
    if (name !== "skip" && name !== "include") throw new NoPlan()
    const given = directive.arguments?.find((argument) => argument.name.value === "if")?.value
    const holds =
      given?.kind === Kind.BOOLEAN
        ? given.value
        : given?.kind === Kind.VARIABLE
          ? conditions.get(given.name.value)
          : undefined
    if (holds === undefined) throw new NoPlan()
    return holds === (name === "include")
  })
}

const nothingAsked = new Asks([], () => undefined)

function fieldOf(
  request: Planning,
  parent: GraphQLObjectType,
  nodes: readonly FieldNode[],
  before: string,
): FieldPlan {
  const [node] = nodes
  if (node === undefined) throw new NoPlan()
  const property = node.name.value
  if (property === "__typename") return typenameOf(parent, before)
  const field = parent.getFields()[property]
  if (field === undefined) throw new NoPlan()
  return {
    before,
    value: planOfValue(request, field.type, nodes, true),
    constant: undefined,
    resolver: resolverOf(field),
    property,
    argumentsOf: argumentsOf(field, node, request.places),
    asks: isLeafType(getNamedType(field.type))
      ? nothingAsked
      : new Asks(nodes, (name) => request.fragments.get(name)),
  }
}

function typenameOf(parent: GraphQLObjectType, before: string): FieldPlan {
  const constant = JSON.stringify(parent.name)
  return {
    before,
    value: { kind: "leaf", isNullable: false, of: () => constant },
    constant,
    resolver: undefined,
    property: "__typename",
    argumentsOf: noArguments,
    asks: nothingAsked,
  }
}

function planOfValue(
  request: Planning,
  type: GraphQLOutputType,
  nodes: readonly FieldNode[],
  isNullable: boolean,
): ValuePlan {
  if (isNonNullType(type)) return planOfValue(request, type.ofType, nodes, false)
  if (isListType(type)) {
    return { kind: "list", isNullable, of: planOfValue(request, type.ofType, nodes, true) }
  }
  if (isLeafType(type)) return { kind: "leaf", isNullable, of: writerOf(type) }
  if (!isObjectType(type) || type.isTypeOf != null) throw new NoPlan()
  const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? [])
  return { kind: "object", isNullable, of: objectOf(request, type, sets) }
}
