import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  addSourceCounters,
  brokenMailboxEquation,
  brokenSourceEquation,
  noSourceCounters,
  type SourceCounters,
} from "../../protocols/counters.ts"
import { type Incoming, judge } from "../../protocols/sameness.ts"
import { compareUtf8, mergeProperties, type RankedAssertion } from "../../protocols/visible.ts"

describe("sameness", () => {
  const hash = (n: number) => Uint8Array.from([n])
  const row = (
    count: number,
    ordinal: number,
    version: number | undefined,
    n: number,
  ): Incoming => ({
    run: { epoch: 1, count },
    ordinal,
    version,
    hash: hash(n),
    retracts: false,
  })

  it("of a record that was never there is acceptance", () => {
    expect(judge(undefined, row(1, 0, 1, 1))).toBe("accepted")
  })

  it("judges in order: sent again, older, equal, else accepted", () => {
    const before = row(2, 5, 10, 1)
    expect(judge(before, row(2, 5, 20, 2))).toBe("replayed")
    expect(judge(before, row(2, 4, 20, 2))).toBe("replayed")
    expect(judge(before, row(1, 9, 20, 2))).toBe("replayed")
    expect(judge(before, row(2, 6, 9, 1))).toBe("stale")
    expect(judge(before, row(2, 6, 10, 1))).toBe("duplicate")
    expect(judge(before, row(2, 6, 11, 1))).toBe("duplicate")
    expect(judge(before, row(2, 6, 10, 2))).toBe("accepted")
    expect(judge(before, row(3, 0, undefined, 2))).toBe("accepted")
    expect(judge(row(2, 5, undefined, 1), row(3, 0, 1, 2))).toBe("accepted")
  })

  it("takes back only what was accepted", () => {
    const retraction = { ...row(2, 0, undefined, 2), retracts: true }
    expect(judge(undefined, retraction)).toBe("duplicate")
    expect(judge({ ...row(1, 0, undefined, 0), hash: new Uint8Array() }, retraction)).toBe(
      "duplicate",
    )
    expect(judge(row(1, 0, 10, 1), retraction)).toBe("accepted")
    expect(judge(row(1, 0, undefined, 2), retraction)).toBe("duplicate")
    expect(judge(row(2, 0, undefined, 1), retraction)).toBe("replayed")
  })

  it("puts the epoch of a run before its count", () => {
    const before = { ...row(9, 9, undefined, 1), run: { epoch: 1, count: 9 } }
    expect(judge(before, { ...before, run: { epoch: 2, count: 1 }, hash: hash(2) })).toBe(
      "accepted",
    )
  })
})

describe("the visible properties", () => {
  const assertion = fc.record({
    source: fc.constantFrom("a", "b", "é", "\u{1F600}", "\uFFFD"),
    priority: fc.integer({ min: 0, max: 2 }),
    version: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
    recordKey: fc.constantFrom("1", "2", "3"),
    properties: fc.dictionary(fc.constantFrom("p", "q", "__proto__"), fc.nat()),
  })
  const distinct = fc.uniqueArray(assertion, {
    selector: (one: RankedAssertion) => `${one.source}/${one.recordKey}`,
    maxLength: 8,
  })

  it("do not depend on the order in which assertions came", () => {
    fc.assert(
      fc.property(distinct, (assertions) => {
        const sorted = (all: readonly RankedAssertion[]) =>
          Object.entries(mergeProperties(all)).sort()
        expect(sorted(assertions.toReversed())).toEqual(sorted(assertions))
      }),
    )
  })

  it("are of the higher priority, the newer version, the lesser source, the lesser key", () => {
    const one = (
      priority: number,
      version: number | undefined,
      source: string,
      recordKey: string,
    ) => ({
      priority,
      version,
      source,
      recordKey,
      properties: { p: `${priority}${version}${source}${recordKey}` },
    })
    const ranked = [
      one(1, undefined, "z", "9"),
      one(0, 5, "z", "9"),
      one(0, 4, "a", "1"),
      one(0, undefined, "a", "1"),
      one(0, undefined, "a", "2"),
      one(0, undefined, "b", "1"),
    ]
    for (let i = 0; i < ranked.length; i++) {
      const rest = ranked.slice(i)
      expect({ ...mergeProperties(rest.toReversed()) }).toEqual(rest[0]?.properties)
    }
  })

  it("keep what only a weaker source says", () => {
    const strong = { source: "a", priority: 1, version: 1, recordKey: "1", properties: { p: 1 } }
    const weak = {
      source: "b",
      priority: 0,
      version: 9,
      recordKey: "1",
      properties: { p: 2, q: 3 },
    }
    expect({ ...mergeProperties([weak, strong]) }).toEqual({ p: 1, q: 3 })
  })
})

it("order by UTF-8 is that of the bytes", () => {
  const words = fc.string({ unit: "binary", maxLength: 6 })
  fc.assert(
    fc.property(words, words, (a, b) => {
      fc.pre(a.isWellFormed() && b.isWellFormed())
      expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
  )
})

describe("the equations", () => {
  const counters = fc.record({
    accepted: fc.nat(),
    duplicates: fc.nat(),
    refused: fc.nat(),
    deadLettered: fc.nat(),
    replayed: fc.nat(),
  })
  const balanced = counters.map(
    (c): SourceCounters => ({
      ...c,
      stale: c.duplicates,
      read: c.accepted + c.duplicates + c.refused + c.deadLettered,
    }),
  )

  it("of a source hold for sums of what they hold for", () => {
    fc.assert(
      fc.property(balanced, balanced, (a, b) => {
        expect(brokenSourceEquation(addSourceCounters(a, b))).toBeUndefined()
        expect(addSourceCounters(a, noSourceCounters)).toEqual(a)
      }),
    )
  })

  it("of a source notice each count that is off by one", () => {
    fc.assert(
      fc.property(balanced, fc.constantFrom("read", "accepted", "refused", "stale"), (c, name) => {
        expect(
          brokenSourceEquation({ ...c, [name]: c[name as keyof SourceCounters] + 1 }),
        ).toBeDefined()
      }),
    )
  })

  it("of a mailbox hold and break", () => {
    const parts = { handled: 3, deadLettered: 1, expired: 1, shed: 1 }
    const pending = { queued: 2, stashed: 1, parked: 1, inTurn: 1 }
    const whole = { offered: 13, admitted: 11, refused: 2, ...parts, ...pending }
    expect(brokenMailboxEquation(whole)).toBeUndefined()
    for (const name of Object.keys(whole)) {
      const off = { ...whole, [name]: whole[name as keyof typeof whole] + 1 }
      expect(brokenMailboxEquation(off)).toBeDefined()
    }
  })
})
