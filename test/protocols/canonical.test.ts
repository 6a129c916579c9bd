import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { canonicalJson, type Json, sha256OfJson } from "../../protocols/canonical.ts"

const vectors = join(import.meta.dirname, "../vectors/jcs")
const read = (path: string) => readFileSync(join(vectors, path), "utf8")

describe("the vectors of RFC 8785", () => {
  it.each(readdirSync(join(vectors, "input")))("%s", (name) => {
    const text = canonicalJson(JSON.parse(read(`input/${name}`)) as Json)
    expect(text).toBe(read(`output/${name}`))
    const hex = read(`outhex/${name.replace(".json", ".txt")}`).replaceAll(/\s/g, "")
    expect(Buffer.from(text, "utf8").toString("hex")).toBe(hex)
  })

  const numbers = JSON.parse(read("es6-numbers.json")) as {
    readonly samples: readonly { readonly hex: string; readonly expected: string }[]
    readonly staticU64: readonly string[]
    readonly serial: { readonly base: string; readonly count: number }
    readonly prefixHashes: readonly { readonly sha256: string; readonly lines: number }[]
  }

  const double = (bits: bigint): number => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(bits)
    return bytes.readDoubleBE()
  }

  it("samples of numbers", () => {
    for (const { hex, expected } of numbers.samples) {
      expect(canonicalJson(double(BigInt(`0x${hex}`)))).toBe(expected)
    }
  })

  it("10,000 numbers, by their hash", () => {
    function* bits(): Generator<bigint> {
      for (const hex of numbers.staticU64) yield BigInt(`0x${hex}`)
      const base = BigInt(`0x${numbers.serial.base}`)
      for (let i = 0; i < numbers.serial.count; i++) yield base + BigInt(i)
      for (let state = Buffer.alloc(32); ; ) {
        state = createHash("sha256").update(state).digest()
        for (let at = 0; at < 32; at += 8) yield state.readBigUInt64LE(at)
      }
    }
    const prefixes = numbers.prefixHashes.filter(({ lines }) => lines <= 10_000)
    expect(prefixes.length).toBeGreaterThan(1)
    const digest = createHash("sha256")
    let lines = 0
    for (const one of bits()) {
      const number = double(one)
      if (!Number.isFinite(number)) continue
      if (lines >= numbers.staticU64.length + numbers.serial.count && number === 0) continue
      digest.update(`${one.toString(16)},${canonicalJson(number)}\n`)
      lines++
      const prefix = prefixes.find((known) => known.lines === lines)
      if (prefix !== undefined) expect(digest.copy().digest("hex")).toBe(prefix.sha256)
      if (lines === 10_000) break
    }
  })
})

describe("canonical JSON", () => {
  it("is read back as the same value, and written the same again", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (value) => {
        const text = canonicalJson(value as Json)
        const back = JSON.parse(text) as Json
        expect(back).toEqual(JSON.parse(JSON.stringify(value)))
        expect(canonicalJson(back)).toBe(text)
      }),
    )
  })

  it("does not depend on the order in which members were written", () => {
    const names = fc.oneof(
      fc.string(),
      fc.constantFrom("1", "10", "9", "__proto__", "é", "\u{1F600}"),
    )
    fc.assert(
      fc.property(fc.uniqueArray(names, { maxLength: 8 }), (keys) => {
        const object = (order: readonly string[]) =>
          JSON.parse(`{${order.map((key) => `${JSON.stringify(key)}:{}`).join(",")}}`) as Json
        expect(canonicalJson(object(keys))).toBe(canonicalJson(object(keys.toReversed())))
        const sorted = keys.toSorted().map((key) => `${JSON.stringify(key)}:{}`)
        if (keys.every((key) => key.isWellFormed())) {
          expect(canonicalJson(object(keys))).toBe(`{${sorted.join(",")}}`)
        }
      }),
    )
  })

  it.each([
    ["a number that is not finite", [Number.NaN]],
    ["a lone surrogate", { a: ["\ud800"] }],
    ["a lone surrogate in a name", { "\udc00": 1 }],
  ])("is refused for %s", (_what, value) => {
    expect(() => canonicalJson(value as Json)).toThrow(/no canonical form/)
  })

  it("is refused for nesting past the limit", () => {
    const nest = (depth: number) => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`) as Json
    expect(canonicalJson(nest(160))).toHaveLength(320)
    expect(() => canonicalJson(nest(161))).toThrow(/nested too deeply/)
  })

  it("takes text that only looks like an escape", () => {
    expect(canonicalJson("\\ud800")).toBe('"\\\\ud800"')
  })

  it("has a hash over its bytes", () => {
    expect(sha256OfJson({ b: 1, a: "é" })).toBe(
      createHash("sha256").update('{"a":"é","b":1}').digest("hex"),
    )
  })
})
