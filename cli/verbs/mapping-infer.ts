/** `intelgraph mapping infer`: a proposal on stdout, to be read and mended by a person. */
import * as Effect from "effect/Effect"
import { inferFileMapping } from "../../actors/index.ts"
import { Invalid } from "../../protocols/errors.ts"
import { absolute, formatOf } from "../request.ts"
import { bundleHint, looksLikeBundle } from "../source-files.ts"
import { exit, isOn, type RunVerb, textFlag } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const [word = ""] = given.words
    const format = yield* formatOf(textFlag(given, "format"), word)
    if (format === "stix") {
      const message = "STIX needs no mapping: ingest it with --format stix."
      return yield* new Invalid({ what: "format", message })
    }
    const file = absolute(io.folder, word)
    const mapping = yield* inferFileMapping(file, format)
    if (format === "json" && looksLikeBundle(file)) io.tell(bundleHint(file))
    io.out(isOn(given, "json") ? JSON.stringify({ file, format, mapping }) : mapping)
    return exit.done
  })
