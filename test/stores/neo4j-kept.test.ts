/** What a writer to Neo4j keeps of tenants from one transaction to the next. */
import { describe, expect, it } from "vitest"
import { neo4jEndsKeptMax } from "../../protocols/limits.ts"
import { Fingerprints } from "../../stores/adapters/neo4j/fingerprints.ts"
import { isAsForeseen } from "../../stores/adapters/neo4j/foresight.ts"
import { KeptRows } from "../../stores/adapters/neo4j/kept.ts"
import { WorkingSet } from "../../stores/graph/write/working-set.ts"

const tenant = 3
const empty = { turn: 0, mark: null, isEmpty: true }
const noNumbers = { record: 0, alias: 0, edge: 0, link: 0 }
const entity = { tenant, type: 8, asserted: 1, properties: "{}", aliases: "[]", revision: 1 }

/** A transaction that makes an entity of each key. */
const making = (...keys: readonly string[]) => makingOf(tenant, keys)

function makingOf(of: number, keys: readonly string[]) {
  const set = new WorkingSet(noNumbers)
  for (const [i, key] of keys.entries()) {
    set.putNode({ ...entity, tenant: of, id: i + 1, key, state: "new" })
  }
  return set
}

const turned = new Set([tenant])

/** Of a tenant that was empty, after a transaction that has left this mark. */
function keptAfter(set: WorkingSet, mark = "mark") {
  const kept = new KeptRows()
  kept.locked(tenant, empty)
  kept.learn({ set, mark, turned })
  return kept
}

describe("a set of fingerprints", () => {
  it("has all that was added, also once it has grown, and hardly anything else", () => {
    const prints = new Fingerprints(17)
    const count = 20_000
    for (let i = 0; i < count; i++) prints.add(1, 0, `name ${i}`)
    for (let i = 0; i < count; i++) expect(prints.has(1, 0, `name ${i}`)).toBe(true)
    const others = Array.from({ length: count }, (_, i) => `other ${i}`)
    expect(others.filter((name) => prints.has(1, 0, name))).toEqual([])
    expect(others.filter((_, i) => prints.has(2, 0, `name ${i}`))).toEqual([])
    for (const of of [1, 2 ** 32, 2 ** 36]) {
      expect(others.filter((_, i) => prints.has(1, of, `name ${i}`))).toEqual([])
    }
    expect(prints.size).toBe(count)
  })

  it("takes no name of one kind for one of another, whatever numbers they begin with", () => {
    const kinds = Array.from({ length: 8 }, (_, kind) => kind)
    for (const kind of kinds) {
      const prints = new Fingerprints(17)
      for (const number of kinds) prints.add(kind, number, `${number}/name`)
      const others = kinds.filter((other) => other !== kind)
      const isMet = (other: number) =>
        kinds.some((of) => kinds.some((number) => prints.has(other, of, `${number}/name`)))
      expect(others.filter(isMet)).toEqual([])
      const ofOthers = kinds.filter((of) => others.some((at) => prints.has(kind, of, `${at}/name`)))
      expect(ofOthers).toEqual(kinds.filter((of) => of !== kind))
    }
  })
})

describe("what a writer keeps of a tenant", () => {
  it("says that a name is not there, of a tenant that had nothing when it began", () => {
    const kept = keptAfter(making("a"))
    kept.locked(tenant, { turn: 1, mark: "mark", isEmpty: false })
    expect(kept.isAbsent(tenant, "entity", 8, "b")).toBe(true)
    expect(kept.isAbsent(tenant, "entity", 8, "a")).toBe(false)
    expect(kept.isAbsent(tenant, "record", 8, "a")).toBe(true)
    expect(kept.isAbsent(tenant + 1, "entity", 8, "b")).toBe(false)
  })

  it("knows a name by what the store makes of it, where it is no well-formed text", () => {
    const kept = keptAfter(making("a\ud800"))
    expect(kept.isAbsent(tenant, "entity", 8, "a\ud800")).toBe(false)
    expect(kept.isAbsent(tenant, "entity", 8, "a\ufffd")).toBe(false)
    expect(kept.end(tenant, 8, "a\ud800")).toMatchObject({ id: 1 })
  })

  it("says nothing of names, of a tenant that had something", () => {
    const kept = new KeptRows()
    kept.locked(tenant, { ...empty, isEmpty: false })
    kept.learn({ set: making("a"), mark: "mark", turned })
    expect(kept.isAbsent(tenant, "entity", 8, "b")).toBe(false)
    expect(kept.end(tenant, 8, "a")).toMatchObject({ id: 1 })
  })

  it.each([
    ["another mark", { turn: 1, mark: "another" }],
    ["another turn, as of a program that leaves no marks", { turn: 2, mark: "mark" }],
    ["no mark", { turn: 1, mark: null }],
  ])("goes where the lock shows %s", (_, standing) => {
    const kept = keptAfter(making("a"))
    kept.locked(tenant, { ...standing, isEmpty: false })
    expect(kept.isAbsent(tenant, "entity", 8, "b")).toBe(false)
    expect(kept.end(tenant, 8, "a")).toBeUndefined()
  })

  it("is as the last transaction has left an end of relationships", () => {
    const kept = keptAfter(making("a", "b"))
    const set = making("a", "b")
    for (const cell of set.nodes.values()) cell.state = "kept"
    const [first] = set.nodes.values()
    Object.assign(first ?? {}, { asserted: 2, revision: 7 })
    set.removeNode(2)
    kept.learn({ set, mark: "next", turned })
    expect(kept.end(tenant, 8, "a")).toMatchObject({ id: 1, asserted: 2, revision: 7 })
    expect(kept.end(tenant, 8, "b")).toBeUndefined()
    kept.locked(tenant, { turn: 2, mark: "next", isEmpty: false })
    expect(kept.end(tenant, 8, "a")).toBeDefined()
  })

  it("is bounded between transactions, and asked for again beyond that", () => {
    const keys = Array.from({ length: neo4jEndsKeptMax + 1 }, (_, i) => `k${i}`)
    const kept = keptAfter(making(...keys))
    expect(kept.end(tenant, 8, "k0")).toBeDefined()
    kept.bound()
    expect(kept.end(tenant, 8, "k0")).toBeUndefined()
    expect(kept.isAbsent(tenant, "entity", 8, "k0")).toBe(false)
    expect(kept.isAbsent(tenant, "entity", 8, "other")).toBe(true)
  })

  it("lets go of the ends first whose tenant was locked longest ago", () => {
    const kept = new KeptRows()
    const keys = Array.from({ length: neo4jEndsKeptMax / 2 }, (_, i) => `k${i}`)
    const tenants = [4, 5, 6]
    for (const of of tenants.slice(0, 2)) {
      kept.locked(of, empty)
      kept.learn({ set: makingOf(of, keys), mark: "mark", turned: new Set([of]) })
    }
    kept.locked(4, { turn: 1, mark: "mark", isEmpty: false })
    kept.locked(6, empty)
    kept.learn({ set: makingOf(6, ["k0"]), mark: "mark", turned: new Set([6]) })
    kept.bound()
    const isKept = (of: number) => kept.end(of, 8, "k0") !== undefined
    expect(tenants.map(isKept)).toEqual([true, false, true])
  })
})

describe("what was decided before its locks were taken", () => {
  const name = "demo"
  const marked = { turn: 1, mark: "mark", isEmpty: false }
  const foreseen = () => {
    const set = making("b")
    set.tenants.set(name, tenant)
    return { set, marks: new Map([[name, "mark"]]), guards: new Map([[0, 4]]) }
  }
  const locked = (epoch = 4, id = tenant) => ({
    guards: new Map([[0, epoch]]),
    tenants: new Map([[name, id]]),
  })
  const kept = (standing = marked) => {
    const rows = keptAfter(making("a"))
    rows.locked(tenant, standing)
    return rows
  }

  it("counts where the locks show what the one before has left", () => {
    expect(isAsForeseen(foreseen(), locked(), kept())).toBe(true)
  })

  it("comes to nothing where another node has written", () => {
    const other = { turn: 2, mark: "another's", isEmpty: false }
    expect(isAsForeseen(foreseen(), locked(), kept(other))).toBe(false)
  })

  it("comes to nothing where a program that leaves no marks has written", () => {
    expect(isAsForeseen(foreseen(), locked(), kept({ ...marked, turn: 2 }))).toBe(false)
  })

  it("comes to nothing where nothing was known of the tenant", () => {
    const unknown = { ...foreseen(), marks: new Map([[name, undefined]]) }
    expect(isAsForeseen(unknown, locked(), kept())).toBe(false)
  })

  it("comes to nothing where a guard has moved", () => {
    expect(isAsForeseen(foreseen(), locked(5), kept())).toBe(false)
  })

  it("comes to nothing where the tenant is another", () => {
    expect(isAsForeseen(foreseen(), locked(4, tenant + 1), kept())).toBe(false)
    const gone = { guards: new Map([[0, 4]]), tenants: new Map<string, number>() }
    expect(isAsForeseen(foreseen(), gone, kept())).toBe(false)
  })
})
