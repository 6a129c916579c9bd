/** What an error of SQLite means here. Codes: https://www.sqlite.org/rescode.html (low byte). */
import { DiskFull, LogDamaged, StoreFailed, Unavailable } from "../../../protocols/errors.ts"
import type { LogBroken } from "../../core/log.ts"
import type { StateBroken } from "../../core/state.ts"
import type { WireError } from "./wire.ts"

const [sqliteBusy, sqliteLocked, sqliteCorrupt, sqliteFull, sqliteNotADatabase] = [5, 6, 11, 13, 26]

export function logBrokenOf(path: string, error: WireError): LogBroken {
  switch (error.code & 0xff) {
    case sqliteFull:
      return new DiskFull({ path, message: `The disk is full: ${path} cannot grow.` })
    case sqliteCorrupt:
    case sqliteNotADatabase:
      return new LogDamaged({
        partition: error.damaged?.partition ?? "",
        sequence: error.damaged?.sequence ?? 0,
        message: `${path} is damaged: ${error.message}`,
      })
    case sqliteBusy:
    case sqliteLocked:
      return new StoreFailed({
        store: path,
        message: `${path} is locked by another program: ${error.message}`,
      })
    default:
      return new StoreFailed({ store: path, message: `${path} failed: ${error.message}` })
  }
}

/** The same for a caller that knows no damaged log. */
export const stateBrokenOf = (error: LogBroken): StateBroken =>
  error._tag === "LogDamaged" ? new StoreFailed({ store: "log.db", message: error.message }) : error

export const closed = (): Unavailable =>
  new Unavailable({ retryAfterMillis: 0, message: "The log is closed." })

/** An error thrown by `node:sqlite`, as it would have come from the writer's thread. */
export function wireErrorOf(error: unknown): WireError {
  const code = error instanceof Error && "errcode" in error ? Number(error.errcode) : 1
  return { code, message: error instanceof Error ? error.message : String(error) }
}
