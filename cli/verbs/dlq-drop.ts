/** `intelgraph dlq drop`: forgets records that were set aside, for good. */
import * as Effect from "effect/Effect"
import { loadSettings } from "../configuration.ts"
import { plainLetters } from "../letters-request.ts"
import { dropHere } from "../settle-letters.ts"
import { figure } from "../text-table.ts"
import { exit, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const plain = yield* plainLetters(given, settings, io)
    const { selected, dropped } = yield* dropHere(settings, plain, io)
    const { dryRun } = plain
    if (isOn(given, "json")) io.out(JSON.stringify({ dryRun, selected, dropped }))
    else if (selected === 0) io.out("No dead letter is of that kind.")
    else if (dryRun) io.out(`${figure(selected)} dead letters would be dropped.`)
    else io.out(`${figure(dropped)} dead letters are dropped.`)
    return exit.done
  })
