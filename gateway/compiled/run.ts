/**
 * Runs a plan, level by level: each field is asked of all objects of its level together, so that a
 * read of many is one statement, and its values become JSON text at once, without the objects of a
 * result in between.
 *
 * Gives answers without errors only. Whatever goes wrong (a resolver fails, a value is not of its
 * type, a null stands where none may) is thrown, and the caller has graphql's `execute` answer the
 * request from its beginning: which errors are shown, and how far a null reaches, is decided there
 * alone. Reads change nothing, so a request that fails is answered at twice its cost.
 */
import { isPromise } from "../bridge.ts"
import type { QueryContext } from "../context.ts"
import type { Given } from "./arguments.ts"
import type { FieldPlan, ObjectPlan, ValuePlan } from "./plan.ts"

type Texts = readonly string[]
type MaybeLater<A> = A | Promise<A>

export interface Run {
  readonly context: QueryContext
  readonly variables: Given
}

/** The object's JSON text. Throws or rejects where the answer would have errors. */
export function runPlan(plan: ObjectPlan, run: Run): MaybeLater<string> {
  const texts = textsOfObjects(plan, [undefined], run)
  return isPromise(texts) ? texts.then(([text]) => text ?? "") : (texts[0] ?? "")
}

/** One text for each source; of none, nothing is asked. */
function textsOfObjects(
  plan: ObjectPlan,
  sources: readonly unknown[],
  run: Run,
): MaybeLater<Texts> {
  if (sources.length === 0) return []
  const columns = gathered(plan.fields, (field) => columnOf(field, sources, run))
  return isPromise(columns)
    ? columns.then((all) => assemble(plan, sources.length, all))
    : assemble(plan, sources.length, columns)
}

/** All that is made of the items, at once where all of it is there. */
function gathered<A, B>(
  items: readonly A[],
  make: (item: A) => MaybeLater<B>,
): MaybeLater<readonly B[]> {
  const made: MaybeLater<B>[] = []
  let isLater = false
  try {
    for (const item of items) {
      const one = make(item)
      isLater ||= isPromise(one)
      made.push(one)
    }
  } catch (error) {
    // Nobody waits for the others any more; what they fail with is nobody's business.
    for (const one of made) if (isPromise(one)) one.catch(() => undefined)
    throw error
  }
  return isLater ? Promise.all(made) : (made as readonly B[])
}

function assemble(plan: ObjectPlan, count: number, columns: readonly Texts[]): Texts {
  const { fields } = plan
  if (fields.length === 0) return new Array(count).fill("{}")
  const texts: string[] = []
  for (let row = 0; row < count; row++) {
    let text = ""
    for (let at = 0; at < fields.length; at++) {
      // The pieces become one text when it is sent.
      text += fields[at]?.before ?? ""
      text += columns[at]?.[row] ?? ""
    }
    texts.push(`${text}}`)
  }
  return texts
}

function columnOf(field: FieldPlan, sources: readonly unknown[], run: Run): MaybeLater<Texts> {
  const { constant, resolver, property, value, asks } = field
  if (constant !== undefined) return new Array<string>(sources.length).fill(constant)
  if (resolver === undefined) {
    return textsOfValues(
      value,
      sources.map((source) => ownOf(source, property)),
      run,
    )
  }
  const { resolveAll, text, resolve } = resolver
  if (text !== undefined) {
    const later = (source: unknown) =>
      leafText(value, resolve(source, undefined, run.context, asks))
    return sources.map((source) => text(source) ?? later(source))
  }
  const given = field.argumentsOf(run.variables)
  const found =
    resolveAll === undefined
      ? gathered(sources, (source) => resolve(source, given, run.context, asks))
      : resolveAll(sources, given, run.context, asks)
  const tell = (values: readonly unknown[]) => textsOfValues(value, values, run)
  return isPromise(found) ? found.then(tell) : tell(found)
}

const ownOf = (source: unknown, name: string): unknown =>
  (source as { readonly [name: string]: unknown })[name]

function textsOfValues(plan: ValuePlan, values: readonly unknown[], run: Run): MaybeLater<Texts> {
  switch (plan.kind) {
    case "leaf":
      return values.map((value) => leafText(plan, value))
    case "list":
      return textsOfLists(plan, values, run)
    case "object":
      return textsOfParts(plan, values, run)
  }
}

function leafText(plan: ValuePlan, value: unknown): string {
  if (value == null) return nullOf(plan)
  if (plan.kind !== "leaf") throw new Error("This is no leaf.")
  return plan.of(value)
}

function nullOf({ isNullable }: ValuePlan): "null" {
  if (isNullable) return "null"
  throw new Error("There is a null where none may be.")
}

/** Of values that may be null: the others are objects, told together. */
function textsOfParts(
  plan: ValuePlan & { readonly kind: "object" },
  values: readonly unknown[],
  run: Run,
): MaybeLater<Texts> {
  const there: unknown[] = []
  for (const value of values) {
    if (value == null) nullOf(plan)
    else if (typeof value !== "object" || value instanceof Error || isPromise(value)) {
      throw new Error("This is no object.")
    } else there.push(value)
  }
  const texts = textsOfObjects(plan.of, there, run)
  if (there.length === values.length) return texts
  const spread = (found: Texts) => {
    let next = 0
    return values.map((value) => (value == null ? "null" : (found[next++] ?? "")))
  }
  return isPromise(texts) ? texts.then(spread) : spread(texts)
}

/** The items of all lists are told together. */
function textsOfLists(
  plan: ValuePlan & { readonly kind: "list" },
  values: readonly unknown[],
  run: Run,
): MaybeLater<Texts> {
  const items: unknown[] = []
  for (const value of values) {
    if (value == null) nullOf(plan)
    else if (!Array.isArray(value)) throw new Error("This is no list.")
    else for (const item of value) items.push(item)
  }
  const texts = textsOfValues(plan.of, items, run)
  const gather = (found: Texts) => {
    let next = 0
    return values.map((value) => {
      if (value == null) return "null"
      let text = "["
      for (let at = 0; at < (value as readonly unknown[]).length; at++) {
        if (at > 0) text += ","
        text += found[next++] ?? ""
      }
      return `${text}]`
    })
  }
  return isPromise(texts) ? texts.then(gather) : gather(texts)
}
