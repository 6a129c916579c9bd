/**
 * The text of a token: `ig_<id>_<secret>`. The id finds the row and is no secret; the secret is 32
 * random bytes. Only the SHA-256 of the whole text is kept, so that neither the data directory nor
 * a backup of it can be used to ask.
 */
import { hash, randomBytes, timingSafeEqual } from "node:crypto"
import { tokenIdLength, tokenSecretBytes } from "../../protocols/limits.ts"

const letters = "abcdefghijklmnopqrstuvwxyz234567"
const secretLength = Math.ceil((tokenSecretBytes * 8) / 6)
const pattern = new RegExp(`^ig_([a-z2-7]{${tokenIdLength}})_[A-Za-z0-9_-]{${secretLength}}$`)

export interface NewToken {
  readonly id: string
  /** Shown once, never kept. */
  readonly text: string
}

export function newToken(): NewToken {
  let id = ""
  // 32 letters: every byte is as likely to give each of them.
  for (const byte of randomBytes(tokenIdLength)) id += letters[byte % letters.length]
  return { id, text: `ig_${id}_${randomBytes(tokenSecretBytes).toString("base64url")}` }
}

/** The id in a token's text; `undefined` for what can be no token. */
export const idOfToken = (text: string): string | undefined => pattern.exec(text)?.[1]

/**
 * SHA-256. By way of a latin1 string: that is a third faster than asking for a buffer (1.0 µs and
 * 1.7 µs).
 */
export const digestOfToken = (text: string): Uint8Array =>
  Buffer.from(hash("sha256", text, "latin1"), "latin1")

/** In the same time whatever the digest is. */
export const isTokenOf = (text: string, digest: Uint8Array): boolean =>
  timingSafeEqual(digestOfToken(text), digest)

/** The token of `Authorization: Bearer …`; `undefined` for any other header. */
export function tokenOfHeader(header: string): string | undefined {
  return header.slice(0, 7).toLowerCase() === "bearer " ? header.slice(7).trim() : undefined
}
