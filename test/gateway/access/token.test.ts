import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  digestOfToken,
  idOfToken,
  isTokenOf,
  newToken,
  tokenOfHeader,
} from "../../../gateway/access/token.ts"

const secret = (length: number) =>
  fc.string({
    unit: fc.constantFrom(..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
    minLength: length,
    maxLength: length,
  })
const id = fc.string({
  unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz234567"),
  minLength: 12,
  maxLength: 12,
})

describe("a token's text", () => {
  it("is ig_, an id, and 32 bytes that are new each time", () => {
    const many = Array.from({ length: 1000 }, newToken)
    for (const { id, text } of many) {
      expect(text).toMatch(/^ig_[a-z2-7]{12}_[A-Za-z0-9_-]{43}$/)
      expect(idOfToken(text)).toBe(id)
      expect(Buffer.from(text.slice(16), "base64url")).toHaveLength(32)
    }
    expect(new Set(many.map(({ id }) => id)).size).toBe(1000)
    expect(new Set(many.map(({ text }) => text.slice(16))).size).toBe(1000)
  })

  it("gives its id whatever the secret, also one with underscores", () => {
    fc.assert(
      fc.property(id, secret(43), (one, rest) => {
        expect(idOfToken(`ig_${one}_${rest}`)).toBe(one)
      }),
    )
  })

  it("is none with a character more, less, or other", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        expect(idOfToken(text)).toBeUndefined()
      }),
    )
    const { text } = newToken()
    for (let at = 0; at < text.length; at++) {
      expect(idOfToken(text.slice(0, at) + text.slice(at + 1))).toBeUndefined()
      expect(idOfToken(`${text.slice(0, at)}é${text.slice(at + 1)}`)).toBeUndefined()
    }
    for (const wrong of [`${text}A`, ` ${text}`, `${text}\n`, text.replace("ig_", "IG_")]) {
      expect(idOfToken(wrong)).toBeUndefined()
    }
  })

  it("is known by its digest, and no other text is", () => {
    fc.assert(
      fc.property(id, secret(43), secret(43), (one, first, second) => {
        const [right, other] = [`ig_${one}_${first}`, `ig_${one}_${second}`]
        const digest = digestOfToken(right)
        expect(digest).toHaveLength(32)
        expect(isTokenOf(right, digest)).toBe(true)
        expect(isTokenOf(other, digest)).toBe(first === second)
      }),
    )
  })

  it("stands behind the scheme Bearer, however that is written", () => {
    const { text } = newToken()
    for (const scheme of ["Bearer", "bearer", "BEARER", "Bearer  "]) {
      expect(tokenOfHeader(`${scheme} ${text}`)).toBe(text)
    }
    for (const other of [text, `Basic ${text}`, `Bearer${text}`, "", "Bearer"]) {
      expect(tokenOfHeader(other)).toBeUndefined()
    }
  })
})
