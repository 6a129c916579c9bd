/** Documents that are valid for the served schema, with variables, as fast-check makes them. */
import fc from "fast-check"
import type {
  GraphQLArgument,
  GraphQLField,
  GraphQLInputType,
  GraphQLObjectType,
  GraphQLOutputType,
} from "graphql"
import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
} from "graphql"
import { servedSchema } from "../../gateway/schema.ts"

export interface Asked {
  readonly document: string
  readonly variables: { readonly [name: string]: unknown }
}

interface Variable {
  /** As it is declared, with its default where it has one. */
  readonly type: string
  /** Not given where it is `undefined`. */
  readonly value: unknown
}

/** What a document is made of besides its operation, as it is written. */
interface Writing {
  readonly choose: (below: number) => number
  readonly fragments: string[]
  readonly variables: Map<string, Variable>
  readonly values: (argument: string) => readonly unknown[]
}

/** `values` are those that mean something to the graph of the test, by the name of the argument. */
export const askedDocuments = (
  roots: readonly string[],
  values: Writing["values"],
): fc.Arbitrary<Asked> =>
  fc.infiniteStream(fc.nat()).map((numbers) => {
    const choose = (below: number) => Number(numbers.next().value) % below
    const writing: Writing = { choose, fragments: [], variables: new Map(), values }
    const query = servedSchema().getQueryType()
    if (!query) throw new Error("the schema has no queries")
    const fields = Object.values(query.getFields()).filter(({ name }) => roots.includes(name))
    const selected = many(writing, 3, () => field(writing, pick(writing, fields), 4))
    const declared = [...writing.variables].map(([name, { type }]) => `$${name}: ${type}`)
    const head = declared.length === 0 ? "query" : `query (${declared.join(", ")})`
    const given = [...writing.variables].map(([name, { value }]) => [name, value])
    return {
      document: [`${head} ${selected}`, ...writing.fragments].join("\n"),
      variables: Object.fromEntries(given.filter(([, value]) => value !== undefined)),
    }
  })

const pick = <A>({ choose }: Writing, list: readonly A[]): A => {
  const picked = list[choose(list.length)]
  if (picked === undefined) throw new Error("there is nothing to pick from")
  return picked
}

function many(writing: Writing, most: number, make: () => string): string {
  const parts = Array.from({ length: 1 + writing.choose(most) }, make)
  return `{ ${parts.join(" ")} }`
}

function field(writing: Writing, of: GraphQLField<unknown, unknown>, depth: number): string {
  // The same name for the same arguments only, since equal names are merged.
  const given = argumentsOf(writing, of.args)
  const alias =
    given === "" && writing.choose(3) > 0
      ? ""
      : `a${writing.variables.size}x${writing.choose(9999)}: `
  const inner = selectionOf(writing, of.type, depth)
  return `${alias}${of.name}${given}${directive(writing)}${inner}`
}

function selectionOf(writing: Writing, output: GraphQLOutputType, depth: number): string {
  const type = getNamedType(output)
  return isObjectType(type) ? ` ${setOf(writing, type, depth)}` : ""
}

function setOf(writing: Writing, type: GraphQLObjectType, depth: number): string {
  return many(writing, 5, () => part(writing, type, depth))
}

function part(writing: Writing, type: GraphQLObjectType, depth: number): string {
  const kind = writing.choose(12)
  if (kind === 0) return `__typename${directive(writing)}`
  if (kind === 1 && depth > 0) return `...${directive(writing)} ${setOf(writing, type, depth - 1)}`
  if (kind === 2 && depth > 0) {
    return `... on ${type.name}${directive(writing)} ${setOf(writing, type, depth - 1)}`
  }
  if (kind === 3 && depth > 0) {
    const name = `f${writing.fragments.length}x${writing.choose(9999)}`
    const set = setOf(writing, type, depth - 1)
    writing.fragments.push(`fragment ${name} on ${type.name} ${set}`)
    const spread = () => `...${name}${directive(writing)}`
    return writing.choose(3) === 0 ? `${spread()} ${spread()}` : spread()
  }
  const fields = Object.values(type.getFields())
  const leaves = fields.filter((one) => !isObjectType(getNamedType(one.type)))
  const chosen = depth > 0 || leaves.length === 0 ? fields : leaves
  return depth > -2 ? field(writing, pick(writing, chosen), depth - 1) : "__typename"
}

function directive(writing: Writing): string {
  const kind = writing.choose(10)
  if (kind > 3) return ""
  const name = kind % 2 === 0 ? "skip" : "include"
  if (kind < 2) return ` @${name}(if: ${writing.choose(2) === 0})`
  const variable = `b${writing.choose(3)}`
  if (!writing.variables.has(variable)) {
    writing.variables.set(variable, { type: "Boolean!", value: writing.choose(2) === 0 })
  }
  return ` @${name}(if: $${variable})`
}

function argumentsOf(writing: Writing, list: readonly GraphQLArgument[]): string {
  const given = list
    .filter((argument) => isRequiredArgument(argument) || writing.choose(2) === 0)
    .map((argument) => {
      const value = inputOf(writing, argument.name, argument.type)
      if (writing.choose(2) === 0) return `${argument.name}: ${literal(value, argument.type)}`
      const name = `v${writing.variables.size}`
      writing.variables.set(name, variableOf(writing, argument, value))
      return `${argument.name}: $${name}`
    })
  return given.length === 0 ? "" : `(${given.join(", ")})`
}

/** Of an argument that may be left out: given, with a default, null, or not given. */
function variableOf(writing: Writing, argument: GraphQLArgument, value: unknown): Variable {
  const { type } = argument
  if (isRequiredArgument(argument)) return { type: String(type), value }
  const nullable = isNonNullType(type) ? type.ofType : type
  const otherwise = `${nullable} = ${literal(inputOf(writing, argument.name, type), type)}`
  const declared = writing.choose(3) === 0 ? otherwise : String(nullable)
  const given = writing.choose(4)
  return { type: declared, value: given === 0 ? undefined : given === 1 ? null : value }
}

function inputOf(writing: Writing, name: string, type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return inputOf(writing, name, type.ofType)
  if (isListType(type)) return [inputOf(writing, name, type.ofType)]
  if (isEnumType(type)) return pick(writing, type.getValues()).name
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields())
    const entries = fields
      .filter((one) => isNonNullType(one.type) || writing.choose(2) === 0)
      .map((one) => [one.name, inputOf(writing, one.name, one.type)])
    return Object.fromEntries(entries)
  }
  return pick(writing, writing.values(name))
}

function literal(value: unknown, type: GraphQLInputType): string {
  const named = isNonNullType(type) ? type.ofType : type
  if (Array.isArray(value)) {
    const item = isListType(named) ? named.ofType : named
    return `[${value.map((one) => literal(one, item)).join(", ")}]`
  }
  if (isEnumType(named)) return String(value)
  if (isInputObjectType(named)) {
    const fields = Object.entries(value as object).map(
      ([name, inner]) => `${name}: ${literal(inner, fieldType(named.getFields()[name]))}`,
    )
    return `{${fields.join(", ")}}`
  }
  return JSON.stringify(value)
}

function fieldType(of: { readonly type: GraphQLInputType } | undefined): GraphQLInputType {
  if (of === undefined) throw new Error("there is no such field")
  return of.type
}
