/** What a transaction looks its rows up by. */
import fc from "fast-check"
import { expect, it } from "vitest"
import { Groups, Keyed } from "../../stores/graph/write/cells.ts"

const number = fc.constantFrom(0, 1, -1, 2 ** 40)
const text = fc.constantFrom("", "a", "b", "a/b", "a\ud800", "a\ufffd")

it("are kept by number and text as by both together", () => {
  const steps = fc.array(
    fc.record({
      what: fc.constantFrom("set", "add", "delete"),
      of: number,
      text,
      value: fc.nat(3),
    }),
  )
  fc.assert(
    fc.property(steps, (all) => {
      const [keyed, model] = [new Keyed<number>(), new Map<string, number>()]
      for (const { what, of, text: key, value } of all) {
        const name = JSON.stringify([of, key.toWellFormed()])
        const isThere = model.has(name)
        expect([keyed.has(of, key), keyed.get(of, key)]).toEqual([isThere, model.get(name)])
        if (what === "delete") expect(keyed.delete(of, key)).toBe(model.delete(name))
        else if (what === "set") keyed.set(of, key, value)
        else expect(keyed.add(of, key, value)).toBe(!isThere)
        if (what === "set" || (what === "add" && !isThere)) model.set(name, value)
        expect(keyed.size).toBe(model.size)
      }
      const names: string[] = []
      keyed.visit((of, key) => names.push(JSON.stringify([of, key])))
      expect(names.sort()).toEqual([...model.keys()].sort())
      keyed.clear()
      expect(keyed.size).toBe(0)
    }),
  )
})

it("are grouped as in a set for each key, however many there are", () => {
  const value = fc.constantFrom<number | string>(0, 1, 2, "")
  const steps = fc.array(fc.record({ adds: fc.boolean(), key: fc.nat(2), value }))
  fc.assert(
    fc.property(steps, (all) => {
      const groups = new Groups<number, number | string>()
      const model = [0, 1, 2].map(() => new Set<number | string>())
      for (const { adds, key, value: one } of all) {
        if (adds) groups.add(key, one)
        else groups.remove(key, one)
        if (adds) model[key]?.add(one)
        else model[key]?.delete(one)
        expect([...groups.of(key)]).toEqual([...(model[key] ?? [])])
        expect(groups.sizeOf(key)).toBe(model[key]?.size)
      }
    }),
  )
})
