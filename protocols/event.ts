/**
 * A record with its identity: what a connector puts into blocks and a partition handles.
 *
 * `(run, ordinal)` says which reading of the source an event belongs to and its place in it; the
 * record key says what it is about, routes it to a partition, and is what order is promised for.
 */
import type { Instant } from "./units.ts"

/** One reading of a source: the connector's shard epoch, and the count of runs begun under it. */
export interface Run {
  readonly epoch: number
  readonly count: number
}

export const compareRuns = (a: Run, b: Run): number => a.epoch - b.epoch || a.count - b.count

export const formatRun = (run: Run): string => `${run.epoch}.${run.count}`

/** `reject`: the connector could not cut a record out of these bytes; they become a dead letter. */
export type Operation = "assert" | "retract" | "reject"

/** Why a record stands aside. Stable codes; the catalogue of what a person can meet. */
export type DeadLetterReason =
  | "record-too-large"
  | "invalid-json"
  | "invalid-csv"
  | "invalid-utf8"
  | "invalid-text"
  | "invalid-id"
  | "invalid-type"
  | "invalid-relationship"
  | "invalid-property"
  | "missing-key"
  | "failed-coercion"
  | "too-many-assertions"
  | "truncated"
  | "poison"

/** What is wrong with a record, found where it was cut or where it was mapped. */
export interface Fault {
  readonly reason: DeadLetterReason
  /** One sentence for a person; never a stack. */
  readonly detail: string
}

export interface SourceEvent {
  readonly ordinal: number
  /** Bytes of the uncompressed source before this record. */
  readonly offset: number
  readonly recordKey: string
  readonly version: Instant | undefined
  readonly op: Operation
  /** The record as it stood in the source; of a rejected one at most `deadLetterBytesMax`. */
  readonly bytes: Uint8Array
  /** Only with `reject`: what was wrong, and the record's true length. */
  readonly fault: (Fault & { readonly lengthBytes: number }) | undefined
}
