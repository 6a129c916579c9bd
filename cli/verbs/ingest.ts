/**
 * `intelgraph ingest`: reads files as one source, in a node of its own or through the running one.
 */
import * as Effect from "effect/Effect"
import type { IntelGraphError } from "../../protocols/errors.ts"
import type { Settings } from "../configuration.ts"
import { loadSettings } from "../configuration.ts"
import { sentenceOf } from "../failure.ts"
import { ingestFiles } from "../ingest-files.ts"
import type { Io } from "../io.ts"
import { absolute, formatOf, mappingText, type PlainRequest, sourceNameOf } from "../request.ts"
import { exitOf, type Outcome } from "../run-sources.ts"
import { bundleHint, looksLikeBundle, refuseUnreadable } from "../source-files.ts"
import { summaryTable } from "../summary.ts"
import { type Given, isOn, type RunVerb, textFlag } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const requests = yield* plainRequests(given, settings, io)
    yield* refuseUnreadable(requests.map(({ file }) => file))
    const outcome = yield* ingestFiles(settings, requests, io)
    io.out(isOn(given, "json") ? JSON.stringify(outcome.summary) : summaryTable(outcome.summary))
    if (outcome.error !== undefined) io.tell(sentenceOf(outcome.error))
    hint(outcome, requests, io)
    return exitOf(outcome)
  })

/** What to do next, where there is something. */
function hint(outcome: Outcome, requests: readonly PlainRequest[], io: Io): void {
  if (outcome.interrupted) {
    io.tell("intelgraph: Stopped before the end. Run the same command again to go on from there.")
    return
  }
  const unmapped = requests.find(
    ({ mapping, format }) => mapping === undefined && format !== "stix",
  )
  if (unmapped === undefined || outcome.summary.totals.read === 0) return
  const bundle = requests.find(
    ({ mapping, format, file }) =>
      mapping === undefined && format === "json" && looksLikeBundle(file),
  )
  if (bundle !== undefined) return io.tell(bundleHint(bundle.file))
  io.tell(
    "intelgraph: Without a mapping each record is one entity of type record. " +
      `Propose a mapping with \`npx --no intelgraph mapping infer ${unmapped.file}\`.`,
  )
}

const plainRequests = (
  given: Given,
  settings: Settings,
  io: Io,
): Effect.Effect<readonly PlainRequest[], IntelGraphError> =>
  Effect.gen(function* () {
    const named = textFlag(given, "mapping")
    const path = named === undefined ? undefined : absolute(io.folder, named)
    const mapping = path === undefined ? undefined : { file: path, text: yield* mappingText(path) }
    return yield* Effect.forEach(given.words, (word) =>
      Effect.gen(function* () {
        return {
          tenant: settings.tenant.value,
          source: yield* sourceNameOf(textFlag(given, "source"), word),
          format: yield* formatOf(textFlag(given, "format"), word),
          mapping,
          file: absolute(io.folder, word),
          again: "always" as const,
          maxBadShare: settings.maxBadShare.value,
          ratePerSecondMax: settings.recordsPerSecondMax.value,
        }
      }),
    )
  })
