/** `intelgraph doctor`: looks at what a node stands on and says what to do about it. */
import * as Effect from "effect/Effect"
import { loadSettings } from "../configuration.ts"
import type { Check } from "../doctor/check.ts"
import { directoryChecks } from "../doctor/directory.ts"
import { machineChecks } from "../doctor/machine.ts"
import { exit, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const checks = [
      ...(yield* machineChecks(settings)),
      ...(yield* directoryChecks(settings.dataDir.value)),
    ]
    if (isOn(given, "json")) io.out(JSON.stringify({ checks }))
    else io.out(checks.map(checkLine).join("\n"))
    return checks.some(({ state }) => state === "fail") ? exit.failed : exit.done
  })

export const checkLine = ({ state, name, found, next }: Check): string =>
  `${state.padEnd(4)}  ${name}: ${found}${next === undefined ? "" : ` ${next}`}`
