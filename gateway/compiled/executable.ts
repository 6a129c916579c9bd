/** The plans of an operation, made when they are first needed and kept as long as its document. */
import type { OperationDefinitionNode, VariableNode } from "graphql"
import { Kind, visit } from "graphql"
import { planConditionsMax, planFieldsMax } from "../../protocols/limits.ts"
import type { QueryContext } from "../context.ts"
import type { Variables } from "../cost.ts"
import type { ReadyDocument } from "../document.ts"
import { servedSchema } from "../schema.ts"
import {
  type CoerceVariables,
  type Given,
  type Places,
  placesOf,
  variablesOf,
} from "./arguments.ts"
import { NoPlan, type ObjectPlan, type OperationPlan, planOf } from "./plan.ts"
import { runPlan } from "./run.ts"

const executables = new WeakMap<OperationDefinitionNode, Executable>()

/**
 * The result's `data` as JSON text; `undefined` where `execute` must answer. Throws or rejects
 * where `execute` would have errors.
 */
export function runCompiled(
  ready: ReadyDocument,
  operation: OperationDefinitionNode,
  given: Variables,
  context: QueryContext,
): string | Promise<string> | undefined {
  if (operation.operation !== "query") return undefined
  let executable = executables.get(operation)
  if (executable === undefined) {
    executable = new Executable(ready, operation)
    executables.set(operation, executable)
  }
  const variables = executable.variablesOf(given)
  const plan = variables && executable.planFor(variables)
  return plan && runPlan(plan, { context, variables })
}

class Executable {
  readonly #ready: ReadyDocument
  readonly #operation: OperationDefinitionNode
  readonly #places: Places
  readonly variablesOf: CoerceVariables
  /** Variables that `@skip` and `@include` ask. */
  readonly #conditions: readonly string[]
  readonly #plans = new Map<string, ObjectPlan | undefined>()
  /** Fields of all of them. */
  #fieldCount = 0

  constructor(ready: ReadyDocument, operation: OperationDefinitionNode) {
    this.#ready = ready
    this.#operation = operation
    this.#conditions = conditionsOf(ready)
    this.#places = placesOf(operation)
    this.variablesOf = variablesOf(servedSchema(), operation)
  }

  planFor({ values }: Given): ObjectPlan | undefined {
    if (this.#conditions.length > planConditionsMax) return undefined
    let key = ""
    for (const name of this.#conditions) {
      const value = values[this.#places.get(name) ?? -1]
      key += value === true ? "1" : value === false ? "0" : "-"
    }
    const known = this.#plans.get(key)
    if (known !== undefined || this.#plans.has(key)) return known
    return this.#keep(key, this.#make(key))
  }

  #keep(key: string, made: OperationPlan | undefined): ObjectPlan | undefined {
    this.#fieldCount += made?.fieldCount ?? 0
    if (this.#fieldCount > planFieldsMax) {
      this.#plans.clear()
      this.#fieldCount = made?.fieldCount ?? 0
    }
    this.#plans.set(key, made?.root)
    return made?.root
  }

  #make(key: string): OperationPlan | undefined {
    const conditions = new Map<string, boolean>()
    for (const [at, name] of this.#conditions.entries()) {
      if (key[at] !== "-") conditions.set(name, key[at] === "1")
    }
    const { fragments } = this.#ready
    const [schema, operation, places] = [servedSchema(), this.#operation, this.#places]
    try {
      return planOf({ schema, operation, fragments, places, conditions })
    } catch (error) {
      if (error instanceof NoPlan) return undefined
      throw error
    }
  }
}

/** Of the whole document, which may have more than one of its operations asks. */
function conditionsOf({ document }: ReadyDocument): readonly string[] {
  const names = new Set<string>()
  const variables = { Variable: ({ name }: VariableNode) => void names.add(name.value) }
  visit(document, {
    [Kind.DIRECTIVE]: (node) => {
      visit(node, variables)
    },
  })
  return [...names]
}
