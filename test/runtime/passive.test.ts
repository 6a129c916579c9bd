import fc from "fast-check"
import { expect, test } from "vitest"
import { keyBytesMax, passiveStateBytesMax } from "../../protocols/limits.ts"
import { MemoryPassiveStore } from "../../runtime/index.ts"

const slabBytes = 1024 ** 2

test("gives back what was put, for every key, whatever was put and taken away in between", () => {
  const key = fc.oneof(
    fc.nat(40).map(String),
    fc.string({ maxLength: 5 }),
    fc.constant("__proto__"),
  )
  const move = fc.record({
    tenant: fc.constantFrom("a", "b"),
    key,
    state: fc.option(fc.uint8Array({ maxLength: 40 })),
  })
  fc.assert(
    fc.property(fc.array(move, { maxLength: 300 }), (moves) => {
      const store = new MemoryPassiveStore()
      const model = new Map<string, Uint8Array>()
      for (const { tenant, key, state } of moves) {
        const name = `${tenant}/${key}`
        if (state === null) {
          store.delete(tenant, "kind", key)
          model.delete(name)
        } else {
          expect(store.put(tenant, "kind", key, state)).toBe(true)
          model.set(name, state)
        }
        expect(store.get(tenant, "kind", key)).toEqual(model.get(name))
      }
      for (const { tenant, key } of moves) {
        expect(store.get(tenant, "kind", key)).toEqual(model.get(`${tenant}/${key}`))
      }
      expect(store.count("a", "kind") + store.count("b", "kind")).toBe(model.size)
    }),
  )
})

test("finds each of many keys again", () => {
  const store = new MemoryPassiveStore()
  const state = (n: number) => new Uint8Array(Uint32Array.of(n, n + 1).buffer)
  for (let n = 0; n < 20_000; n++) store.put("t", "k", `key ${n}`, state(n))
  for (let n = 0; n < 20_000; n += 2) store.delete("t", "k", `key ${n}`)
  for (let n = 0; n < 20_000; n++) {
    expect(store.get("t", "k", `key ${n}`)).toEqual(n % 2 === 0 ? undefined : state(n))
  }
})

test("does not share the bytes that it was given, nor those that it gives", () => {
  const store = new MemoryPassiveStore()
  const state = new Uint8Array([1, 2, 3])
  store.put("t", "k", "a", state)
  state[0] = 9
  const got = store.get("t", "k", "a")
  expect(got).toEqual(new Uint8Array([1, 2, 3]))
  got?.fill(0)
  expect(store.get("t", "k", "a")).toEqual(new Uint8Array([1, 2, 3]))
})

test("refuses a state or key that is too large, and keeps the largest that is not", () => {
  const store = new MemoryPassiveStore()
  expect(store.put("t", "k", "a", new Uint8Array(passiveStateBytesMax + 1))).toBe(false)
  expect(store.put("t", "k", "x".repeat(keyBytesMax + 1), new Uint8Array(1))).toBe(false)
  const largest = new Uint8Array(passiveStateBytesMax).fill(7)
  expect(store.put("t", "k", "x".repeat(keyBytesMax), largest)).toBe(true)
  expect(store.get("t", "k", "x".repeat(keyBytesMax))).toEqual(largest)
})

test("refuses more than its bytes, uses freed room again, and keeps what it had", () => {
  const store = new MemoryPassiveStore(slabBytes)
  const state = new Uint8Array(1000 - 4 - 4)
  let kept = 0
  while (store.put("t", "k", String(kept).padStart(4, "0"), state)) kept += 1
  expect(kept).toBe(Math.floor(slabBytes / 1000))
  store.delete("t", "k", "0007")
  expect(store.put("t", "k", "next", state)).toBe(true)
  expect(store.put("t", "k", "more", state)).toBe(false)
  expect(store.get("t", "k", "0008")).toEqual(state)
})
