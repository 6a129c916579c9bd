/** What Postgres says, in the words of the error catalogue. */
import { DataDirectoryRefused } from "../../../protocols/errors.ts"
import { errorOfFailure, type Failure } from "../../graph/failure.ts"

export function failureOf(cause: unknown): Failure {
  const code = codeOf(cause)
  const text = cause instanceof Error ? cause.message : String(cause)
  if (code === diskFull) return { tag: "DiskFull", message: "The graph store's disk is full." }
  if (isPassing(cause)) {
    return { tag: "Unavailable", message: `The graph store cannot answer now: ${text}.` }
  }
  return { tag: "StoreFailed", message: `The graph store failed: ${text}.` }
}

/** It took longer than the server lets it. */
export const isTooSlow = (cause: unknown): boolean => timeOuts.has(codeOf(cause))

/** The transaction met another one, and may find its way if it is tried again. */
export const isConflict = (cause: unknown): boolean => conflicts.has(codeOf(cause))

export const storeError = (cause: unknown, place: string) => errorOfFailure(failureOf(cause), place)

/** Of opening: errors of the catalogue pass, others become one of it. */
export function openError(cause: unknown, place: string) {
  if (cause instanceof DataDirectoryRefused) return cause
  const reason = refusals.get(codeOf(cause))
  if (reason === undefined) return storeError(cause, place)
  const message = `The graph store (${place}) cannot be used: ${reason}.`
  return new DataDirectoryRefused({ path: place, reason: "not-writable", message })
}

// SQLSTATE codes (appendix A of the manual).
const diskFull = "53100"
const conflicts: ReadonlySet<string> = new Set([
  "40001", // serialization_failure
  "40P01", // deadlock_detected
  "55P03", // lock_not_available
])

const timeOuts: ReadonlySet<string> = new Set([
  "57014", // query_canceled
  "25P03", // idle_in_transaction_session_timeout
  "25P04", // transaction_timeout
])

const refusals: ReadonlyMap<string, string> = new Map([
  ["28P01", "user and password do not fit"],
  ["28000", "the server does not let this user in"],
  ["3D000", "there is no such database"],
  ["42501", "the user may not make tables in it"],
  ["0A000", "the server is too old"],
])

const passing: ReadonlySet<string> = new Set([
  "53300", // too_many_connections
  "57P01", // admin_shutdown
  "57P02", // crash_shutdown
  "57P03", // cannot_connect_now
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
])

function isPassing(cause: unknown): boolean {
  const code = codeOf(cause)
  if (conflicts.has(code) || timeOuts.has(code) || passing.has(code) || code.startsWith("08"))
    return true
  if (cause instanceof AggregateError) return cause.errors.every(isPassing)
  // The client's own words have no code.
  return (
    cause instanceof Error &&
    /^(Connection terminated|timeout|Query read timeout|Client was closed|Client has)/.test(
      cause.message,
    )
  )
}

function codeOf(cause: unknown): string {
  if (typeof cause !== "object" || cause === null || !("code" in cause)) return ""
  return typeof cause.code === "string" ? cause.code : ""
}
