/** A resume token is read back by who it was made for, and by nobody else. */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { knownResumeKey, resumeKeyOf } from "../../gateway/feed/resume-key.ts"
import { decodeResume, encodeResume } from "../../gateway/feed/resume-token.ts"
import { partitionsMax, resumeTokenLengthMax } from "../../protocols/limits.ts"
import { openDataDirectory, openDataDirectoryReadOnly } from "../../runtime/index.ts"
import { folder as freshFolder } from "../support/embedded-folder.ts"
import { run } from "../support/run.ts"

const key = randomBytes(32)
const names = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,12}$/)
const types = fc.option(fc.array(fc.string({ maxLength: 9 }), { maxLength: 5 }), {
  nil: undefined,
})
const positions = fc.record({
  feed: fc.stringMatching(/^[0-9a-f]{16}$/),
  sequences: fc.array(fc.maxSafeNat(), { maxLength: partitionsMax }),
})

/** The one answer to whatever is not one's own. */
const refusal = {
  _tag: "Invalid",
  family: "Refused",
  what: "after",
  message: "The resume token is not one that this node gave for these types.",
}
const refused = (use: () => unknown) => {
  try {
    use()
  } catch (error) {
    expect({ message: (error as Error).message, ...(error as object) }).toEqual(refusal)
    return true
  }
  return false
}

describe("a resume token", () => {
  it("is read back, whatever the place, and in whatever order the types are named", () => {
    fc.assert(
      fc.property(names, types, positions, (tenant, asked, position) => {
        const token = encodeResume(key, { tenant, types: asked }, position)
        const again = asked === undefined ? undefined : [...asked, ...asked].reverse()
        expect(decodeResume(key, { tenant, types: again }, token)).toEqual(position)
        expect(token).toMatch(/^[\w-]+$/)
        expect(token.length).toBeLessThanOrEqual(resumeTokenLengthMax)
      }),
    )
  })

  it("is short where a tenant is", () => {
    const position = { feed: "0123456789abcdef", sequences: [90_000, 90_000, 90_000, 90_000] }
    const token = encodeResume(key, { tenant: "demo", types: undefined }, position)
    expect(token.length).toBeLessThanOrEqual(64)
  })

  it("is refused under another tenant, other types or another key", () => {
    fc.assert(
      fc.property(names, names, types, types, positions, (one, other, mine, theirs, position) => {
        const token = encodeResume(key, { tenant: one, types: mine }, position)
        const read = (tenant: string, asked: typeof mine, under = key) =>
          refused(() => decodeResume(under, { tenant, types: asked }, token))
        expect(read(one, mine, randomBytes(32))).toBe(true)
        expect(read(other, mine)).toBe(one !== other)
        expect(read(one, theirs)).toBe(sameness(mine) !== sameness(theirs))
      }),
    )
  })

  it("of no subscription is good for any types of its tenant", () => {
    fc.assert(
      fc.property(types, positions, (asked, position) => {
        const token = encodeResume(key, { tenant: "demo", types: "any" }, position)
        expect(decodeResume(key, { tenant: "demo", types: asked }, token)).toEqual(position)
        expect(refused(() => decodeResume(key, { tenant: "acme", types: asked }, token))).toBe(true)
      }),
    )
  })

  it("is refused with any bit changed, cut short or drawn out", () => {
    const scope = { tenant: "demo", types: ["a", "b"] }
    const token = encodeResume(key, scope, { feed: "0123456789abcdef", sequences: [1, 300, 0] })
    const bytes = Buffer.from(token, "base64url")
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const other = Buffer.from(bytes)
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(refused(() => decodeResume(key, scope, other.toString("base64url")))).toBe(true)
    }
    for (let length = 0; length < token.length; length++) {
      expect(refused(() => decodeResume(key, scope, token.slice(0, length)))).toBe(true)
    }
    for (const drawnOut of [`${token}A`, `${token}=`, ` ${token}`, `${token}\n`]) {
      expect(refused(() => decodeResume(key, scope, drawnOut))).toBe(true)
    }
  })

  it("is refused where it is any other text", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2_000 }), types, (text, asked) => {
        expect(refused(() => decodeResume(key, { tenant: "demo", types: asked }, text))).toBe(true)
      }),
    )
  })
})

const sameness = (asked: readonly string[] | undefined) =>
  JSON.stringify(asked === undefined ? null : [...new Set(asked)].sort())

describe("the key of resume tokens", () => {
  it("is made once for a data directory and found again, also by who only reads", async () => {
    const folder = freshFolder()
    const open = Effect.flatMap(openDataDirectory(folder), resumeKeyOf)
    const first = await run(Effect.scoped(open))
    expect(first).toHaveLength(32)
    expect(await run(Effect.scoped(open))).toEqual(first)
    const looked = Effect.map(openDataDirectoryReadOnly(folder), knownResumeKey)
    expect(await run(Effect.scoped(looked))).toEqual(first)
    const other = Effect.flatMap(openDataDirectory(freshFolder()), resumeKeyOf)
    expect(await run(Effect.scoped(other))).not.toEqual(first)
  })
})
