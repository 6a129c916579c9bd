/** Embedded adapters over a folder of their own; a crash copies the files as they lie. */
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import {
  type DataDirectory,
  type EmbeddedLog,
  type EmbeddedLogOptions,
  openDataDirectory,
  openEmbeddedLog,
} from "../../runtime/index.ts"
import type { LogWorld } from "./log-world.ts"

export interface EmbeddedWorld extends LogWorld {
  readonly directory: () => DataDirectory
}

export const makeFolder = (): string => mkdtempSync(join(tmpdir(), "intelgraph-test-"))

export const makeEmbeddedWorld = (options: EmbeddedLogOptions = {}) =>
  Effect.gen(function* () {
    const folders = [makeFolder()]
    const scope = yield* Scope.make()
    const open = (path: string) =>
      Effect.gen(function* () {
        const directory = yield* openDataDirectory(path)
        return { directory, ...(yield* openEmbeddedLog(directory, options)) }
      }).pipe(Scope.provide(scope))
    let now: EmbeddedLog & { directory: DataDirectory } = yield* open(folders[0] ?? "")
    const world: EmbeddedWorld = {
      log: () => now.log,
      state: () => now.state,
      directory: () => now.directory,
      crash: Effect.gen(function* () {
        const path = makeFolder()
        cpSync(now.directory.path, path, { recursive: true })
        folders.push(path)
        now = yield* open(path)
      }),
      close: Effect.gen(function* () {
        yield* Scope.close(scope, Exit.void)
        for (const folder of folders) rmSync(folder, { recursive: true, force: true })
      }),
    }
    return world
  })
