/**
 * `intelgraph retract`: takes back what records of a source said, in a node of its own or through
 * the running one. The keys are read like a file of the source.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Invalid } from "../../protocols/errors.ts"
import { loadSettings } from "../configuration.ts"
import { sentenceOf } from "../failure.ts"
import { ingestFiles } from "../ingest-files.ts"
import { absolute, sourceNameOf } from "../request.ts"
import { exitOf } from "../run-sources.ts"
import { refuseUnreadable } from "../source-files.ts"
import { summaryTable } from "../summary.ts"
import { isOn, type RunVerb, textFlag } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const named = textFlag(given, "source")
    const file = textFlag(given, "file")
    if (named === undefined) return yield* refuse("--source names the source of the records.")
    const source = yield* sourceNameOf(named, "")
    if ((file === undefined) === (given.words.length === 0)) {
      return yield* refuse("Keys are given either as words or by --file.")
    }
    const path = file === undefined ? yield* fileOf(given.words) : absolute(io.folder, file)
    yield* refuseUnreadable([path])
    const request = {
      tenant: settings.tenant.value,
      source,
      format: "retract" as const,
      mapping: undefined,
      file: path,
      again: "always" as const,
      maxBadShare: settings.maxBadShare.value,
      ratePerSecondMax: undefined,
    }
    const outcome = yield* ingestFiles(settings, [request], io)
    io.out(isOn(given, "json") ? JSON.stringify(outcome.summary) : summaryTable(outcome.summary))
    if (outcome.error !== undefined) io.tell(sentenceOf(outcome.error))
    if (outcome.interrupted) {
      io.tell("intelgraph: Stopped before the end. Run the same command again.")
    }
    return exitOf(outcome)
  })

const refuse = (message: string) => Effect.fail(new Invalid({ what: "retract", message }))

/** The keys as a file that is there until the command ends. */
const fileOf = (keys: readonly string[]): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "intelgraph-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true })),
    ),
    (folder) => {
      const file = join(folder, "keys.ndjson")
      writeFileSync(file, keys.map((key) => `${JSON.stringify(key)}\n`).join(""), { mode: 0o600 })
      return file
    },
  )
