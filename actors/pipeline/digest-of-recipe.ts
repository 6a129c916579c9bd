/** The digest of a recipe: in every block and every dedupe hash (contracts §3, §4). */
import { hash } from "node:crypto"
import { canonicalJson, type Json } from "../../protocols/canonical.ts"
import type { Recipe } from "../source.ts"

/**
 * SHA-256 over the recipe's canonical JSON. Equal meaning, equal digest: order and space do not
 * count.
 */
export function digestOfRecipe(recipe: Recipe): Uint8Array {
  const { format, mapping, columns } = recipe
  const json: Json = {
    format,
    ...(mapping === undefined ? {} : { mapping: mapping as unknown as Json }),
    ...(columns === undefined ? {} : { columns }),
  }
  return hash("sha256", canonicalJson(json), "buffer")
}
