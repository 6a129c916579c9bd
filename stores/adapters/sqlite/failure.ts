/** What SQLite says, in the words of the error catalogue. */
import { DataDirectoryRefused } from "../../../protocols/errors.ts"
import { errorOfFailure, type Failure } from "../../graph/failure.ts"

// Primary result codes (sqlite3.h).
const busy = 5
const locked = 6
const full = 13
const readOnly = 8
const cannotOpen = 14

export function failureOf(cause: unknown): Failure {
  const text = cause instanceof Error ? cause.message : String(cause)
  const code = codeOf(cause)
  if (code === full || systemCodeOf(cause) === "ENOSPC")
    return { tag: "DiskFull", message: "The graph store's disk is full." }
  if (code === busy || code === locked) {
    return { tag: "Unavailable", message: "The graph store is busy with another writer." }
  }
  return { tag: "StoreFailed", message: `The graph store failed: ${text}.` }
}

/** The error of a call to SQLite on `path`. */
export const storeError = (cause: unknown, path: string) => errorOfFailure(failureOf(cause), path)

/** Of opening: errors of the catalogue pass, others become one of it. */
export function openError(cause: unknown, path: string) {
  if (cause instanceof DataDirectoryRefused) return cause
  const code = codeOf(cause)
  const refused = code === readOnly || code === cannotOpen || systemCodeOf(cause) === "EACCES"
  if (!refused) return storeError(cause, path)
  const message = `The graph store ${path} cannot be opened for writing: check its folder's rights.`
  return new DataDirectoryRefused({ path, reason: "not-writable", message })
}

function systemCodeOf(cause: unknown): unknown {
  return typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
}

function codeOf(cause: unknown): number | undefined {
  if (typeof cause !== "object" || cause === null || !("errcode" in cause)) return undefined
  // The low byte of an extended code is the primary one.
  return typeof cause.errcode === "number" ? cause.errcode & 0xff : undefined
}
