/** `intelgraph config check`: what holds, and where each value comes from. */
import { existsSync } from "node:fs"
import * as Effect from "effect/Effect"
import { Invalid } from "../../protocols/errors.ts"
import { loadSettings, type Settings } from "../configuration.ts"
import type { Setting } from "../readers.ts"
import { ingestRequest, mappingText } from "../request.ts"
import { scheduleOf } from "../schedules.ts"
import { textTable } from "../text-table.ts"
import { exit, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const [file] = given.words
    const named = file === undefined ? given : { ...given, flags: { ...given.flags, config: file } }
    const settings = yield* loadSettings(named, { env: io.env, folder: io.folder })
    yield* checkSources(settings)
    if (isOn(given, "json")) io.out(JSON.stringify(settings))
    else io.out(settingsText(settings))
    return exit.done
  })

/** Every file is there and every mapping can be read. */
const checkSources = ({ tenants }: Settings): Effect.Effect<void, Invalid> =>
  Effect.forEach(
    tenants.flatMap(({ tenant, sources }) => sources.map((source) => ({ tenant, source }))),
    ({ tenant, source: { name, format, file, mapping } }) =>
      Effect.gen(function* () {
        if (!existsSync(file)) {
          const message = `The source ${name} of ${tenant} has no file ${file}.`
          return yield* new Invalid({ what: "configuration", message })
        }
        if (mapping === undefined) return
        const document = { file: mapping, text: yield* mappingText(mapping) }
        const rest = { tenant, source: name, format, file, again: "once" as const, maxBadShare: 1 }
        yield* ingestRequest({ ...rest, mapping: document, ratePerSecondMax: undefined })
      }),
    { discard: true },
  )

function settingsText(settings: Settings): string {
  const rows = Object.entries(settings)
    .filter((entry): entry is [string, Setting<unknown>] => isSetting(entry[1]))
    .map(([name, { value, from }]) => [name, String(value ?? "-"), from])
  const sources = settings.tenants.flatMap(({ tenant, sources }) =>
    sources.map((source) => {
      const { name, format, file } = source
      return [tenant, name, format, scheduleOf(source, Date.now())?.text ?? "-", file]
    }),
  )
  return [
    settings.file ?? "no configuration file",
    "",
    textTable(["setting", "value", "from"], rows),
    ...(sources.length === 0
      ? []
      : ["", textTable(["tenant", "source", "format", "read again", "file"], sources)]),
  ].join("\n")
}

const isSetting = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "from" in value && "value" in value
