/**
 * Recipes by digest: kept in memory while they are used, durable beside the run that wrote them.
 */
import { canonicalJson, type Json } from "../protocols/canonical.ts"
import { recipesCachedMax } from "../protocols/limits.ts"
import type { Recipe } from "./source.ts"

export class RecipeBook {
  readonly #recipes = new Map<string, Recipe>()

  get(digest: string): Recipe | undefined {
    const recipe = this.#recipes.get(digest)
    if (recipe !== undefined) this.#keep(digest, recipe)
    return recipe
  }

  put(digest: string, recipe: Recipe): void {
    this.#keep(digest, recipe)
    if (this.#recipes.size <= recipesCachedMax) return
    for (const oldest of this.#recipes.keys()) {
      this.#recipes.delete(oldest)
      return
    }
  }

  #keep(digest: string, recipe: Recipe): void {
    this.#recipes.delete(digest)
    this.#recipes.set(digest, recipe)
  }
}

/** Written once per digest; the digest is over these bytes' meaning, so they are never mended. */
export function encodeRecipe(recipe: Recipe): Uint8Array {
  const json = { format: recipe.format, mapping: recipe.mapping, columns: recipe.columns }
  const plain = JSON.parse(JSON.stringify({ version: 1, ...json })) as Json
  return Buffer.from(canonicalJson(plain), "utf8")
}

export function decodeRecipe(bytes: Uint8Array): Recipe {
  const json = JSON.parse(Buffer.from(bytes).toString("utf8")) as Recipe
  return { format: json.format, mapping: json.mapping, columns: json.columns }
}
