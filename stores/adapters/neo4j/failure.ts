/** What Neo4j says, in the words of the error catalogue. */
import { Neo4jError } from "neo4j-driver"
import { DataDirectoryRefused } from "../../../protocols/errors.ts"
import { errorOfFailure, type Failure } from "../../graph/failure.ts"

export function failureOf(cause: unknown): Failure {
  const message = cause instanceof Error ? cause.message : String(cause)
  // The client puts advice of its own before what happened.
  const text = message.split("Caused by: ").at(-1) || message
  if (isConflict(cause) || isPassing(cause)) {
    return { tag: "Unavailable", message: `The graph store cannot answer now: ${text}.` }
  }
  return { tag: "StoreFailed", message: `The graph store failed: ${text}.` }
}

/**
 * The transaction was rolled back for a reason that may be gone when it is tried again at once:
 * another one was in its way, or a new owner of one of its shards has ended it. Memory that is
 * short stays so for longer.
 */
export const isConflict = (cause: unknown): boolean =>
  endedByOther.has(codeOf(cause)) ||
  (codeOf(cause).startsWith("Neo.TransientError") && !/Memory/.test(codeOf(cause)))

/**
 * Ended at work, or while it waited for a lock. The driver calls both errors of the client's, so
 * that its own retries leave them alone.
 */
const endedByOther: ReadonlySet<string> = new Set([
  "Neo.ClientError.Transaction.Terminated",
  "Neo.ClientError.Transaction.LockClientStopped",
])

/** Another one has made the same constraint or index in between. */
export const isMadeMeanwhile = (cause: unknown): boolean =>
  /Schema\.(EquivalentSchemaRule|Index|Constraint)AlreadyExists$/.test(codeOf(cause))

export const storeError = (cause: unknown, place: string) => errorOfFailure(failureOf(cause), place)

/** Of opening: errors of the catalogue pass, others become one of it. */
export function openError(cause: unknown, place: string) {
  if (cause instanceof DataDirectoryRefused) return cause
  const reason = refusals.find(([code]) => codeOf(cause).startsWith(code))?.[1]
  if (reason === undefined) return storeError(cause, place)
  const message = `The graph store (${place}) cannot be used: ${reason}.`
  return new DataDirectoryRefused({ path: place, reason: "not-writable", message })
}

const refusals: readonly (readonly [code: string, reason: string])[] = [
  ["Neo.ClientError.Security.Unauthorized", "user and password do not fit"],
  ["Neo.ClientError.Security", "the server does not let this user do what a store needs"],
  ["Neo.ClientError.Database.DatabaseNotFound", "there is no such database"],
]

const passing: ReadonlySet<string> = new Set(["ServiceUnavailable", "SessionExpired"])

function isPassing(cause: unknown): boolean {
  if (passing.has(codeOf(cause)) || /TransactionTimedOut|Memory/.test(codeOf(cause))) return true
  if (codeOf(cause) === brokenTalk && isLost(cause)) return true
  // The client's own words have no code.
  return cause instanceof Error && /acquisition timed out|Pool is closed/.test(cause.message)
}

const brokenTalk = "ProtocolError"

/** The client takes a connection that ends while it logs on for a breach of the protocol. */
const isLost = (cause: unknown): boolean =>
  cause instanceof Error && /^(Connection (was closed|lost)|Failed to )/.test(cause.message)

const codeOf = (cause: unknown): string => (cause instanceof Neo4jError ? cause.code : "")
