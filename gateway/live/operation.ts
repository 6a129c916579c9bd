/**
 * A subscription made ready: checked in full before anything is sent, then executed once for each
 * event. What is refused here has read nothing.
 *
 * Subscriptions share their events where they are of the same `group`: the same document, operation
 * name, variables and reach of access. A variable that is only the place to resume from does not
 * tell them apart.
 */
import { hash } from "node:crypto"
import type {
  FieldNode,
  GraphQLFormattedError,
  OperationDefinitionNode,
  ValidatedSubscriptionArgs,
  VariableNode,
} from "graphql"
import {
  executeSubscriptionEvent,
  getArgumentValues,
  Kind,
  validateSubscriptionArgs,
  visit,
} from "graphql"
import { LimitExceeded } from "../../protocols/errors.ts"
import { liveEventLengthMax } from "../../protocols/limits.ts"
import { type Access, reachOf } from "../access/access.ts"
import { checkScopes } from "../access/scopes.ts"
import { andThen } from "../bridge.ts"
import { QueryContext } from "../context.ts"
import { checkCost } from "../cost.ts"
import type { ReadyDocument } from "../document.ts"
import { formatErrors } from "../errors.ts"
import type { Engine, QueryAnswer, QueryRequest } from "../execute.ts"
import { operationOf } from "../execute.ts"
import { servedSchema } from "../schema.ts"

export interface Subscription {
  readonly access: Access
  readonly field: string
  readonly args: { readonly [name: string]: unknown }
  /** Equal where events are. */
  readonly group: string
  /** The event with this value of the root field, as JSON text. Neither throws nor rejects. */
  readonly execute: (value: unknown) => string | Promise<string>
}

export type Prepared =
  | { readonly subscription: Subscription }
  /** `Engine.answer` answers it. */
  | { readonly answeredOnce: "query" | "mutation" }
  | { readonly refused: readonly GraphQLFormattedError[] }

export function prepareSubscription(engine: Engine, request: QueryRequest): Prepared {
  const refuse = (errors: readonly unknown[]) => ({
    refused: formatErrors(errors, engine.onMasked),
  })
  const prepared = engine.prepare(request)
  if ("refused" in prepared) return refuse(prepared.refused)
  try {
    const operation = operationOf(prepared.ready, request.operationName)
    if (operation.operation !== "subscription") return { answeredOnce: operation.operation }
    checkScopes(request.access, operation, prepared.ready.fragments, engine.sources.audit)
    checkCost(servedSchema(), prepared.ready, operation, request.variables ?? {})
    const checked = validateSubscriptionArgs({
      schema: servedSchema(),
      document: prepared.ready.document,
      variableValues: request.variables ?? {},
      operationName: request.operationName,
    })
    if (!("operation" in checked)) return refuse(checked)
    return { subscription: subscriptionOf(engine, request, prepared.ready, checked) }
  } catch (error) {
    return refuse([error])
  }
}

function subscriptionOf(
  engine: Engine,
  request: QueryRequest,
  ready: ReadyDocument,
  checked: ValidatedSubscriptionArgs,
): Subscription {
  const { access } = request
  const node = rootField(checked.operation, ready)
  const field = node.name.value
  const definition = servedSchema().getSubscriptionType()?.getFields()[field]
  return {
    access,
    field,
    args: definition ? getArgumentValues(definition, node, checked.variableValues) : {},
    group: groupOf(request, ready, checked, resumeVariable(ready, checked.operation, node)),
    execute: (value) => {
      const executed = executeSubscriptionEvent({
        ...checked,
        rootValue: { [field]: value },
        contextValue: new QueryContext(engine.sources, access),
      })
      return andThen(executed, ({ data, errors }) =>
        encode(engine, errors === undefined ? { data } : { data, errors: show(engine, errors) }),
      )
    },
  }
}

const show = (engine: Engine, errors: readonly unknown[]) => formatErrors(errors, engine.onMasked)

/** Validation has seen to it that there is one, which no directive leaves out. */
function rootField(operation: OperationDefinitionNode, { fragments }: ReadyDocument): FieldNode {
  let [selection] = operation.selectionSet.selections
  while (selection !== undefined && selection.kind !== Kind.FIELD) {
    const inner =
      selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
    selection = inner?.selectionSet.selections[0]
  }
  if (selection === undefined) throw new Error("The subscription has no field.")
  return selection
}

/** The variable that gives the root field's `after` and nothing else. */
function resumeVariable(
  { fragments }: ReadyDocument,
  operation: OperationDefinitionNode,
  root: FieldNode,
): string | undefined {
  const after = root.arguments?.find((argument) => argument.name.value === "after")?.value
  if (after?.kind !== Kind.VARIABLE) return undefined
  const name = after.name.value
  let uses = 0
  const count = {
    Variable: (node: VariableNode) => {
      if (node.name.value === name) uses += 1
    },
  }
  visit(operation.selectionSet, count)
  for (const fragment of fragments.values()) visit(fragment, count)
  return uses === 1 ? name : undefined
}

function groupOf(
  { access, operationName }: QueryRequest,
  { text }: ReadyDocument,
  { variableValues }: ValidatedSubscriptionArgs,
  without: string | undefined,
): string {
  const variables = Object.entries(variableValues.coerced).filter(([name]) => name !== without)
  const same = [reachOf(access), text, operationName ?? null, variables]
  return hash("sha256", JSON.stringify(same), "base64url")
}

function encode(engine: Engine, answer: QueryAnswer): string {
  const text = JSON.stringify(answer)
  if (text.length <= liveEventLengthMax) return text
  const refused = new LimitExceeded({
    limit: "liveEventLengthMax",
    bound: liveEventLengthMax,
    value: text.length,
    message: `The event has ${text.length} characters, at most ${liveEventLengthMax} are sent.`,
    next: "Select less of the entity, and read it by its id.",
  })
  return JSON.stringify({ data: null, errors: show(engine, [refused]) })
}
