/** Words of an entity as they are put into the text index. */
import fc from "fast-check"
import { expect, it } from "vitest"
import { indexedWordCharactersMax } from "../../protocols/limits.ts"
import { indexedWords } from "../../stores/adapters/neo4j/words.ts"
import { cutMark, typeToken } from "../../stores/graph/text.ts"
import { foldedWords } from "../../stores/graph/words.ts"

const indexed = (text: string, tenant = 7): string =>
  indexedWords(tenant, 35, `${text}${typeToken(35)}`)

/** All words, each once, by the rules that words of a search are made by. */
const expected = (text: string, tenant = 7): string =>
  [`${tenant}#35`, ...[...new Set(foldedWords(text))].map((word) => `${tenant}.${word}`)].join(" ")

const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme-ascii", maxLength: 20 }),
      fc.string({ unit: "binary", maxLength: 8 }),
      fc.constantFrom("the ", "The ", "THE-", "é", "e\u0301", "\u0301", "ΑΣ", "ΑΣ ", "ς", "İ", "K"),
      fc.constantFrom("’", "—", "²", "ß", "ł", "Ⅷ", "😀", "𝔘", "\ud800", cutMark, "x".repeat(70)),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(""))

it("are those that a search looks for, whatever the text is", () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 0, max: 10_000_000 }), (text, tenant) => {
      expect(indexed(text, tenant)).toBe(expected(text, tenant))
    }),
    { numRuns: 1_000 },
  )
})

it("come once each, in the order in which they were met, behind their tenant's number", () => {
  expect(indexed("A drop, a Dropper; DROP 'a' dropped.")).toBe(
    "7#35 7.a 7.drop 7.dropper 7.dropped",
  )
  expect(indexed("“Café” — naïve")).toBe("7#35 7.cafe 7.naive")
})

it("are told apart by their first letters where they are long", () => {
  const long = "l".repeat(indexedWordCharactersMax)
  expect(indexed(`${long}a ${long}b ${long}`)).toBe(`7#35 7.${long}`)
  expect(indexed(`${long.slice(1)}a ${long.slice(1)}b`)).toBe(
    `7#35 7.${long.slice(1)}a 7.${long.slice(1)}b`,
  )
})

it("are as many as there are, and none where there is none", () => {
  const many = Array.from({ length: 5_000 }, (_, i) => i.toString(36)).join(".")
  expect(indexed(`${many} ${many}`)).toBe(expected(many))
  expect(indexed("one")).toBe("7#35 7.one")
  for (const none of ["", " ", "…", "-!-"]) expect(indexed(none)).toBe("7#35")
})
