/** Opens the log and the state of a data directory: for its one writer, or for a look. */
import { existsSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { LogDamaged } from "../../../protocols/errors.ts"
import * as limits from "../../../protocols/limits.ts"
import type { LogBroken, MessageLogShape, Tail } from "../../core/log.ts"
import { type LogBounds, LogIndex } from "../../core/log-index.ts"
import type { ActorStateShape } from "../../core/state.ts"
import { pageLimit } from "../../core/state-limits.ts"
import { keyOfPath, pathOfKey } from "../../core/state-path.ts"
import type { DataDirectory } from "./data-directory.ts"
import { makeEmbeddedLog } from "./embedded-log.ts"
import { makeEmbeddedState, rangeOf } from "./embedded-state.ts"
import { Damaged, logPageBytes, prepareStateReads, readLog } from "./log-tables.ts"
import { openLogWriter } from "./log-writer.ts"
import { logBrokenOf, stateBrokenOf, wireErrorOf } from "./sqlite-errors.ts"
import { TrimHold } from "./trim-hold.ts"
import type { OpenedLog } from "./wire.ts"

const defaultBounds: LogBounds = {
  mailboxBlocksMax: limits.partitionMailboxBlocksMax,
  logBytesMax: limits.logBytesMax,
  chainsMax: limits.logChainsMax,
  heldBytesMax: limits.appendedBytesHeldMax,
}

export interface EmbeddedLogOptions {
  /** Other bounds than those of `limits.ts`. */
  readonly bounds?: Partial<LogBounds>
  /** Bytes that `log.db` may take; the disk counts as full beyond. */
  readonly fileBytesMax?: number
}

export interface EmbeddedLog {
  readonly log: MessageLogShape
  readonly state: ActorStateShape
}

/**
 * `LogDamaged` where `log.db` is gone or is not the one that this directory was made with. The
 * scope's end stores what waits and closes the file.
 */
export function openEmbeddedLog(
  directory: DataDirectory,
  options: EmbeddedLogOptions = {},
): Effect.Effect<EmbeddedLog, LogBroken, Scope.Scope> {
  return Effect.gen(function* () {
    const bytesMax = options.fileBytesMax ?? limits.logBytesMax + limits.stateBytesMax
    const known = directory.meta.get("logId")
    if (known !== undefined && !existsSync(directory.files.log)) {
      return yield* Effect.fail(otherLog(`${directory.files.log} is gone.`))
    }
    const writer = yield* openLogWriter({
      path: directory.files.log,
      pagesMax: Math.ceil(bytesMax / logPageBytes),
    })
    const { id, stored } = writer.opened
    if (known === undefined) {
      yield* directory.meta.set("logId", id)
    } else if (known !== id) {
      return yield* Effect.fail(otherLog(`${directory.files.log} is another log than before.`))
    }
    const index = new LogIndex({ ...defaultBounds, ...options.bounds }, stored)
    const hold = new TrimHold(writer)
    return {
      log: makeEmbeddedLog({ writer, index, hold }),
      state: makeEmbeddedState(writer, hold),
    }
  })
}

/** What a look at the log shows: also beside a running node, and after it was killed. */
export interface LogView {
  readonly id: string
  readonly tails: Effect.Effect<readonly Tail[], LogBroken>
  readonly state: Pick<ActorStateShape, "read" | "list">
}

export function openEmbeddedLogReadOnly(
  directory: DataDirectory,
): Effect.Effect<LogView, LogBroken, Scope.Scope> {
  const file = directory.files.log
  const tried = <A>(work: () => A): Effect.Effect<A, LogBroken> =>
    Effect.try({ try: work, catch: (error) => thrownBroken(file, error) })
  const readState = <A>(work: () => A) => Effect.mapError(tried(work), stateBrokenOf)
  return Effect.gen(function* () {
    const db = yield* Effect.acquireRelease(
      tried(() => new DatabaseSync(file, { readOnly: true, timeout: limits.fileLockMillisMax })),
      (opened) => Effect.sync(() => opened.close()),
    )
    const { id } = yield* tried(() => readLog(db))
    const reads = yield* tried(() => prepareStateReads(db))
    return {
      id,
      tails: tried(() => tailsOf(readLog(db))),
      state: {
        read: (shard, path) => readState(() => reads.get(shard, keyOfPath(path))),
        list: (shard, prefix, { after, limit }) =>
          readState(() => {
            const { from, end } = rangeOf(prefix, after)
            return reads
              .list(shard, from, end, pageLimit(limit))
              .map(({ key, value }) => ({ path: pathOfKey(key), value }))
          }),
      },
    }
  })
}

function tailsOf({ stored }: OpenedLog): readonly Tail[] {
  const pending = new Map<number, number>()
  for (const { lane } of stored.blocks) pending.set(lane, (pending.get(lane) ?? 0) + 1)
  return stored.lanes.map(({ id, tenant, partition, lastSequence }) => ({
    tenant,
    partition,
    lastSequence,
    pending: pending.get(id) ?? 0,
  }))
}

const thrownBroken = (file: string, error: unknown): LogBroken =>
  error instanceof Damaged ? otherLog(error.message) : logBrokenOf(file, wireErrorOf(error))

const otherLog = (message: string): LogDamaged =>
  new LogDamaged({ partition: "", sequence: 0, message })
