import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { nodeWeightMax, shardCount } from "../../protocols/limits.ts"
import {
  candidates,
  decodeEntry,
  type Entry,
  encodeEntry,
  type Member,
  roomOf,
  shareOut,
} from "../../runtime/index.ts"

const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,12}$/)
const member: fc.Arbitrary<Member> = fc.record({
  node: name,
  weight: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: nodeWeightMax })),
})
const members = fc.uniqueArray(member, { minLength: 1, maxLength: 12, selector: (one) => one.node })

const counts = (owners: readonly string[]) => {
  const count = new Map<string, number>()
  for (const owner of owners) count.set(owner, (count.get(owner) ?? 0) + 1)
  return count
}

describe("shares", () => {
  test("give every shard one owner, and no member more than it has room for", () => {
    fc.assert(
      fc.property(members, (all) => {
        const owners = shareOut(all)
        expect(owners).toHaveLength(shardCount)
        const weights = all.reduce((sum, { weight }) => sum + weight, 0)
        const owned = counts(owners)
        for (const { node, weight } of all) {
          expect(owned.get(node) ?? 0).toBeLessThanOrEqual(roomOf(weight / weights))
        }
        expect([...owned.keys()].every((node) => all.some((one) => one.node === node))).toBe(true)
      }),
    )
  })

  test("do not depend on the order of the members", () => {
    const shuffled = members.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    )
    fc.assert(
      fc.property(shuffled, ([all, other]) => {
        expect(shareOut(other)).toEqual(shareOut(all))
        expect(candidates(7, other)).toEqual(candidates(7, all))
      }),
    )
  })

  test("move to who comes, and little else", () => {
    // Equal weights: of unequal ones, who comes may move the bounds of all others.
    const count = fc.integer({ min: 1, max: 9 })
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 10, maxLength: 10 }), count, (names, few) => {
        const all = names.map((node) => ({ node, weight: 1 }))
        const before = shareOut(all.slice(0, few))
        const after = shareOut(all.slice(0, few + 1))
        const late = names[few]
        const moved = after.filter((owner, shard) => owner !== before[shard])
        expect(moved.filter((owner) => owner !== late).length).toBeLessThanOrEqual(12)
        expect(moved.length).toBeLessThanOrEqual(roomOf(1 / (few + 1)) + 12)
      }),
    )
  })

  test("are nobody's where nobody is", () => {
    expect(shareOut([])).toEqual([])
  })
})

describe("entries of the register", () => {
  const incarnation = name
  const entry: fc.Arbitrary<Entry> = fc.oneof(
    fc.record({
      kind: fc.constant("node" as const),
      node: name,
      incarnation,
      weight: fc.integer({ min: 1, max: nodeWeightMax }),
      standing: fc.constantFrom("serves", "troubled", "cordoned", "drains"),
    }),
    fc.record({
      kind: fc.constant("lease" as const),
      node: name,
      incarnation,
      shard: fc.nat(shardCount - 1),
      epoch: fc.maxSafeNat(),
    }),
  )

  test("are read as they were written", () => {
    fc.assert(
      fc.property(entry, (one) => {
        expect(decodeEntry(encodeEntry(one))).toEqual(one)
      }),
    )
  })

  test.each([
    "",
    "null",
    "[]",
    "{",
    '{"version":2,"kind":"lease","node":"a","incarnation":"i","shard":1,"epoch":1}',
    '{"version":1,"kind":"lease","node":"a.b","incarnation":"i","shard":1,"epoch":1}',
    '{"version":1,"kind":"lease","node":"a","incarnation":"i","shard":64,"epoch":1}',
    '{"version":1,"kind":"lease","node":"a","incarnation":"i","shard":1,"epoch":-1}',
    '{"version":1,"kind":"node","node":"a","incarnation":"i","weight":0,"standing":"serves"}',
    '{"version":1,"kind":"node","node":"a","incarnation":"i","weight":1,"standing":"sits"}',
    '{"version":1,"kind":"cat","node":"a","incarnation":"i"}',
  ])("are not guessed at: %s", (text) => {
    expect(decodeEntry(text)).toBeUndefined()
  })
})
