/**
 * Which run of its source a reading is: the one that was interrupted, where that was of the same
 * content by the same recipe; one that a later run has overtaken; or a new one (contracts §3).
 */
import type { Run } from "../protocols/event.ts"
import type { IngestRequest } from "./api.ts"
import { isWrite } from "./api.ts"
import { OvertakenRun, overtakenBy } from "./overtaken.ts"
import { digestOfRecipe } from "./pipeline/digest-of-recipe.ts"
import { encodeRecipe } from "./recipes.ts"
import { encodeRun, fileReadBy, type RunRecord, recipePath, runPath } from "./run-record.ts"
import type { OpenSource, Recipe, SourcePlace } from "./source.ts"

export const beginningOfSource: SourcePlace = { offset: 0, ordinal: 0 }

interface Content {
  readonly hash: string
  readonly recipe: Recipe
}

export interface BegunRun {
  readonly record: RunRecord
  /** Where what is read is not the source's newest run. */
  readonly overtaken: OvertakenRun | undefined
  /** Some of it may be committed already. */
  readonly isKnown: boolean
  /** What is kept of it before its first block. */
  readonly entries: readonly { readonly path: readonly string[]; readonly value: Uint8Array }[]
}

/** What `before`, the source's record, comes to when `source` is opened under this epoch. */
export function beginRun(
  request: IngestRequest,
  source: OpenSource,
  before: RunRecord | undefined,
  epoch: number,
): BegunRun {
  const recipeDigest = hexDigestOf(source.recipe)
  const { contentHash } = source
  const resumed = goesOn(before, { hash: contentHash, recipe: source.recipe }) ? before : undefined
  const overtaken =
    resumed === undefined ? OvertakenRun.of(before, { contentHash, recipeDigest }) : undefined
  const record: RunRecord = {
    run: resumed?.run ?? overtaken?.run ?? nextRun(before, epoch),
    state: "open",
    file: request.file,
    contentHash,
    recipeDigest,
    position: resumed?.position ?? beginningOfSource,
    fileRead: isWrite(request) ? fileReadBy(before) : undefined,
    overtaken: resumed === undefined ? overtakenBy(before) : resumed.overtaken,
  }
  const { tenant } = request
  const written = overtaken?.recordAs("open") ?? record
  return {
    record,
    overtaken,
    isKnown: resumed !== undefined || overtaken !== undefined,
    entries: [
      { path: recipePath(tenant, recipeDigest), value: encodeRecipe(source.recipe) },
      { path: runPath(tenant, request.source), value: encodeRun(written) },
    ],
  }
}

/** From where this content is read, once it is known. */
export const placeToRead = (before: RunRecord | undefined, content: Content): SourcePlace =>
  goesOn(before, content) ? before.position : beginningOfSource

export const hexDigestOf = (recipe: Recipe): string =>
  Buffer.from(digestOfRecipe(recipe)).toString("hex")

/** The same content by the same recipe, not read to its end: it goes on as the same run. */
const goesOn = (before: RunRecord | undefined, { hash, recipe }: Content): before is RunRecord =>
  before?.state === "open" &&
  before.contentHash === hash &&
  before.recipeDigest === hexDigestOf(recipe)

/** Run numbers of a source rise for ever: the epoch first, then the count under it. */
const nextRun = (before: RunRecord | undefined, epoch: number): Run => ({
  epoch,
  count: before?.run.epoch === epoch ? before.run.count + 1 : 1,
})
