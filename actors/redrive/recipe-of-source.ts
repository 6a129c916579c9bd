/** By which recipe the records of a source are read now. */
import * as Effect from "effect/Effect"
import { formatAddress } from "../../protocols/address.ts"
import { type IntelGraphError, Invalid } from "../../protocols/errors.ts"
import type { Mapping } from "../../protocols/mapping.ts"
import type { ActorStateShape } from "../../runtime/index.ts"
import { checkRecipe } from "../cutting/layout.ts"
import { shardOfConnector } from "../partition.ts"
import { decodeRecipe } from "../recipes.ts"
import { decodeRun, fileReadBy, recipePath, runPath } from "../run-record.ts"
import type { Recipe, SourceFormat } from "../source.ts"

/** As somebody says it, or as the configuration does. */
export interface NamedRecipe {
  readonly format: SourceFormat
  readonly mapping: Mapping | undefined
}

type State = Pick<ActorStateShape, "read">

/**
 * The one that is named, else that of what was read last of the source. Columns of a CSV header are
 * known from there in either case: a record has none by itself.
 */
export const recipeOfSource = (
  state: State,
  tenant: string,
  source: string,
  named: NamedRecipe | undefined,
): Effect.Effect<Recipe, IntelGraphError> =>
  Effect.gen(function* () {
    const last = yield* lastRecipe(state, tenant, source)
    const recipe = named === undefined ? last : yield* withColumns(named, last)
    if (recipe === undefined) return yield* unknown(source)
    if (recipe.format === "csv" && recipe.columns === undefined) return yield* noColumns(source)
    return recipe
  })

function withColumns(named: NamedRecipe, last: Recipe | undefined): Effect.Effect<Recipe, Invalid> {
  const { format, mapping } = named
  const { columns = [] } = mapping?.csv ?? {}
  const read = columns.length > 0 ? columns : last?.columns
  return Effect.try({
    try: () => {
      checkRecipe(named)
      return { format, mapping, columns: format === "csv" ? read : undefined }
    },
    catch: (thrown) => {
      if (thrown instanceof Invalid) return thrown
      throw thrown
    },
  })
}

/** Of the last file that was read to its end, else of the last run; retractions are none. */
const lastRecipe = (
  state: State,
  tenant: string,
  source: string,
): Effect.Effect<Recipe | undefined, IntelGraphError> =>
  Effect.gen(function* () {
    const shard = shardOfConnector(formatAddress({ tenant, kind: "connector", key: source }))
    const bytes = yield* state.read(shard, runPath(tenant, source))
    if (bytes === undefined) return undefined
    const record = decodeRun(bytes)
    const digest = fileReadBy(record)?.recipeDigest ?? record.recipeDigest
    const stored = yield* state.read(shard, recipePath(tenant, digest))
    const recipe = stored === undefined ? undefined : decodeRecipe(stored)
    return recipe?.format === "retract" ? undefined : recipe
  })

const next = "Name --format, and --mapping where it has one."

const unknown = (source: string) =>
  new Invalid({
    what: "recipe",
    message: `Nothing tells how records of the source ${source} are read.`,
    next,
  })

const noColumns = (source: string) =>
  new Invalid({
    what: "recipe",
    message: `The columns of the source ${source} are not known: no file of it was read.`,
    next: "Name them in the mapping's csv.columns.",
  })
