import fc from "fast-check"
import { expect, it } from "vitest"
import { saidOf, textOfSaid } from "../../stores/adapters/neo4j/said.ts"

const number = fc.integer({ min: 0, max: 2 ** 40 })
const maybe = fc.option(number)
const text = fc.string({ unit: "binary" })
const link = fc.record({
  type: number,
  fromNode: maybe,
  fromAlias: maybe,
  toNode: maybe,
  toAlias: maybe,
  discriminator: fc.oneof(fc.constant(""), fc.constantFrom("|", "\n", "a|b\nc"), text),
  derived: fc.constantFrom(0, 1),
  edge: maybe,
  properties: fc.option(text),
})
const state = fc.record({
  runEpoch: number,
  runCount: number,
  ordinal: number,
  version: fc.option(fc.integer({ min: -(2 ** 50), max: 2 ** 50 })),
  hash: fc.uint8Array({ maxLength: 32 }),
})
const ends = fc.option(fc.tuple(number, number), { nil: undefined })

it("is read as it was written, whatever a record says", () => {
  fc.assert(
    fc.property(state, fc.array(number), fc.array(fc.tuple(link, ends)), (row, nodes, links) => {
      const said = saidOf(textOfSaid(row, nodes.join(","), links))
      expect({ ...said, hash: new Uint8Array(said.hash) }).toEqual({
        ...row,
        nodes: nodes.join(","),
        links,
      })
    }),
  )
})
