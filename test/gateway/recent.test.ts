import fc from "fast-check"
import { expect, it } from "vitest"
import { Recent } from "../../gateway/recent.ts"

const bounds = {
  countMax: 4,
  lengthMax: 20,
  lengthOf: (_name: string, value: string) => value.length,
}
const name = fc.constantFrom("a", "b", "c", "d", "e", "f")
const step = fc.record({
  name,
  length: fc.option(fc.integer({ min: 0, max: 24 }), { nil: undefined }),
})

it("keeps what was kept or used last, within its bounds in number and length", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const recent = new Recent<string>(bounds)
      const values = new Map<string, string>()
      for (const { name, length } of steps) {
        const before = [...values.keys()].filter((known) => recent.find(known) !== undefined)
        if (length === undefined) {
          const found = recent.use(name)
          expect(found).toBe(before.includes(name) ? values.get(name) : undefined)
          continue
        }
        const value = name.repeat(length)
        values.set(name, value)
        recent.keep(name, value)
        expect(recent.find(name)).toBe(length > bounds.lengthMax ? undefined : value)
      }
      const kept = [...recent.values()]
      expect(kept.length).toBe(recent.count)
      expect(recent.count).toBeLessThanOrEqual(bounds.countMax)
      expect(recent.length).toBe(kept.join("").length)
      expect(recent.length).toBeLessThanOrEqual(bounds.lengthMax)
    }),
  )
})

it("forgets the longest unused, and nothing before it is full", () => {
  const recent = new Recent<string>(bounds)
  for (const name of ["a", "b", "c", "d"]) recent.keep(name, name)
  expect(recent.use("a")).toBe("a")
  expect(recent.find("b")).toBe("b")
  recent.keep("e", "e")
  expect(["a", "b", "c", "d", "e"].filter((name) => recent.find(name))).toEqual([
    "a",
    "c",
    "d",
    "e",
  ])
  recent.keep("f", "f".repeat(18))
  expect([...recent.values()]).toEqual(["a", "e", "f".repeat(18)])
})
