/** `intelgraph restore`: a new data directory from a backup. */
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import { restoreDirectory } from "../../runtime/index.ts"
import { renewFeed } from "../../stores/index.ts"
import { loadSettings } from "../configuration.ts"
import { exit, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const target = settings.dataDir.value
    const from = resolve(io.folder, given.words[0] ?? "")
    yield* restoreDirectory({ from, target, graph: renewFeed })
    if (isOn(given, "json")) io.out(JSON.stringify({ from, dataDir: target }))
    else io.out(`${target} is restored from ${from}.`)
    return exit.done
  })
