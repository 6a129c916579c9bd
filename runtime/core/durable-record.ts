/**
 * How the durable state of an actor is stored: a snapshot and the events since, each a record of
 * the actor state under a path of its own, as canonical JSON. A record says how it is laid out
 * (`format`), of which version of its kind it is, and which owner wrote it.
 *
 * What is of an older version goes through the kind's upcasters, one version after the other; what
 * is newer than this program is refused by name and never guessed at.
 */
import { type Address, formatAddress } from "../../protocols/address.ts"
import { canonicalJson, type Json } from "../../protocols/canonical.ts"
import { Invalid, InvariantBroken, LogDamaged } from "../../protocols/errors.ts"
import type { StatePath } from "./state.ts"

/** From the version that it stands at to the next one. */
export type Upcasters = { readonly [version: number]: (old: unknown) => unknown }

/** A stored event or snapshot, its value of the version in which it was written. */
export interface DurableRecord {
  /** Of the event; of a snapshot that of the last event in it. From 1 on, without gaps. */
  readonly sequence: number
  /** Of the owner that wrote it. */
  readonly epoch: number
  /** Of the kind. */
  readonly version: number
  readonly value: Json
}

const formatOfRecords = 1
/** Digits of a sequence in a path, so that paths sort as numbers do. */
const sequenceDigits = 16

const durablePath = ({ tenant, kind, key }: Address): StatePath => ["durable", tenant, kind, key]

export const snapshotPath = (address: Address): StatePath => [...durablePath(address), "snapshot"]

export const eventsPrefix = (address: Address): StatePath => [...durablePath(address), "event"]

export const eventPath = (address: Address, sequence: number): StatePath => [
  ...eventsPrefix(address),
  String(sequence).padStart(sequenceDigits, "0"),
]

/** The record as text; `Invalid` where its value is not JSON, such as a number that is none. */
export function encodeRecord({ sequence, epoch, version, value }: DurableRecord): string | Invalid {
  try {
    return canonicalJson({ format: formatOfRecords, sequence, epoch, version, value })
  } catch (error) {
    if (error instanceof Invalid) return error
    throw error
  }
}

/** The value in a text that `encodeRecord` made, as whoever reads the record gets it. */
export const valueOfRecord = (text: string): Json => (JSON.parse(text) as DurableRecord).value

/** Reads what this or an older program wrote; `sequence` is the one that its path names. */
export function decodeRecord(
  address: Address,
  bytes: Uint8Array,
  sequence?: number,
): DurableRecord | LogDamaged | InvariantBroken {
  const record = parsed(bytes)
  if (record === undefined) return damaged(address, sequence ?? 0, "cannot be read")
  if (record.format > formatOfRecords) {
    return newer(address, "format", { found: record.format, known: formatOfRecords })
  }
  if (sequence !== undefined && record.sequence !== sequence) {
    return damaged(address, sequence, `says that it is ${record.sequence}`)
  }
  return record
}

/** The value as this program's version of the kind has it. */
export function upcast(
  address: Address,
  { version, value }: DurableRecord,
  to: { readonly version: number; readonly upcasters: Upcasters },
): { readonly value: unknown } | InvariantBroken {
  if (version > to.version) {
    return newer(address, "version", { found: version, known: to.version })
  }
  let now: unknown = value
  for (let at = version; at < to.version; at++) now = to.upcasters[at]?.(now)
  return { value: now }
}

export const damaged = (address: Address, sequence: number, why: string): LogDamaged =>
  new LogDamaged({
    partition: formatAddress(address),
    sequence,
    message: `Record ${sequence} of the state of ${formatAddress(address)} ${why}.`,
  })

interface StoredRecord extends DurableRecord {
  readonly format: number
}

/** `undefined` where the bytes are not what `encodeRecord` made, in this format or a newer one. */
function parsed(bytes: Uint8Array): StoredRecord | undefined {
  const json = parsedJson(bytes)
  if (typeof json !== "object" || json === null) return undefined
  const record = json as Partial<StoredRecord>
  if (!isCount(record.format)) return undefined
  if (record.format > formatOfRecords) return record as StoredRecord
  const isWhole = isCount(record.sequence) && isCount(record.epoch) && isCount(record.version)
  return isWhole && record.value !== undefined ? (record as StoredRecord) : undefined
}

function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"))
  } catch {
    return undefined
  }
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) > 0

const newer = (
  address: Address,
  what: "format" | "version",
  { found, known }: { readonly found: number; readonly known: number },
): InvariantBroken =>
  new InvariantBroken({
    message:
      `The state of ${formatAddress(address)} has ${what} ${found}, newer than this program's ` +
      `${known}.`,
    next: "Run the actor with the newer program, which wrote it.",
  })
