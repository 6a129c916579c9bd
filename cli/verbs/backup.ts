/** `intelgraph backup`: by the running node, or by this process where none runs. */
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import { DataDirectoryRefused, type IntelGraphError } from "../../protocols/errors.ts"
import {
  backupDirectory,
  dataFiles,
  openDataDirectory,
  openDataDirectoryReadOnly,
  openEmbeddedLog,
} from "../../runtime/index.ts"
import { loadSettings } from "../configuration.ts"
import { callNode } from "../node-socket.ts"
import { openGraph } from "../open-graph.ts"
import { isOnServers, notCopied } from "../open-ports.ts"
import { exit, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    if (isOnServers(settings)) return yield* notCopied()
    const dataDir = settings.dataDir.value
    const target = resolve(io.folder, given.words[0] ?? "")
    // A copy of what is not there would be an empty directory that looks like a backup.
    yield* Effect.scoped(openDataDirectoryReadOnly(dataDir))
    yield* withoutNode(dataDir, target).pipe(
      Effect.catchIf(isLocked, () => callNode(dataDir, { op: "backup", target })),
    )
    const { graph, log, meta } = dataFiles(target)
    if (isOn(given, "json")) io.out(JSON.stringify({ target, files: [graph, log, meta] }))
    else
      io.out(`${target}\n\nRestore it with: npx --no intelgraph restore ${target} --data-dir DIR`)
    return exit.done
  })

const isLocked = (error: IntelGraphError): error is DataDirectoryRefused =>
  error instanceof DataDirectoryRefused && error.reason === "locked"

const withoutNode = (dataDir: string, target: string): Effect.Effect<unknown, IntelGraphError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const directory = yield* openDataDirectory(dataDir)
      const { sink } = yield* openGraph(directory)
      const { log } = yield* openEmbeddedLog(directory)
      return yield* backupDirectory({ directory, log, graph: sink.backup, target })
    }),
  )
