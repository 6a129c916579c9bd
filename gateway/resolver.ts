/**
 * How a field's value is come by. Graphql's own `execute` asks one object at a time; a compiled
 * plan asks all objects of a level together where the field can be read so.
 */
import type { FieldNode, FragmentDefinitionNode, SelectionSetNode } from "graphql"
import { Kind } from "graphql"
import { andThen } from "./bridge.ts"
import type { QueryContext } from "./context.ts"

type MaybeLater<A> = A | Promise<A>

export type Resolve = (
  source: unknown,
  given: unknown,
  context: QueryContext,
  asks: Asks,
) => unknown

/** One value for each source, in their order. */
export type ResolveAll = (
  sources: readonly unknown[],
  given: unknown,
  context: QueryContext,
  asks: Asks,
) => MaybeLater<readonly unknown[]>

export interface Resolver {
  readonly resolve: Resolve
  readonly resolveAll?: ResolveAll
  /** The value's JSON text where the source has it; it must be what the value would make. */
  readonly text?: (source: unknown) => string | undefined
}

/** Resolvers by `Type.field`; a field without one is the property of its name. */
export type Resolvers = { readonly [coordinate: string]: Resolver }

/** Gives a resolver the types that the schema promises it. */
export const resolver = <S, A>(
  resolve: (source: S, given: A, context: QueryContext, asks: Asks) => unknown,
): Resolver => ({ resolve: resolve as Resolve })

/** Of a field that is read of many objects at once. */
export const resolverOfAll = <S, A>(
  resolveAll: (
    sources: readonly S[],
    given: A,
    context: QueryContext,
  ) => MaybeLater<readonly unknown[]>,
): Resolver => ({
  resolve: (source, given, context) =>
    andThen(resolveAll([source as S], given as A, context), ([only]) => only),
  resolveAll: resolveAll as ResolveAll,
})

/** Of a field whose text the source may hold. */
export const resolverOfText = <S>(
  resolve: (source: S) => unknown,
  text: (source: S) => string | undefined,
): Resolver => ({
  resolve: resolve as Resolve,
  text: text as (source: unknown) => string | undefined,
})

type FragmentOf = (name: string) => FragmentDefinitionNode | undefined

/**
 * The fields that are asked of a value by name, whatever `@skip` and `@include` say. Looked up
 * where somebody wants to know, and then once.
 */
export class Asks {
  readonly #nodes: readonly FieldNode[]
  readonly #fragmentOf: FragmentOf
  readonly #inner = new Map<string, Asks>()
  #fields: ReadonlyMap<string, readonly FieldNode[]> | undefined

  constructor(nodes: readonly FieldNode[], fragmentOf: FragmentOf) {
    this.#nodes = nodes
    this.#fragmentOf = fragmentOf
  }

  has(name: string): boolean {
    return this.#byName().has(name)
  }

  /** What is asked of the field of that name. */
  of(name: string): Asks {
    const known = this.#inner.get(name)
    if (known !== undefined) return known
    const asks = new Asks(this.#byName().get(name) ?? [], this.#fragmentOf)
    this.#inner.set(name, asks)
    return asks
  }

  #byName(): ReadonlyMap<string, readonly FieldNode[]> {
    if (this.#fields !== undefined) return this.#fields
    const fields = new Map<string, FieldNode[]>()
    const seen = new Set<string>()
    for (const { selectionSet } of this.#nodes)
      addFields(selectionSet, this.#fragmentOf, fields, seen)
    this.#fields = fields
    return fields
  }
}

function addFields(
  set: SelectionSetNode | undefined,
  fragmentOf: FragmentOf,
  fields: Map<string, FieldNode[]>,
  seen: Set<string>,
): void {
  for (const selection of set?.selections ?? []) {
    if (selection.kind === Kind.FIELD) {
      const name = selection.name.value
      fields.set(name, [...(fields.get(name) ?? []), selection])
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      addFields(selection.selectionSet, fragmentOf, fields, seen)
    } else if (!seen.has(selection.name.value)) {
      seen.add(selection.name.value)
      addFields(fragmentOf(selection.name.value)?.selectionSet, fragmentOf, fields, seen)
    }
  }
}
