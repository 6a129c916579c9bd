/**
 * The scope that each root field needs. A root field that is not named here is a broken invariant:
 * a test compares this list with the schema.
 */
import type { FragmentDefinitionNode, OperationDefinitionNode, SelectionSetNode } from "graphql"
import { Kind } from "graphql"
import { invariant } from "../../protocols/errors.ts"
import type { Access, Scope } from "./access.ts"
import { requireScope, tenantOf } from "./access.ts"
import type { Audit } from "./audit.ts"

/** By operation type, then field. */
export const scopeOfField: { readonly [operation: string]: { readonly [field: string]: Scope } } = {
  query: {
    entity: "read",
    entities: "read",
    neighbors: "read",
    path: "read",
    rank: "read",
    stats: "read",
    progress: "read",
    receipt: "write",
    deadLetters: "operate",
    actors: "operate",
  },
  mutation: { ingest: "write", retract: "write" },
  subscription: { entityChanged: "read", sourceProgress: "read", actorChanged: "operate" },
}

/** What the node's operator sees of all tenants; for any other field one is to be named. */
const fieldsOfNode: ReadonlySet<string> = new Set(["actors", "actorChanged"])

/** Throws `Forbidden` where any root field of the operation is out of reach; audits that. */
export function checkScopes(
  access: Access,
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  audit: Audit | undefined,
): void {
  for (const [field, scope] of neededBy(operation, fragments)) {
    const isNowhere = access.tenant === undefined && !fieldsOfNode.has(field)
    if (isNowhere || !access.scopes.has(scope)) {
      audit?.({ access, action: "ask", what: field, outcome: "refused" })
    }
    requireScope(access, scope, field)
    if (isNowhere) tenantOf(access)
  }
}

type Needed = readonly (readonly [field: string, scope: Scope])[]

const known = new WeakMap<OperationDefinitionNode, Needed>()

/** The scopes of the operation's fields, found out once. */
function neededBy(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): Needed {
  const needed = known.get(operation) ?? scopesOf(operation, rootFieldsOf(operation, fragments))
  known.set(operation, needed)
  return needed
}

const scopesOf = ({ operation }: OperationDefinitionNode, fields: ReadonlySet<string>): Needed =>
  [...fields]
    .filter((field) => !field.startsWith("__"))
    .map((field) => {
      const scope = scopeOfField[operation]?.[field]
      invariant(scope !== undefined, `The field ${field} has a scope.`)
      return [field, scope]
    })

/** Names of the fields of the operation's root, fragments written out. */
export const rootFieldsOf = (
  { selectionSet }: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): ReadonlySet<string> => rootFields(selectionSet, fragments, new Set())

function rootFields(
  set: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  seen: Set<string>,
): ReadonlySet<string> {
  const fields = new Set<string>()
  const add = (inner: SelectionSetNode) => {
    for (const field of rootFields(inner, fragments, seen)) fields.add(field)
  }
  for (const selection of set.selections) {
    if (selection.kind === Kind.FIELD) fields.add(selection.name.value)
    else if (selection.kind === Kind.INLINE_FRAGMENT) add(selection.selectionSet)
    else if (!seen.has(selection.name.value)) {
      seen.add(selection.name.value)
      const fragment = fragments.get(selection.name.value)
      if (fragment !== undefined) add(fragment.selectionSet)
    }
  }
  return fields
}
