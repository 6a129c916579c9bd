/**
 * When a record is the same as one that was there before (contracts §4). One pure rule, decided in
 * the sink's transaction against the row for (tenant, source, record key).
 */
import { compareRuns, type Run } from "./event.ts"
import type { Instant } from "./units.ts"

export interface DedupeRow {
  readonly run: Run
  readonly ordinal: number
  readonly version: Instant | undefined
  /** Empty where the record was never accepted, only set aside or retracted. */
  readonly hash: Uint8Array
}

/**
 * - `replayed`: sent again after a crash. Nothing changes, nothing is counted but itself.
 * - `stale`: a duplicate because older than what is there; run and ordinal move, version and hash
 *   stay.
 * - `duplicate`: the same bytes by the same mapping, or a retraction of what was never accepted;
 *   run and ordinal move.
 * - `accepted`: the record's assertions replace those of the row.
 */
export type Verdict = "replayed" | "stale" | "duplicate" | "accepted"

/** A record as it comes in. */
export interface Incoming extends DedupeRow {
  readonly retracts: boolean
}

export function judge(row: DedupeRow | undefined, incoming: Incoming): Verdict {
  if (row === undefined) return incoming.retracts ? "duplicate" : "accepted"
  const order = compareRuns(incoming.run, row.run) || incoming.ordinal - row.ordinal
  if (order <= 0) return "replayed"
  if (incoming.retracts && row.hash.length === 0) return "duplicate"
  const bothDated = row.version !== undefined && incoming.version !== undefined
  if (bothDated && Number(incoming.version) < Number(row.version)) return "stale"
  return sameBytes(row.hash, incoming.hash) ? "duplicate" : "accepted"
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
