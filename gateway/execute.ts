/**
 * One GraphQL request without HTTP: what the edge does with it, and what `intelgraph query` does
 * without a running node. A request that a limit refuses has read nothing.
 */
import * as Effect from "effect/Effect"
import type { ExecutionResult, GraphQLFormattedError, OperationDefinitionNode } from "graphql"
import { execute } from "graphql"
import { Invalid, isIntelGraphError } from "../protocols/errors.ts"
import { queryAnswerLengthMax } from "../protocols/limits.ts"
import { localAccess } from "./access/access.ts"
import { checkScopes, rootFieldsOf } from "./access/scopes.ts"
import { isPromise } from "./bridge.ts"
import { runCompiled } from "./compiled/executable.ts"
import type { Sources } from "./context.ts"
import { QueryContext } from "./context.ts"
import type { Variables } from "./cost.ts"
import { checkCost, exceeded } from "./cost.ts"
import type { Fragments, Preparation, ReadyDocument } from "./document.ts"
import { Documents } from "./document.ts"
import type { OnMasked } from "./errors.ts"
import { formatErrors } from "./errors.ts"
import { type DocumentRequest, type Manifest, PersistedDocuments } from "./persisted.ts"
import { servedSchema } from "./schema.ts"

export interface QueryRequest extends DocumentRequest {
  readonly variables?: Variables | undefined
  readonly operationName?: string | undefined
}

/** An answer as it is sent. */
export interface Answered {
  /** JSON. */
  readonly text: string
  /** Why there is no data, where there is none; a limit or a rule refused the request then. */
  readonly refused: readonly GraphQLFormattedError[] | undefined
  /** Of a query without any error. */
  readonly isComplete: boolean
  /** Complete, and the same until something is committed for the tenant. */
  readonly isOfGraph: boolean
}

/** `data` is missing where the request was refused before anything was read. */
export interface QueryAnswer {
  readonly data?: unknown
  readonly errors?: readonly GraphQLFormattedError[]
}

/** One operation of a document that may be executed. */
interface Asked {
  readonly ready: ReadyDocument
  readonly operation: OperationDefinitionNode
  readonly variables: Variables
  readonly context: QueryContext
}

/** Keeps the documents that it has seen, so one is made per process and used for all requests. */
export class Engine {
  readonly documents: Documents
  readonly persisted: PersistedDocuments
  readonly sources: Sources
  readonly onMasked: OnMasked
  /** Operations that were answered by their plan, and those that `execute` answered. */
  compiled = 0
  interpreted = 0

  constructor(sources: Sources, onMasked: OnMasked, manifest?: Manifest) {
    this.documents = new Documents(servedSchema())
    this.persisted = new PersistedDocuments(manifest)
    this.sources = sources
    this.onMasked = onMasked
  }

  /** The request's document, which it sends or names. The one way to a document. */
  prepare(request: DocumentRequest): Preparation {
    try {
      const prepared = this.documents.prepare(this.persisted.textOf(request))
      if ("ready" in prepared) this.persisted.keep(request)
      return prepared
    } catch (error) {
      if (isIntelGraphError(error)) return { refused: [error] }
      throw error
    }
  }

  /** Never throws or rejects. A plain value where every read completed at once. */
  answer(request: QueryRequest): Answered | Promise<Answered> {
    const prepared = this.prepare(request)
    if ("refused" in prepared) return this.#refuse(prepared.refused)
    const { ready } = prepared
    try {
      const operation = operationOf(ready, request.operationName)
      if (operation.operation === "subscription") throw notHere()
      checkScopes(request.access, operation, ready.fragments, this.sources.audit)
      const variables = request.variables ?? {}
      checkCost(servedSchema(), ready, operation, variables)
      const context = new QueryContext(this.sources, request.access)
      return this.#run({ ready, operation, variables, context })
    } catch (error) {
      return this.#refuse([error])
    }
  }

  /** The compiled operation, where nothing goes wrong; else `execute`, from the beginning. */
  #run(asked: Asked): Answered | Promise<Answered> {
    const { ready, operation, variables, context } = asked
    try {
      const data = runCompiled(ready, operation, variables, context)
      if (data === undefined) return this.#interpret(asked)
      const told = (text: string) => {
        this.compiled += 1
        return this.#told(asked, text)
      }
      if (!isPromise(data)) return told(data)
      return data.then(told, () => this.#interpret({ ...asked, context: context.again() }))
    } catch {
      return this.#interpret({ ...asked, context: context.again() })
    }
  }

  #interpret(asked: Asked): Answered | Promise<Answered> {
    this.interpreted += 1
    const { ready, operation, variables, context } = asked
    const show = (result: ExecutionResult) => this.#show(asked, result)
    const result = execute({
      schema: servedSchema(),
      document: ready.document,
      contextValue: context,
      variableValues: variables,
      operationName: operation.name?.value,
    })
    return isPromise(result) ? result.then(show, (error) => this.#refuse([error])) : show(result)
  }

  /** Whether the operation that would be answered is a mutation. */
  isMutation(request: QueryRequest): boolean {
    const { operationName } = request
    const prepared = this.prepare(request)
    if ("refused" in prepared) return false
    const { operations } = prepared.ready
    const asked = operations.filter(({ name }) => (operationName ?? name?.value) === name?.value)
    return asked.some(({ operation }) => operation === "mutation")
  }

  #told({ operation, ready }: Asked, data: string): Answered {
    const isComplete = operation.operation === "query"
    const isOfGraph = isComplete && showsGraphOnly(operation, ready.fragments)
    return this.#bounded({ text: `{"data":${data}}`, refused: undefined, isComplete, isOfGraph })
  }

  #show(asked: Asked, result: ExecutionResult): Answered {
    if (result.errors === undefined) return this.#told(asked, JSON.stringify(result.data))
    const errors = formatErrors(result.errors, this.onMasked)
    const hasData = "data" in result
    const text = JSON.stringify(hasData ? { errors, data: result.data } : { errors })
    return this.#bounded({ ...incomplete, text, refused: hasData ? undefined : errors })
  }

  /** An answer over the bound becomes a refusal. */
  #bounded(answered: Answered): Answered {
    const { length } = answered.text
    if (length <= queryAnswerLengthMax) return answered
    return this.#refuse([
      exceeded("queryAnswerLengthMax", queryAnswerLengthMax, length, "characters"),
    ])
  }

  #refuse(given: readonly unknown[]): Answered {
    const errors = formatErrors(given, this.onMasked)
    return { ...incomplete, text: JSON.stringify({ errors }), refused: errors }
  }
}

const incomplete = { isComplete: false, isOfGraph: false } as const

const graphOnly = new WeakMap<OperationDefinitionNode, boolean>()

function showsGraphOnly(operation: OperationDefinitionNode, fragments: Fragments): boolean {
  const known = graphOnly.get(operation)
  if (known !== undefined) return known
  const fields = [...rootFieldsOf(operation, fragments)]
  const shows = fields.every((field) => field.startsWith("__") || graphFields.has(field))
  graphOnly.set(operation, shows)
  return shows
}

/** Root fields that nothing but a commit for the tenant changes. */
const graphFields: ReadonlySet<string> = new Set([
  "entity",
  "entities",
  "neighbors",
  "path",
  "rank",
  "stats",
])

const notHere = () =>
  new Invalid({
    what: "operation",
    message: "A subscription goes on, and this answers once.",
    next: "Subscribe over WebSocket at /graphql, or over server-sent events at /graphql/stream.",
  })

/** The operation of that name, or the only one. */
export function operationOf(
  ready: ReadyDocument,
  name: string | undefined,
): OperationDefinitionNode {
  const { operations } = ready
  const [only] = operations
  if (name === undefined && only !== undefined && operations.length === 1) return only
  const named = operations.find((operation) => operation.name?.value === name)
  if (name !== undefined && named !== undefined) return named
  const message =
    operations.length === 0
      ? "The document has no operation."
      : "The document has several operations or none of that name; operationName must name one."
  throw new Invalid({ what: "operationName", message })
}

/** One document about one tenant, asked by the owner of the data. */
export interface OwnRequest extends Pick<QueryRequest, "variables" | "operationName"> {
  readonly tenant: string
  readonly document: string
}

/**
 * Answers one document, with or without a running node. Errors are part of the answer; the exit
 * code of a command is that of the first error's `extensions.code` in the catalogue.
 */
export const executeQuery = (
  sources: Sources,
  { tenant, ...request }: OwnRequest,
  onMasked: OnMasked = ignore,
): Effect.Effect<QueryAnswer> =>
  Effect.suspend(() => {
    const access = localAccess(tenant)
    const answer = new Engine(sources, onMasked).answer({ ...request, access })
    const told = isPromise(answer) ? Effect.promise(() => answer) : Effect.succeed(answer)
    return Effect.map(told, ({ text }) => JSON.parse(text) as QueryAnswer)
  })

const ignore: OnMasked = () => undefined
