/**
 * What is kept of a write: its receipt under the client's key, and under its number what is needed
 * to go on with it after a crash. Both are records of the actor state, in one shard per tenant.
 */
import * as Effect from "effect/Effect"
import { canonicalJson, type Json } from "../protocols/canonical.ts"
import { noSourceCounters, type SourceCounters } from "../protocols/counters.ts"
import { InvariantBroken } from "../protocols/errors.ts"
import type { Run } from "../protocols/event.ts"
import type { Mapping } from "../protocols/mapping.ts"
import type { RunDeadLetter } from "../stores/index.ts"
import type { SourceFormat } from "./source.ts"

/**
 * - `pending`: taken for good, and not all of it committed.
 * - `committed`: every record is committed or stands aside.
 * - `failed`: it could not be finished; what was committed stands.
 */
export type ReceiptState = "pending" | "committed" | "failed"

/** What became of a write. `given = read + pending`. */
export interface WriteReceipt extends SourceCounters {
  readonly idempotencyKey: string
  readonly source: string
  readonly state: ReceiptState
  /** Of an upload that is not over: as many as were found so far. */
  readonly given: number
  readonly pending: number
  readonly problems: readonly RunDeadLetter[]
  readonly error: string | undefined
  /** Bytes of it, and those that were read; 0 where it is not being read. */
  readonly fileBytes: number
  readonly fileBytesRead: number
}

/** Under the client's key. */
export interface StoredReceipt {
  readonly number: number
  readonly source: string
  /** SHA-256, hex, of all that the write is. */
  readonly hash: string
  /** By the wall clock of the node that kept it. */
  readonly takenAtMillis: number
  /** `null` where it shows only as it is read. */
  readonly given: number | null
  readonly end: StoredEnd | null
  /** The node of a cluster that took it and has its bytes. */
  readonly node?: string | null
}

export interface StoredEnd {
  readonly state: "committed" | "failed"
  readonly counters: SourceCounters
  readonly run: Run | null
  readonly error: string | null
}

/** Under the write's number. */
export interface StoredWrite {
  readonly idempotencyKey: string
  /** `null` when it is over. */
  readonly recipe: { readonly format: SourceFormat; readonly mapping: Mapping | null } | null
}

/** Numbers of a tenant's writes rise by one. */
export interface WriteNumbers {
  readonly next: number
  /** All below are forgotten. */
  readonly oldest: number
}

/** Writes that were not over when too many newer ones were taken: they are looked at by and by. */
export interface PassedWrites {
  readonly passed: readonly number[]
}

export const passedPath = (tenant: string) => ["passed", tenant] as const
export const numbersPath = (tenant: string) => ["writes", tenant] as const
export const receiptPath = (tenant: string, key: string) => ["receipt", tenant, key] as const
export const writePath = (tenant: string, number: number) =>
  ["write", tenant, String(number).padStart(16, "0")] as const

const currentVersion = 1

export const encodeStored = (
  value: StoredReceipt | StoredWrite | WriteNumbers | PassedWrites,
): Uint8Array => {
  const plain = JSON.parse(JSON.stringify({ ...value, version: currentVersion })) as Json
  return Buffer.from(canonicalJson(plain), "utf8")
}

/** Reads what this or an older version wrote; a newer version is refused by name. */
export function decodeStored<A>(bytes: Uint8Array): Effect.Effect<A, InvariantBroken> {
  const json = JSON.parse(Buffer.from(bytes).toString("utf8")) as A & { version: number }
  if (json.version <= currentVersion) return Effect.succeed(json)
  const message = `A receipt of version ${json.version} is newer than this program's.`
  return Effect.fail(new InvariantBroken({ message }))
}

/** What a write that is not over has come to. */
export interface Standing {
  readonly counters: SourceCounters
  /** Records found in it so far, where it is being read. */
  readonly offered: number
  readonly fileBytes: number
  readonly fileBytesRead: number
  readonly run: Run | undefined
  readonly trouble: string | undefined
}

export const notBegun: Standing = {
  counters: noSourceCounters,
  offered: 0,
  fileBytes: 0,
  fileBytesRead: 0,
  run: undefined,
  trouble: undefined,
}

/** The receipt as it is told; `standing` of one that is not over. */
export function receiptOf(
  idempotencyKey: string,
  stored: StoredReceipt,
  standing: Standing,
  problems: readonly RunDeadLetter[],
): WriteReceipt {
  const { source, end } = stored
  if (end === null) {
    const { counters, offered, fileBytes, fileBytesRead, trouble } = standing
    const given = Math.max(counters.read, stored.given ?? offered)
    const pending = given - counters.read
    const told = { state: "pending" as const, given, pending, problems, error: trouble }
    return { idempotencyKey, source, ...counters, ...told, fileBytes, fileBytesRead }
  }
  const { state, counters, error } = end
  const told = { state, given: counters.read, pending: 0, problems, error: error ?? undefined }
  return { idempotencyKey, source, ...counters, ...told, fileBytes: 0, fileBytesRead: 0 }
}
