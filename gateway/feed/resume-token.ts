/**
 * Resume tokens: a place in a tenant's change feed as text that only this data directory makes
 * (contracts §9). A token is bound to its tenant and to the types that were asked for: a place
 * behind the changes of some types says nothing of the others.
 *
 * Promises: what `encodeResume` made under a key, `decodeResume` reads under the same key, tenant
 * and types, and nothing else; all that it refuses, it refuses in the same words. A place carries
 * neither tenant nor types: it shows how many changes there have been, and no more.
 *
 * The bytes, in base64url: format, kind, length and text of the feed's name, number of sequences,
 * each as a varint, then the first half of an HMAC-SHA-256 over tenant, types and these bytes.
 */
import { createHmac, timingSafeEqual } from "node:crypto"
import { Invalid } from "../../protocols/errors.ts"
import { partitionsMax, resumeTokenLengthMax } from "../../protocols/limits.ts"
import type { FeedPosition } from "../../stores/index.ts"

export interface ResumeScope {
  readonly tenant: string
  /**
   * `undefined` is a subscription to all types. `any` is a place that is not of a subscription,
   * such as a page's: no change before it is needed, whatever types are asked for from there.
   */
  readonly types: readonly string[] | undefined | "any"
}

const format = 1
/** Kinds of places. */
const ofTypes = 0
const ofAny = 1
const signatureBytes = 16

export function encodeResume(key: Uint8Array, scope: ResumeScope, position: FeedPosition): string {
  const feed = Buffer.from(position.feed, "utf8")
  const bytes = [format, scope.types === "any" ? ofAny : ofTypes, feed.length, ...feed]
  bytes.push(position.sequences.length)
  for (const sequence of position.sequences) pushVarint(bytes, sequence)
  const place = Uint8Array.from(bytes)
  return Buffer.concat([place, signatureOf(key, scope, place)]).toString("base64url")
}

/** Throws `Invalid` for whatever was not made for this tenant and these types. */
export function decodeResume(
  key: Uint8Array,
  scope: ResumeScope & { readonly types: readonly string[] | undefined },
  token: string,
): FeedPosition {
  const position = read(key, scope, token)
  if (position !== undefined) return position
  const message = "The resume token is not one that this node gave for these types."
  throw new Invalid({ what: "after", message })
}

function read(key: Uint8Array, scope: ResumeScope, token: string): FeedPosition | undefined {
  if (token.length > resumeTokenLengthMax) return undefined
  const bytes = Buffer.from(token, "base64url")
  // Characters that are no base64url are passed over in silence.
  if (bytes.length <= signatureBytes || bytes.toString("base64url") !== token) return undefined
  const place = bytes.subarray(0, bytes.length - signatureBytes)
  const types = place[1] === ofAny ? "any" : scope.types
  const signature = signatureOf(key, { tenant: scope.tenant, types }, place)
  if (!timingSafeEqual(signature, bytes.subarray(place.length))) return undefined
  return positionOf(place)
}

function signatureOf(key: Uint8Array, scope: ResumeScope, place: Uint8Array): Uint8Array {
  const { tenant, types } = scope
  const asked = typeof types === "object" ? [...new Set(types)].sort() : (types ?? null)
  // JSON text has no line feed of its own: where the place begins is plain.
  const hmac = createHmac("sha256", key).update(`${JSON.stringify([tenant, asked])}\n`)
  return hmac.update(place).digest().subarray(0, signatureBytes)
}

/** Of bytes that carry our own signature; one of a later format is not known here. */
function positionOf(place: Buffer): FeedPosition | undefined {
  if (place[0] !== format) return undefined
  const feedEnd = 3 + (place[2] ?? 0)
  const feed = place.toString("utf8", 3, feedEnd)
  const count = place[feedEnd] ?? 0
  if (count > partitionsMax) return undefined
  const sequences: number[] = []
  let at = feedEnd + 1
  for (let i = 0; i < count; i++) {
    let [value, scale] = [0, 1]
    for (let more = true; more; scale *= 128) {
      const byte = place[at++]
      if (byte === undefined) return undefined
      value += (byte & 127) * scale
      more = byte > 127
    }
    sequences.push(value)
  }
  return { feed, sequences }
}

// Not by shifts: a sequence may pass 2^32.
function pushVarint(bytes: number[], value: number): void {
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  bytes.push(rest)
}
