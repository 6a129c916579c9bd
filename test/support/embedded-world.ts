/** Embedded adapters over a folder of their own; a crash copies the files as they lie. */
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { hashBlock } from "../../protocols/block.ts"
import {
  type DataDirectory,
  type EmbeddedLog,
  type EmbeddedLogOptions,
  type Offer,
  openDataDirectory,
  openEmbeddedInspection,
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
      inspection: Effect.suspend(() => openEmbeddedInspection(now.directory)),
      forge: (offer) => Effect.sync(() => forge(now.directory.files.log, offer)),
      close: Effect.gen(function* () {
        yield* Scope.close(scope, Exit.void)
        for (const folder of folders) rmSync(folder, { recursive: true, force: true })
      }),
    }
    return world
  })

/** A row beside those of the writer, which knows nothing of it. */
function forge(file: string, { tenant, partition, block }: Offer): void {
  const db = new DatabaseSync(file, { timeout: 5_000 })
  try {
    const lane = db
      .prepare(
        `update lanes set last_sequence = last_sequence + 1 where tenant = ? and partition = ?
         returning id, last_sequence`,
      )
      .get(tenant, partition)
    db.prepare(
      `insert into blocks(lane, sequence, chain, sender_sequence, previous_hash, hash, size_bytes,
         block) values (?, ?, 0, 0, x'', ?, ?, ?)`,
    ).run(Number(lane?.id), Number(lane?.last_sequence), hashBlock(block), block.byteLength, block)
  } finally {
    db.close()
  }
}
