/** Data directories of one test each, opened, filled, and damaged by hand. */
import { rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { onTestFinished } from "vitest"
import { shardOf } from "../../protocols/address.ts"
import {
  dataFiles,
  type EmbeddedLogOptions,
  openDataDirectory,
  openEmbeddedLog,
} from "../../runtime/index.ts"
import { TestSender } from "./blocks.ts"
import { makeFolder } from "./embedded-world.ts"
import { run } from "./run.ts"

export const tenant = "demo"
export const shard = shardOf(tenant, 0)

/** An empty folder, gone when the test has finished. */
export function folder(): string {
  const made = makeFolder()
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return made
}

export const openBoth = (path: string, options: EmbeddedLogOptions = {}) =>
  Effect.gen(function* () {
    const directory = yield* openDataDirectory(path)
    return { directory, ...(yield* openEmbeddedLog(directory, options)) }
  })

/** Opens, uses and closes a data directory. */
export const within = <A, E>(
  path: string,
  use: (opened: Effect.Success<ReturnType<typeof openBoth>>) => Effect.Effect<A, E>,
  options: EmbeddedLogOptions = {},
) => run(Effect.scoped(Effect.flatMap(openBoth(path, options), use)))

export const refusal = (path: string) => run(Effect.flip(Effect.scoped(openBoth(path))))

/** A folder with blocks of 2,000 bytes in partition 0, none acknowledged. */
export async function filled(blocks = 3): Promise<string> {
  const path = folder()
  const sender = new TestSender()
  await within(path, ({ log }) =>
    Effect.forEach(Array.from({ length: blocks }), () => log.append(sender.next(0, 2000))),
  )
  return path
}

export function change(path: string, sql: string): void {
  const db = new DatabaseSync(dataFiles(path).log)
  db.exec(sql)
  db.close()
}
