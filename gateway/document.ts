/**
 * A GraphQL document made ready: parsed, checked against the limits on its shape, validated. Ready
 * documents are kept, bounded in number and length, the longest unused forgotten first.
 *
 * Limits come before validation, and validation before anything is read. Aliases and depth are
 * counted as if fragments were written out, each fragment visited once, so that a small document
 * cannot hide a large one; a cycle of fragments is left to validation, which refuses it by name.
 */
import type {
  DocumentNode,
  FragmentDefinitionNode,
  GraphQLSchema,
  OperationDefinitionNode,
  SelectionSetNode,
} from "graphql"
import { GraphQLError, Kind, Lexer, parse, Source, TokenKind, validate } from "graphql"
import { type IntelGraphError, LimitExceeded } from "../protocols/errors.ts"
import {
  documentCachedLengthMax,
  documentCacheMax,
  documentsCachedLengthMax,
  queryAliasesMax,
  queryDepthMax,
  queryErrorsShownMax,
  queryTokensMax,
} from "../protocols/limits.ts"
import { Recent } from "./recent.ts"

export type Fragments = ReadonlyMap<string, FragmentDefinitionNode>

export interface ReadyDocument {
  readonly text: string
  readonly document: DocumentNode
  readonly operations: readonly OperationDefinitionNode[]
  readonly fragments: Fragments
}

export type Preparation =
  | { readonly ready: ReadyDocument }
  | { readonly refused: readonly (GraphQLError | IntelGraphError)[] }

export class Documents {
  readonly #schema: GraphQLSchema
  readonly #ready = new Recent<Preparation>({
    countMax: documentCacheMax,
    lengthMax: documentsCachedLengthMax,
    lengthOf: (text) => text.length,
  })
  hits = 0
  misses = 0

  constructor(schema: GraphQLSchema) {
    this.#schema = schema
  }

  prepare(text: string): Preparation {
    const known = this.#ready.use(text)
    if (known !== undefined) {
      this.hits += 1
      return known
    }
    this.misses += 1
    const preparation = prepare(this.#schema, text)
    if ("ready" in preparation && text.length <= documentCachedLengthMax) {
      this.#ready.keep(text, preparation)
    }
    return preparation
  }
}

function prepare(schema: GraphQLSchema, text: string): Preparation {
  const parsed = parseBounded(text)
  if (!("kind" in parsed)) return { refused: [parsed] }
  const ready = readyOf(text, parsed)
  const tooMuch = ready.operations.map((operation) => refuseShape(operation, ready.fragments))
  const refused = tooMuch.filter((refusal) => refusal !== undefined)
  if (refused.length > 0) return { refused }
  const errors = validate(schema, parsed, undefined, { maxErrors: queryErrorsShownMax })
  return errors.length > 0 ? { refused: errors } : { ready }
}

function parseBounded(text: string): DocumentNode | GraphQLError | LimitExceeded {
  try {
    return parse(text, { maxLexicalTokens: queryTokensMax, maxComments: queryTokensMax })
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error
    return hasTooManyTokens(text) ? tooManyTokens() : error
  }
}

const tooManyTokens = () =>
  new LimitExceeded({
    limit: "queryTokensMax",
    bound: queryTokensMax,
    value: queryTokensMax + 1,
    message: `The document has more than ${queryTokensMax} tokens.`,
  })

/**
 * The parser's refusal of a long document looks like any syntax error; the lexer tells them
 * apart.
 */
function hasTooManyTokens(text: string): boolean {
  const lexer = new Lexer(new Source(text))
  try {
    for (let tokens = 0; tokens <= queryTokensMax; tokens++) {
      if (lexer.advance().kind === TokenKind.EOF) return false
    }
    return true
  } catch {
    return false
  }
}

function readyOf(text: string, document: DocumentNode): ReadyDocument {
  const fragments = new Map<string, FragmentDefinitionNode>()
  const operations: OperationDefinitionNode[] = []
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      fragments.set(definition.name.value, definition)
    }
    if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition)
  }
  return { text, document, operations, fragments }
}

interface Shape {
  readonly depth: number
  readonly aliases: number
}

function refuseShape(
  operation: OperationDefinitionNode,
  fragments: Fragments,
): LimitExceeded | undefined {
  const { depth, aliases } = shapeOf(operation.selectionSet, fragments, new Map())
  if (depth > queryDepthMax) return exceeded("queryDepthMax", queryDepthMax, depth, "levels deep")
  if (aliases > queryAliasesMax) {
    return exceeded("queryAliasesMax", queryAliasesMax, aliases, "aliases, fragments written out")
  }
  return undefined
}

const exceeded = (limit: string, bound: number, value: number, what: string) =>
  new LimitExceeded({
    limit,
    bound,
    value,
    message: `The query is over a limit: ${value} ${what}, at most ${bound}.`,
  })

/** Introspection is as deep as it is and reads nothing: its depth does not count. */
function shapeOf(
  set: SelectionSetNode,
  fragments: Fragments,
  known: Map<string, Shape | undefined>,
): Shape {
  let depth = 0
  let aliases = 0
  for (const selection of set.selections) {
    const inner = innerShape(selection, fragments, known)
    const level = selection.kind === Kind.FIELD ? 1 : 0
    const isIntrospection = selection.kind === Kind.FIELD && selection.name.value.startsWith("__")
    depth = Math.max(depth, level + (isIntrospection ? 0 : inner.depth))
    aliases += inner.aliases
    if (selection.kind === Kind.FIELD && selection.alias !== undefined) aliases += 1
  }
  return { depth, aliases }
}

const nothing: Shape = { depth: 0, aliases: 0 }

function innerShape(
  selection: SelectionSetNode["selections"][number],
  fragments: Fragments,
  known: Map<string, Shape | undefined>,
): Shape {
  if (selection.kind !== Kind.FRAGMENT_SPREAD) {
    return selection.selectionSet === undefined
      ? nothing
      : shapeOf(selection.selectionSet, fragments, known)
  }
  const name = selection.name.value
  const fragment = fragments.get(name)
  if (fragment === undefined) return nothing
  if (known.has(name)) return known.get(name) ?? nothing
  known.set(name, undefined)
  const shape = shapeOf(fragment.selectionSet, fragments, known)
  known.set(name, shape)
  return shape
}
