/** `intelgraph dlq show`: one record that was set aside, with its bytes. */
import * as Effect from "effect/Effect"
import { NotFound } from "../../protocols/errors.ts"
import { openDataDirectoryReadOnly } from "../../runtime/index.ts"
import { loadSettings } from "../configuration.ts"
import { wholeDeadLetter } from "../dead-letter.ts"
import { openViewOf } from "../open-ports.ts"
import { exit, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const [id = ""] = given.words
    const directory = yield* openDataDirectoryReadOnly(settings.dataDir.value)
    const { reads } = yield* openViewOf(settings, directory)
    const { items } = yield* reads.deadLetters(settings.tenant.value, { id }, { first: 1 })
    const [found] = items
    if (found === undefined) {
      const message = `There is no dead letter ${JSON.stringify(id.slice(0, 80))}.`
      return yield* new NotFound({ what: "dead letter", message })
    }
    const { text, base64, ...letter } = wholeDeadLetter(found)
    if (isOn(given, "json")) {
      io.out(JSON.stringify({ ...letter, text, base64 }))
      return exit.done
    }
    const facts = Object.entries(letter).map(([name, value]) => `${name.padEnd(12)} ${value}`)
    io.out([...facts, "", text ?? base64].join("\n"))
    return exit.done
  })
