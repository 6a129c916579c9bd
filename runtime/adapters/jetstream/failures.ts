/** What went wrong at the server, as the errors that the ports name. */
import { PermissionViolationError } from "@nats-io/nats-core"
import * as Effect from "effect/Effect"
import {
  type Fenced,
  isIntelGraphError,
  type LimitExceeded,
  LogFull,
  MailboxFull,
  StoreFailed,
  Unavailable,
} from "../../../protocols/errors.ts"
import { retryMillisMax } from "../../../protocols/limits.ts"
import type { LogBroken } from "../../core/log.ts"
import { ApiFailed, errorCodes, NoAnswer } from "./broker.ts"

export type Failure = LogBroken | MailboxFull | LogFull | Fenced | LimitExceeded

/** Work that asks the server; of its errors those of `allowed` pass, others are `Unavailable`. */
export function asked<A, Tag extends Failure["_tag"]>(
  allowed: readonly Tag[],
  work: () => Promise<A>,
): Effect.Effect<A, Extract<Failure, { readonly _tag: Tag }> | Unavailable> {
  const isAllowed = (failure: Failure): failure is Extract<Failure, { readonly _tag: Tag }> =>
    allowed.some((tag) => tag === failure._tag)
  return Effect.tryPromise({
    try: work,
    catch: (error) => {
      const failure = failureOf(error)
      if (isAllowed(failure)) return failure
      return failure._tag === "Unavailable" ? failure : unavailable(failure.message)
    },
  })
}

/** Of an error that is thrown while the log or the state is asked. */
export function failureOf(error: unknown): Failure {
  if (isIntelGraphError(error)) {
    return isFailure(error) ? error : unavailable(error.message)
  }
  if (error instanceof NoAnswer) return unavailable(error.message)
  if (error instanceof ApiFailed) return failureOfApi(error)
  if (error instanceof PermissionViolationError) return notPermitted(error)
  return unavailable(error instanceof Error ? error.message : String(error))
}

/** A publish that the server refused, told apart by what the sender is to do (contracts §6). */
export function failureOfPublish(mailbox: string, error: unknown): Failure {
  if (!(error instanceof ApiFailed) || error.errorCode !== errorCodes.storeFailed) {
    return failureOf(error)
  }
  const { message } = error
  if (message.includes("maximum messages per subject exceeded")) {
    return new MailboxFull({
      mailbox,
      limit: "blocks",
      retryAfterMillis: retryMillisMax,
      message: `The mailbox ${mailbox} holds as many blocks as it may.`,
    })
  }
  return /maximum (messages|bytes) exceeded/.test(message) ? logFull(message) : terminal(message)
}

/** Nothing was done, or it is not known: the same may be asked again. */
const passing: ReadonlySet<number> = new Set([
  errorCodes.notEnoughPeers,
  errorCodes.unavailable,
  errorCodes.sequenceInFlight,
  errorCodes.notLeader,
  errorCodes.idInFlight,
  errorCodes.batchIncomplete,
  errorCodes.batchesInFlight,
])

/** The servers are agreeing on something, or one of them is not there yet. */
export const isPassing = (error: unknown): boolean =>
  error instanceof ApiFailed && passing.has(error.errorCode)

/** The server's memory or disk, or the account's part of it, is used up. */
const spent: ReadonlySet<number> = new Set([10_002, 10_023, 10_028, 10_047])

function failureOfApi({ code, errorCode, message }: ApiFailed): Failure {
  if (spent.has(errorCode)) return logFull(message)
  if (passing.has(errorCode) || code >= 500) return unavailable(message)
  return terminal(message)
}

export const unavailable = (message: string): Unavailable =>
  new Unavailable({ retryAfterMillis: retryMillisMax, message: `The log: ${message}` })

export const terminal = (message: string): StoreFailed =>
  new StoreFailed({ store: "jetstream", message: `The log refused: ${message}` })

function notPermitted({ operation, subject }: PermissionViolationError): StoreFailed {
  const verb = operation === "publish" ? "publish" : "subscribe"
  return new StoreFailed({
    store: "jetstream",
    message: `This user of the NATS servers may not ${verb} to ${subject}.`,
    next: "Give the user the permissions of a node; the README of runtime/ lists them.",
  })
}

const logFull = (message: string): LogFull =>
  new LogFull({ retryAfterMillis: retryMillisMax, message: `The log is full: ${message}` })

const failures: ReadonlySet<string> = new Set<Failure["_tag"]>([
  "MailboxFull",
  "LogFull",
  "Fenced",
  "LimitExceeded",
  "LogDamaged",
  "StoreFailed",
  "DiskFull",
  "Unavailable",
])

const isFailure = (error: { readonly _tag: string }): error is Failure => failures.has(error._tag)
