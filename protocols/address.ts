/**
 * Addresses, partitions, shards, and the one function that makes broker subjects.
 *
 * An address is `tenant/kind/key`. Tenant and kind are plain tokens; a key is any text and enters a
 * subject only as lower-case base32 (RFC 4648, no padding), or as its SHA-256 where it is longer
 * than 128 bytes. Everything else is refused: a tenant called `acme.corp` or a key `*` would
 * otherwise shift or widen a subject.
 */
import { hash } from "node:crypto"
import { Invalid } from "./errors.ts"
import { partitionsMax, shardCount } from "./limits.ts"

export interface Address {
  readonly tenant: string
  readonly kind: string
  readonly key: string
}

/** The unit of order, of the mailbox bound and of back-pressure. */
export interface Partition {
  readonly tenant: string
  readonly partition: number
}

const tokenPattern = /^[a-z0-9][a-z0-9-]{0,62}$/
const base32Alphabet = "abcdefghijklmnopqrstuvwxyz234567"
const keyTokenBytesMax = 128

export const isToken = (text: string): boolean => tokenPattern.test(text)

/** Refuses a tenant or kind that is not `[a-z0-9][a-z0-9-]{0,62}`. */
export function checkToken(what: "tenant" | "kind", text: string): string {
  if (tokenPattern.test(text)) return text
  throw new Invalid({
    what,
    message:
      `The ${what} ${JSON.stringify(text.slice(0, 80))} is refused: 1 to 63 of a-z, 0-9 and -, ` +
      "not beginning with -.",
  })
}

export function makeAddress(tenant: string, kind: string, key: string): Address {
  return { tenant: checkToken("tenant", tenant), kind: checkToken("kind", kind), key }
}

export const formatAddress = (address: Address): string =>
  `${address.tenant}/${address.kind}/${address.key}`

/** Reads `tenant/kind/key`; the key may hold further slashes. */
export function parseAddress(text: string): Address {
  const kindAt = text.indexOf("/")
  const keyAt = text.indexOf("/", kindAt + 1)
  if (kindAt < 0 || keyAt < 0) {
    throw new Invalid({
      what: "address",
      message: `The address ${JSON.stringify(text.slice(0, 80))} is not tenant/kind/key.`,
    })
  }
  return makeAddress(text.slice(0, kindAt), text.slice(kindAt + 1, keyAt), text.slice(keyAt + 1))
}

/**
 * FNV-1a, 32 bits, over the UTF-8 bytes of `text` (draft-eastlake-fnv; offset 2166136261, prime
 * 16777619).
 */
export function fnv1a32(text: string): number {
  let state = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) return fnv1a32Bytes(Buffer.from(text, "utf8"))
    state = Math.imul(state ^ unit, 0x01000193)
  }
  return state >>> 0
}

function fnv1a32Bytes(bytes: Uint8Array): number {
  let state = 0x811c9dc5
  for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193)
  return state >>> 0
}

/** The shard of a partition: FNV-1a 32 of `tenant/n`, modulo the number of shards. */
export const shardOf = (tenant: string, partition: number): number =>
  fnv1a32(`${tenant}/${partition}`) % shardCount

/** The shard of an actor that is found by its address, other than a partition. */
export const shardOfAddress = (address: Address): number =>
  fnv1a32(formatAddress(address)) % shardCount

/** The partition that keeps a record key in order. */
export const partitionOf = (recordKey: string, partitions: number): number =>
  fnv1a32(recordKey) % partitions

/** What a subject may carry of a key: base32, or `x` and the SHA-256 where the key is long. */
export function keyToken(key: string): string {
  const bytes = Buffer.from(key, "utf8")
  if (bytes.length === 0) return "0"
  if (bytes.length <= keyTokenBytesMax) return base32(bytes)
  return `x${hash("sha256", bytes, "hex")}`
}

/** The key behind a token, or `undefined` for a hashed one. Refuses what `keyToken` never makes. */
export function keyOfToken(token: string): string | undefined {
  if (token === "0") return ""
  if (/^x[0-9a-f]{64}$/.test(token)) return undefined
  const bytes = unbase32(token)
  const key = bytes?.toString("utf8")
  if (key === undefined || keyToken(key) !== token) {
    throw new Invalid({ what: "key", message: "The key token of this subject is malformed." })
  }
  return key
}

export type SubjectParts =
  | { readonly lane: "mb"; readonly tenant: string; readonly partition: number }
  | { readonly lane: "ctl"; readonly shard: number; readonly address: Address }
  | { readonly lane: "st"; readonly shard: number; readonly path: readonly string[] }

/** The one function that makes a subject. */
export function subjectOf(parts: SubjectParts): string {
  switch (parts.lane) {
    case "mb": {
      const n = checkIndex("partition", parts.partition, partitionsMax)
      return `mb.${shardOf(parts.tenant, n)}.${checkToken("tenant", parts.tenant)}.${n}`
    }
    case "ctl": {
      const { tenant, kind, key } = parts.address
      const shard = checkIndex("shard", parts.shard, shardCount)
      const owner = `${checkToken("tenant", tenant)}.${checkToken("kind", kind)}`
      return `ctl.${shard}.${owner}.${keyToken(key)}`
    }
    case "st": {
      const shard = checkIndex("shard", parts.shard, shardCount)
      return ["st", shard, ...parts.path.map(keyToken)].join(".")
    }
  }
}

function checkIndex(what: string, value: number, below: number): number {
  if (Number.isInteger(value) && value >= 0 && value < below) return value
  throw new Invalid({ what, message: `The ${what} ${value} is not a whole number below ${below}.` })
}

function base32(bytes: Uint8Array): string {
  let text = ""
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += base32Alphabet[(value >>> bits) & 31]
    }
  }
  return bits > 0 ? text + base32Alphabet[(value << (5 - bits)) & 31] : text
}

function unbase32(text: string): Buffer | undefined {
  const bytes: number[] = []
  let bits = 0
  let value = 0
  for (const character of text) {
    const digit = base32Alphabet.indexOf(character)
    if (digit < 0) return undefined
    value = ((value << 5) | digit) & 0xffff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes.push((value >>> bits) & 0xff)
    }
  }
  return Buffer.from(bytes)
}
