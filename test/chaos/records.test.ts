import { describe, expect, it } from "vitest"
import { Comparing, type Found } from "./compare.ts"
import {
  type Expected,
  expectedOf,
  type Flow,
  lastsOf,
  seqProperty,
  sourcesOf,
  versionsOf,
} from "./records.ts"

const flow: Flow = {
  seed: 7,
  records: 2_000,
  tenants: 2,
  sources: 3,
  partitions: 4,
  padBytes: 10,
}

const expectedSet = (): readonly Expected[] => [
  ...expectedOf(new Map(sourcesOf(flow).map((one) => [one, lastsOf(flow, one)]))),
]

/** A graph in which everything has come as it should. */
function graphOf(expected: readonly Expected[]): Found[] {
  return expected.flatMap((line): Found[] => {
    const { tenant } = line
    if (line.kind === "record") return [line]
    if (line.kind === "source") {
      const { source, records } = line
      const none = { duplicates: 0, refused: 0, deadLettered: 0, replayed: 0 }
      return [{ kind: "source", tenant, source, read: records, accepted: records, ...none }]
    }
    const said = Object.entries(line.seqs).map(([source, seq]) => [seqProperty(source), seq])
    const properties = JSON.stringify(Object.fromEntries(said))
    const { key, groups } = line
    return [
      { kind: "item", tenant, key, asserted: said.length, properties },
      ...groups.map((to): Found => ({ kind: "edge", tenant, from: key, to })),
    ]
  })
}

function findingsOf(graph: readonly Found[]): readonly string[] {
  const comparing = new Comparing()
  for (const line of expectedSet()) comparing.expect(line)
  for (const found of graph) comparing.find(found)
  return comparing.end().findings.map(({ what }) => what)
}

describe("records with known keys", () => {
  it("are the same for the same seed, as many as were asked for", () => {
    const all = sourcesOf(flow).map((source) => [...versionsOf(flow, source)])
    expect(all).toEqual(sourcesOf(flow).map((source) => [...versionsOf(flow, source)]))
    expect(all.flat()).toHaveLength(flow.records)
    const [first] = sourcesOf({ ...flow, seed: 8 }).map((one) => [
      ...versionsOf({ ...flow, seed: 8 }, one),
    ])
    expect(first).not.toEqual(all[0])
  })

  it("count up for each key, one after the other, among those of other keys", () => {
    for (const source of sourcesOf(flow)) {
      const last = new Map<string, number>()
      for (const { key, seq } of versionsOf(flow, source)) {
        expect(seq).toBe((last.get(key) ?? 0) + 1)
        last.set(key, seq)
      }
      expect([...last.values()].some((seq) => seq > 3)).toBe(true)
    }
  })
})

describe("the comparison with the expected set", () => {
  const whole = graphOf(expectedSet())
  const at = (kind: Found["kind"]) => whole.findIndex((found) => found.kind === kind)
  const changed = (kind: Found["kind"], change: object) =>
    whole.map((found, i) => (i === at(kind) ? ({ ...found, ...change } as Found) : found))

  it("finds nothing where everything came once and in order", () => {
    expect(findingsOf(whole)).toEqual([])
  })

  it.each([
    ["source", { accepted: 1 }, "records had no effect"],
    ["source", { accepted: 1e6 }, "records had an effect twice"],
    ["source", { duplicates: 1 }, "a source counts what it never held"],
    ["record", { ordinal: -1 }, "a key did not end with its last record"],
    ["item", { asserted: 9 }, "an entity has another number of sayers"],
    [
      "item",
      { properties: '{"seq-source-0":0}' },
      "an entity does not say the last of each source",
    ],
    ["edge", { to: "nowhere" }, "a relationship is there twice, or past"],
  ] as const)("finds a %s with %o", (kind, change, what) => {
    expect(findingsOf(changed(kind, change))).toContain(what)
  })

  it.each([
    ["source", "a source is missing", "a source that nobody wrote"],
    ["record", "a key's records are missing", "a key is there twice, or nobody wrote it"],
    ["item", "an entity is missing", "an entity is there twice, or nobody wrote it"],
    ["edge", "a relationship is missing", "a relationship is there twice, or past"],
  ] as const)("finds a %s that is missing, and one that is there twice", (kind, missing, twice) => {
    expect(findingsOf(whole.filter((_, i) => i !== at(kind)))).toEqual([missing])
    expect(findingsOf([...whole, ...whole.slice(at(kind), at(kind) + 1)])).toEqual([twice])
  })
})
