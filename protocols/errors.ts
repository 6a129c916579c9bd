/**
 * The error catalogue. Errors are grouped by what the caller must do, and every code is stable:
 *
 * - `Retryable`: the same request may succeed after `retryAfterMillis`; nothing was kept.
 * - `Refused`: a limit or a rule said no; the same request will be refused again. Nothing was kept.
 * - `Terminal`: this part cannot go on; its supervisor or a person decides.
 * - `Fenced`: another owner has taken over; the caller must stop at once and write nothing more.
 *
 * `message` is a sentence for a person and `next` says what to do about it; neither ever holds a
 * secret or another tenant's words.
 */
import * as Data from "effect/Data"

export type ErrorFamily = "Retryable" | "Refused" | "Terminal" | "Fenced"

interface Told {
  readonly message: string
  /** What to do about this one, where the catalogue's step is not the right one. */
  readonly next?: string
}

/**
 * The mailbox is at a limit that time alone lifts. The sender waits, parks or tells its own sender.
 */
export class MailboxFull extends Data.TaggedError("MailboxFull")<
  Told & {
    readonly mailbox: string
    readonly limit: "depth" | "bytes" | "rate" | "concurrency" | "blocks" | "control"
    readonly retryAfterMillis: number
  }
> {
  readonly family = "Retryable"
}

/** The log as a whole is at its bound. Senders wait; a person should look. */
export class LogFull extends Data.TaggedError("LogFull")<
  Told & { readonly retryAfterMillis: number }
> {
  readonly family = "Retryable"
}

/**
 * A store or the log could not answer now (busy, lost connection, time-out): the outcome is
 * unknown.
 */
export class Unavailable extends Data.TaggedError("Unavailable")<
  Told & { readonly retryAfterMillis: number }
> {
  readonly family = "Retryable"
}

/** No answer before the deadline; the message may still be handled. */
export class DeadlineExceeded extends Data.TaggedError("DeadlineExceeded")<
  Told & { readonly retryAfterMillis: number }
> {
  readonly family = "Retryable"
}

/** A named limit, its bound and the value that passed it. */
export class LimitExceeded extends Data.TaggedError("LimitExceeded")<
  Told & { readonly limit: string; readonly bound: number; readonly value: number }
> {
  readonly family = "Refused"
}

/** The request itself is wrong: a malformed address, mapping, configuration, query or argument. */
export class Invalid extends Data.TaggedError("Invalid")<
  Told & {
    readonly what: string
    /** 1-based place in a document, where there is one. */
    readonly line?: number
    readonly column?: number
  }
> {
  readonly family = "Refused"
}

/** There is nobody, or nothing, of that name. */
export class NotFound extends Data.TaggedError("NotFound")<Told & { readonly what: string }> {
  readonly family = "Refused"
}

/** No token, or none that is good: unknown, expired or revoked. Never says which of them. */
export class Unauthenticated extends Data.TaggedError("Unauthenticated")<Told> {
  readonly family = "Refused"
}

/** The token is good, and its scope or its tenant does not reach this far. */
export class Forbidden extends Data.TaggedError("Forbidden")<Told & { readonly scope: string }> {
  readonly family = "Refused"
}

/** What is asked for contradicts what was done before under the same idempotency key. */
export class Conflict extends Data.TaggedError("Conflict")<Told> {
  readonly family = "Refused"
}

/** The resume token is older than what is kept. `resume` is the token to go on with. */
export class ResumeExpired extends Data.TaggedError("ResumeExpired")<
  Told & { readonly resume: string }
> {
  readonly family = "Refused"
}

/** The node does not hold the document that was named; sent with its hash, it will. */
export class PersistedQueryNotFound extends Data.TaggedError("PersistedQueryNotFound")<Told> {
  readonly family = "Refused"
}

/** The actor crashed too often and is kept from running until an operator releases it. */
export class Quarantined extends Data.TaggedError("Quarantined")<
  Told & { readonly mailbox: string }
> {
  readonly family = "Refused"
}

/** More records went to the dead letters than the run allows. */
export class TooManyBad extends Data.TaggedError("TooManyBad")<
  Told & { readonly deadLettered: number; readonly read: number; readonly share: number }
> {
  readonly family = "Refused"
}

/** Bytes that were acknowledged are missing, doubled or changed. Never answered by going on. */
export class LogDamaged extends Data.TaggedError("LogDamaged")<
  Told & { readonly partition: string; readonly sequence: number }
> {
  readonly family = "Terminal"
}

/** A store answered in a way that it should not: damaged file, constraint broken, disk error. */
export class StoreFailed extends Data.TaggedError("StoreFailed")<
  Told & { readonly store: string }
> {
  readonly family = "Terminal"
}

/** The disk is full. Nothing was committed; free space and start again. */
export class DiskFull extends Data.TaggedError("DiskFull")<Told & { readonly path: string }> {
  readonly family = "Terminal"
}

/** The data directory has another writer, is of a newer format, or cannot be used. */
export class DataDirectoryRefused extends Data.TaggedError("DataDirectoryRefused")<
  Told & {
    readonly path: string
    readonly reason: "locked" | "newer-format" | "not-writable" | "missing" | "foreign"
  }
> {
  readonly family = "Terminal"
}

/** A source cannot be read at all, or not further. */
export class SourceUnreadable extends Data.TaggedError("SourceUnreadable")<
  Told & { readonly file: string; readonly offset: number }
> {
  readonly family = "Terminal"
}

/** What must always hold does not. The actor crashes and its supervisor decides. */
export class InvariantBroken extends Data.TaggedError("InvariantBroken")<Told> {
  readonly family = "Terminal"
}

/** Ours is not the newest epoch of this shard. */
export class Fenced extends Data.TaggedError("Fenced")<
  Told & { readonly shard: number; readonly epoch: number; readonly current: number }
> {
  readonly family = "Fenced"
}

export type Retryable = MailboxFull | LogFull | Unavailable | DeadlineExceeded
export type Refused =
  | LimitExceeded
  | Invalid
  | NotFound
  | Unauthenticated
  | Forbidden
  | Conflict
  | ResumeExpired
  | PersistedQueryNotFound
  | Quarantined
  | TooManyBad
export type Terminal =
  | LogDamaged
  | StoreFailed
  | DiskFull
  | DataDirectoryRefused
  | SourceUnreadable
  | InvariantBroken
export type IntelGraphError = Retryable | Refused | Terminal | Fenced
export type ErrorCode = IntelGraphError["_tag"]

interface CatalogueEntry {
  readonly family: ErrorFamily
  /** Exit code of a command that ends with it (contracts §11). */
  readonly exitCode: 1 | 2 | 3
  /** What a person does next. */
  readonly next: string
}

/** Every code with its family, exit code and the next step. */
export const catalogue: { readonly [code in ErrorCode]: CatalogueEntry } = {
  MailboxFull: { family: "Retryable", exitCode: 3, next: "Wait and send again." },
  LogFull: {
    family: "Retryable",
    exitCode: 3,
    next: "Wait; `intelgraph doctor` says how many blocks wait for the graph.",
  },
  Unavailable: { family: "Retryable", exitCode: 1, next: "Try again; see `intelgraph doctor`." },
  DeadlineExceeded: { family: "Retryable", exitCode: 1, next: "Ask again, or ask for less." },
  LimitExceeded: { family: "Refused", exitCode: 3, next: "Ask for less, or in parts." },
  Invalid: { family: "Refused", exitCode: 2, next: "Correct the request." },
  NotFound: { family: "Refused", exitCode: 1, next: "Check the name." },
  Unauthenticated: {
    family: "Refused",
    exitCode: 1,
    next: "Send `Authorization: Bearer ig_…`; `intelgraph token create` makes one.",
  },
  Forbidden: {
    family: "Refused",
    exitCode: 1,
    next: "Use a token with that scope; `intelgraph token create --scope` makes one.",
  },
  Conflict: { family: "Refused", exitCode: 1, next: "Use another idempotency key." },
  ResumeExpired: {
    family: "Refused",
    exitCode: 1,
    next: "Read the entities anew, then go on from the token in `resume`.",
  },
  PersistedQueryNotFound: {
    family: "Refused",
    exitCode: 1,
    next: "Send the document together with its hash.",
  },
  Quarantined: {
    family: "Refused",
    exitCode: 1,
    next: "Mend the cause, which `actors` of GraphQL shows, and start the node again.",
  },
  TooManyBad: {
    family: "Refused",
    exitCode: 3,
    next: "Look with `intelgraph dlq ls`; allow more with --max-bad.",
  },
  LogDamaged: {
    family: "Terminal",
    exitCode: 1,
    next: "Do not ingest. Restore the latest backup; see `intelgraph doctor`.",
  },
  StoreFailed: { family: "Terminal", exitCode: 1, next: "See `intelgraph doctor`." },
  DiskFull: {
    family: "Terminal",
    exitCode: 1,
    next: "Free space and start again; nothing is lost.",
  },
  DataDirectoryRefused: {
    family: "Terminal",
    exitCode: 1,
    next: "Name another with --data-dir, or see `intelgraph doctor`.",
  },
  SourceUnreadable: {
    family: "Terminal",
    exitCode: 1,
    next: "Check the file and ingest it again.",
  },
  InvariantBroken: { family: "Terminal", exitCode: 1, next: "Please report it with the log." },
  Fenced: { family: "Fenced", exitCode: 1, next: "Nothing to do: the new owner goes on." },
}

/** The code as clients over GraphQL see it, in the form that is usual there: `LIMIT_EXCEEDED`. */
export const edgeCodeOf = (code: ErrorCode): string =>
  code.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()

const codesByEdgeCode: ReadonlyMap<unknown, ErrorCode> = new Map(
  (Object.keys(catalogue) as ErrorCode[]).map((code) => [edgeCodeOf(code), code]),
)

/** The code of the catalogue behind one that a client saw. */
export const codeOfEdgeCode = (edgeCode: unknown): ErrorCode | undefined =>
  codesByEdgeCode.get(edgeCode)

/** The next step for this error: its own, or that of its code. */
export const nextStep = (error: IntelGraphError): string => error.next ?? catalogue[error._tag].next

/** Crashes the caller where `condition` does not hold; kept in production. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantBroken({ message })
}

export const isIntelGraphError = (value: unknown): value is IntelGraphError =>
  typeof value === "object" &&
  value !== null &&
  "_tag" in value &&
  typeof value._tag === "string" &&
  Object.hasOwn(catalogue, value._tag)
