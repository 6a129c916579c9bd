/**
 * From a record's bytes to its value, by the recipe's format; and the plan of a recipe, made once.
 */
import type { Json } from "../../protocols/canonical.ts"
import { parseRow, recordOfRow } from "../cutting/csv-row.ts"
import { decodeText, readExactly } from "../mapping/json.ts"
import { type MappingPlan, planOf } from "../mapping/plan.ts"
import type { Recipe } from "../source.ts"

const plans = new WeakMap<Recipe, MappingPlan | undefined>()

/** The recipe's mapping with its paths parsed; `undefined` where the recipe has none. */
export function planOfRecipe(recipe: Recipe): MappingPlan | undefined {
  if (recipe.mapping === undefined) return undefined
  const known = plans.get(recipe)
  if (known !== undefined) return known
  const plan = planOf(recipe.mapping)
  plans.set(recipe, plan)
  return plan
}

export const delimiterOf = (recipe: Recipe): string => recipe.mapping?.csv?.delimiter ?? ","

const emptyCell: readonly string[] = [""]

/** Runs `read` on the record's value. Throws a `Rejection` where the bytes are no record. */
export function readRecord<A>(bytes: Uint8Array, recipe: Recipe, read: (record: Json) => A): A {
  const text = decodeText(bytes)
  if (recipe.format !== "csv") return readExactly(text, read)
  const cells = parseRow(text, delimiterOf(recipe))
  return read(recordOfRow(cells, recipe.columns ?? [], recipe.mapping?.csv?.null ?? emptyCell))
}
