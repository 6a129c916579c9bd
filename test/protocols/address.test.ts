import { createHash } from "node:crypto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  fnv1a32,
  formatAddress,
  isToken,
  keyOfToken,
  keyToken,
  makeAddress,
  parseAddress,
  partitionOf,
  shardOf,
  shardOfAddress,
  subjectOf,
} from "../../protocols/address.ts"
import { partitionsMax, shardCount } from "../../protocols/limits.ts"

const tokens = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/)
const keys = fc.string({ unit: "binary", maxLength: 200 })

describe("an address", () => {
  it("is read back from its text, with any key", () => {
    fc.assert(
      fc.property(tokens, tokens, keys, (tenant, kind, key) => {
        const address = makeAddress(tenant, kind, key)
        expect(parseAddress(formatAddress(address))).toEqual(address)
      }),
    )
  })

  it.each([
    "",
    "a/b",
    "acme.corp/k/1",
    "A/k/1",
    "-a/k/1",
    "a/*/1",
    `${"a".repeat(64)}/k/1`,
    "a/k>/1",
  ])("%j is refused", (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ _tag: "Invalid" }))
  })

  it("has tenants and kinds of 1 to 63 characters", () => {
    expect(isToken("a".repeat(63))).toBe(true)
    expect(isToken("a".repeat(64))).toBe(false)
    expect(isToken("a\n")).toBe(false)
  })
})

describe("a key in a subject", () => {
  it("is one safe token, and comes back where it is short", () => {
    fc.assert(
      fc.property(keys, (key) => {
        const token = keyToken(key)
        expect(token).toMatch(/^[a-z0-9]+$/)
        if (!key.isWellFormed()) return
        const back = keyOfToken(token)
        expect(back).toBe(Buffer.byteLength(key) <= 128 ? key : undefined)
      }),
    )
  })

  it("is base32 as RFC 4648 has it, unpadded and in lower case", () => {
    const known = { f: "my", fo: "mzxq", foo: "mzxw6", foob: "mzxw6yq", fooba: "mzxw6ytb" }
    for (const [key, token] of Object.entries(known)) expect(keyToken(key)).toBe(token)
  })

  it("is its SHA-256 where it is longer than 128 bytes", () => {
    const key = "k".repeat(129)
    expect(keyToken(key)).toBe(`x${createHash("sha256").update(key).digest("hex")}`)
    expect(keyToken("k".repeat(128))).toHaveLength(205)
  })

  it.each(["", "*", "my=", "MY", "m1", "mz", "x00", "a.b"])(
    "%j is no token of any key",
    (token) => {
      expect(() => keyOfToken(token)).toThrow(expect.objectContaining({ _tag: "Invalid" }))
    },
  )
})

describe("FNV-1a", () => {
  it("is as the draft's vectors say", () => {
    const known = { "": 0x811c9dc5, a: 0xe40c292c, foobar: 0xbf9cf968 }
    for (const [text, hash] of Object.entries(known)) {
      expect(fnv1a32(text)).toBe(hash)
    }
  })

  it("is over UTF-8 bytes, so that another program finds the same partition", () => {
    const slow = (text: string) => {
      let state = 0x811c9dc5n
      for (const byte of Buffer.from(text, "utf8"))
        state = ((state ^ BigInt(byte)) * 0x01000193n) % 2n ** 32n
      return Number(state)
    }
    fc.assert(
      fc.property(keys, (text) => {
        expect(fnv1a32(text)).toBe(slow(text))
      }),
    )
  })
})

describe("subjects", () => {
  it("name a partition by shard, tenant and number", () => {
    expect(subjectOf({ lane: "mb", tenant: "demo", partition: 3 })).toBe(
      `mb.${shardOf("demo", 3)}.demo.3`,
    )
    for (const partition of [-1, 1.5, partitionsMax]) {
      expect(() => subjectOf({ lane: "mb", tenant: "demo", partition })).toThrow(/partition/)
    }
  })

  it("have as many tokens as their lane says, whatever the key", () => {
    fc.assert(
      fc.property(tokens, tokens, keys, fc.array(keys), (tenant, kind, key, path) => {
        const address = makeAddress(tenant, kind, key)
        expect(subjectOf({ lane: "ctl", shard: 0, address }).split(".")).toHaveLength(5)
        expect(subjectOf({ lane: "st", shard: 0, path }).split(".")).toHaveLength(2 + path.length)
      }),
    )
    expect(() => subjectOf({ lane: "st", shard: shardCount, path: [] })).toThrow(/shard/)
  })

  it("spread keys over partitions and tenants over shards", () => {
    const partitions = new Set(Array.from({ length: 100 }, (_, i) => partitionOf(`key ${i}`, 4)))
    expect(partitions.size).toBe(4)
    const shards = new Set(Array.from({ length: 500 }, (_, i) => shardOf(`tenant-${i}`, 0)))
    expect(shards.size).toBeGreaterThan(shardCount / 2)
  })

  it("find an actor's shard by its whole address", () => {
    expect(shardOfAddress(makeAddress("demo", "counter", "a/b"))).toBe(4)
    expect(shardOfAddress(makeAddress("demo", "tenant", "ü"))).toBe(59)
  })
})
