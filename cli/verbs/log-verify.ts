/** `intelgraph log verify`: every block of the log, and whether the graph is ahead of it. */
import { existsSync } from "node:fs"
import * as Effect from "effect/Effect"
import { type IntelGraphError, LogDamaged } from "../../protocols/errors.ts"
import { progressTellMillis } from "../../protocols/limits.ts"
import { type LogCheck, openDataDirectoryReadOnly, verifyLog } from "../../runtime/index.ts"
import type { Cursor } from "../../stores/index.ts"
import { loadSettings, type Settings } from "../configuration.ts"
import { sentenceOf } from "../failure.ts"
import type { Io } from "../io.ts"
import { openInspectionOf, openViewOf } from "../open-ports.ts"
import { figure } from "../text-table.ts"
import { exit, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const directory = yield* openDataDirectoryReadOnly(settings.dataDir.value)
    const cursors = yield* cursorsOf(settings, directory)
    const log = yield* openInspectionOf(settings, directory)
    const check = yield* whileTold(io, (told) => verifyLog(log, cursors, told))
    const { damage, ...counts } = check
    if (isOn(given, "json")) {
      io.out(JSON.stringify({ log: log.id, ...counts, damage: damage ?? null }))
    } else if (damage === undefined) io.out(textOf(check))
    if (damage === undefined) return exit.done
    const { tenant, partition, sequence, message } = damage
    const name = `${tenant}/${partition}`
    const place = `Partition ${name} is damaged at ${sequence}.`
    const error = new LogDamaged({ partition: name, sequence, message: `${place} ${message}` })
    io.tell(sentenceOf(error))
    return exit.failed
  })

/** Read before the log is, which only goes on. */
const cursorsOf = (
  settings: Settings,
  directory: Parameters<typeof openViewOf>[1],
): Effect.Effect<readonly Cursor[], IntelGraphError> => {
  const { neo4j, postgres } = settings
  const isFile = neo4j.value === undefined && postgres.value === undefined
  if (isFile && !existsSync(directory.files.graph)) return Effect.succeed([])
  return Effect.scoped(Effect.flatMap(openViewOf(settings, directory), ({ cursors }) => cursors()))
}

function textOf({ partitions, blocks, bytes, chains }: LogCheck): string {
  const held = `${figure(blocks)} blocks (${figure(bytes)} bytes) of ${figure(chains)} senders`
  return `The log is whole: ${figure(partitions)} partitions, ${held} wait in it.`
}

const whileTold = <A, E>(io: Io, work: (told: (check: LogCheck) => void) => Effect.Effect<A, E>) =>
  Effect.suspend(() => {
    let blocks = 0
    const tell = Effect.sync(() => {
      if (blocks > 0) io.tell(`intelgraph: ${figure(blocks)} blocks are good so far.`)
    })
    const done = work((check) => {
      blocks = check.blocks
    })
    const again = Effect.forever(Effect.andThen(Effect.sleep(progressTellMillis), tell))
    return Effect.raceFirst(done, again)
  })
