/** Properties as the text that is stored. */
import fc from "fast-check"
import { expect, it } from "vitest"
import type { Properties } from "../../protocols/graph.ts"
import { propertiesOf, textOfProperties } from "../../stores/graph/text.ts"

const name = fc.constantFrom("a", "b", "B", "c_d", "é", "", "1", "10", "__proto__", "toJSON")
const value = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 5 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.array(fc.constantFrom("x", "null", "\\ud800"), { maxLength: 2 }),
)
const anyProperties = fc
  .uniqueArray(fc.tuple(name, value), { selector: ([one]) => one, maxLength: 6 })
  .map((members) => {
    const properties: Record<string, unknown> = Object.create(null)
    for (const [one, said] of members) properties[one] = said
    return properties as Properties
  })

/** RFC 8785: by the UTF-16 units of names. */
const canonical = (properties: Properties): string => {
  const names = Object.keys(properties).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const members = names.map((one) => `${JSON.stringify(one)}:${JSON.stringify(properties[one])}`)
  return `{${members.join(",")}}`
}

it("is canonical JSON, whatever names come after which others", () => {
  fc.assert(
    fc.property(fc.array(anyProperties, { maxLength: 12 }), (all) => {
      for (const one of all) expect(textOfProperties(one)).toBe(canonical(one))
    }),
  )
})

it("is the same in whatever order as many names were set", () => {
  const orders = [
    { a: 1, b: 2, c: 3 },
    { c: 3, b: 2, a: 1 },
    { a: 1, x: 2, c: 3 },
    { b: 2, c: 3, a: 1 },
  ]
  const texts = [...orders, ...orders].map((one) => textOfProperties(one))
  expect(new Set(texts)).toEqual(new Set(['{"a":1,"b":2,"c":3}', '{"a":1,"c":3,"x":2}']))
  expect(texts.slice(4)).toEqual(texts.slice(0, 4))
})

it("gives back the properties", () => {
  fc.assert(
    fc.property(anyProperties, (one) => {
      expect(textOfProperties(propertiesOf(textOfProperties(one)))).toBe(textOfProperties(one))
    }),
  )
})
