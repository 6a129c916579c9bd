/** `intelgraph restore`: a new data directory from a backup. */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import { DataDirectoryRefused, StoreFailed } from "../../protocols/errors.ts"
import { dataFiles, openDataDirectoryReadOnly } from "../../runtime/index.ts"
import { loadSettings } from "../configuration.ts"
import { exit, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const target = settings.dataDir.value
    const from = resolve(io.folder, given.words[0] ?? "")
    if (existsSync(target)) {
      const message = `${target} exists already; a restore never overwrites.`
      return yield* new DataDirectoryRefused({ path: target, reason: "foreign", message })
    }
    yield* Effect.scoped(openDataDirectoryReadOnly(from))
    yield* Effect.try({
      try: () => copyAll(from, target),
      catch: (error) => {
        const why = error instanceof Error ? error.message : String(error)
        return new StoreFailed({ store: target, message: `${from} cannot be restored: ${why}.` })
      },
    })
    if (isOn(given, "json")) io.out(JSON.stringify({ from, dataDir: target }))
    else io.out(`${target} is restored from ${from}.`)
    return exit.done
  })

/** The directory gets its name when it is whole. */
function copyAll(from: string, target: string): void {
  const partial = `${target}.partial`
  const source = dataFiles(from)
  const copy = dataFiles(partial)
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { recursive: true, mode: 0o700 })
  try {
    for (const name of ["meta", "log", "graph"] as const) copyFileSync(source[name], copy[name])
    renameSync(partial, target)
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    throw error
  }
}
