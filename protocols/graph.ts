/**
 * What the graph is made of (contracts §2). Stored are assertions: what one record of one source
 * says of an entity or a relationship. What is visible is a pure function of them (`visible.ts`).
 */
import type { DeadLetterReason, Run } from "./event.ts"
import type { Instant } from "./units.ts"

export type Scalar = string | number | boolean
/** A string, finite double, boolean, or a list whose members are all of one of these. */
export type PropertyValue = Scalar | readonly string[] | readonly number[] | readonly boolean[]
/** `name` is the name that people see; `raw` holds nested values as canonical JSON text. */
export type Properties = { readonly [name: string]: PropertyValue }

export interface Alias {
  readonly scheme: string
  readonly value: string
}

/** An end of a relationship: by key, or by an alias that some entity of that type may claim. */
export type EntityRef =
  | { readonly type: string; readonly key: string }
  | { readonly type: string; readonly alias: Alias }

export interface EntityAssertion {
  readonly type: string
  readonly key: string
  readonly aliases: readonly Alias[]
  readonly properties: Properties
}

export interface RelationshipAssertion {
  readonly type: string
  readonly from: EntityRef
  readonly to: EntityRef
  readonly discriminator: string
  readonly properties: Properties
  /** Made from an embedded reference of an entity, not from a record of its own. */
  readonly derived: boolean
}

/** The key that an alias stub has until somebody claims its alias. */
export const aliasStubKey = (alias: Alias): string => `~${alias.scheme}:${alias.value}`

/** `base64url(type:key)`: the id that the edge shows; it never names the tenant. */
export function entityId(type: string, key: string): string {
  const name = `${type}:${key}`
  if (!isAscii.test(name)) return Buffer.from(name, "utf8").toString("base64url")
  // The same at a quarter of the cost: a page shows hundreds of them.
  const padded = btoa(name)
  const text = padded.slice(0, padded.length - ((3 - (name.length % 3)) % 3))
  return isUrlSafe(text) ? text : text.replaceAll("+", "-").replaceAll("/", "_")
}

const isUrlSafe = (text: string) => !text.includes("+") && !text.includes("/")

const isAscii = /^[\0-\x7f]*$/

/**
 * The type and key behind an id; `undefined` where `entityId` never made it. Types hold no colon.
 */
export function entityOfId(
  id: string,
): { readonly type: string; readonly key: string } | undefined {
  const text = Buffer.from(id, "base64url").toString("utf8")
  const colonAt = text.indexOf(":")
  if (colonAt < 1) return undefined
  const entity = { type: text.slice(0, colonAt), key: text.slice(colonAt + 1) }
  return entityId(entity.type, entity.key) === id ? entity : undefined
}

/** A record after the pipeline: what the sink decides on and writes. */
export interface RecordEffect {
  readonly ordinal: number
  readonly recordKey: string
  readonly version: Instant | undefined
  readonly op: "assert" | "retract" | "reject"
  /** SHA-256 over op, bytes and mapping digest; what "equal" means for a record. */
  readonly hash: Uint8Array
  readonly entities: readonly EntityAssertion[]
  readonly relationships: readonly RelationshipAssertion[]
  /** Set where the record goes to the dead letters instead; then it asserts nothing. */
  readonly deadLetter: DeadLetterDraft | undefined
}

export interface DeadLetterDraft {
  readonly reason: DeadLetterReason
  readonly detail: string
  /** Bytes of the uncompressed source before the record. */
  readonly offset: number
  readonly lengthBytes: number
  /** At most `deadLetterBytesMax` of the record's bytes. */
  readonly bytes: Uint8Array
  /** SHA-256 over reason and kept bytes, hex: the same fault of the same bytes has the same one. */
  readonly fingerprint: string
}

/** The effects of one block, with what fences and orders them. */
export interface BlockEffects {
  readonly tenant: string
  readonly partition: number
  readonly shard: number
  readonly epoch: number
  readonly sequence: number
  readonly source: string
  readonly run: Run
  readonly file: string
  readonly records: readonly RecordEffect[]
}
