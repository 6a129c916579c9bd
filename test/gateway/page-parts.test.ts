/** What the page works out before anything is drawn. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type {
  Actor,
  Assertion,
  EntityRef,
  Found,
  Neighborhood,
} from "../../gateway/page/src/answers.ts"
import { learnTypes, slotOf } from "../../gateway/page/src/colours.ts"
import * as format from "../../gateway/page/src/format.ts"
import type { Group } from "../../gateway/page/src/graph/groups.ts"
import { countsByType, firstShown, groupsOf } from "../../gateway/page/src/graph/groups.ts"
import { mindMapOf } from "../../gateway/page/src/graph/mind-map.ts"
import { propertyRows } from "../../gateway/page/src/provenance.ts"
import { ranked } from "../../gateway/page/src/ranking.ts"
import { hashOf, type Route, routeOf } from "../../gateway/page/src/route.ts"
import * as actorRows from "../../gateway/page/src/views/actor-rows.ts"

const entity = (id: string, type = "t"): EntityRef => ({ id, type, key: id, name: id, stub: false })

/** Entity 0 in the middle, `outwards` and `inwards` neighbours of it. */
function near(outwards: number, inwards = 0): Neighborhood {
  const others = Array.from({ length: outwards + inwards }, (_, place) => `n${place}`)
  return {
    entities: others.map((id) => ({ hops: 1, entity: entity(id) })),
    relationships: others.map((id, place) => ({
      type: "r",
      derived: false,
      from: { id: place < outwards ? "0" : id },
      to: { id: place < outwards ? id : "0" },
    })),
    truncated: false,
  }
}

const drawn = (groups: readonly Group[], shown: number, entitiesMax = 1000) =>
  mindMapOf({
    focus: entity("0"),
    groups: new Map([["0", groups]]),
    shown: new Map(groups.map(({ key }) => [key, shown])),
    entitiesMax,
  })

describe("addresses of the page", () => {
  const text = fc.string({ minLength: 1, unit: "grapheme" })
  const routes: fc.Arbitrary<Route> = fc.oneof(
    fc.record({ view: fc.constant("entity" as const), id: text, relation: fc.string() }),
    fc.record({ view: fc.constant("path" as const), from: text, to: fc.string() }),
    fc.record({ view: fc.constant("search" as const), text: fc.string(), type: fc.string() }),
    fc.record({
      view: fc.constant("dead-letters" as const),
      source: fc.string(),
      reason: fc.string(),
    }),
    fc.constantFrom<Route>({ view: "overview" }, { view: "node" }, { view: "changes" }),
  )

  it("give the route back", () => {
    fc.assert(
      fc.property(routes, (route) => {
        expect(routeOf(hashOf(route))).toEqual(route)
      }),
    )
  })

  it.each(["#/nothing", "#/entity", "#/node/x/y/z", "#/entity/a/b", "#/%zz"])(
    "lead nowhere where there is nothing: %s",
    (hash) => expect(routeOf(hash).view).toBe(hash === "#/%zz" ? "overview" : "nowhere"),
  )
})

describe("provenance", () => {
  const said = (source: string, properties: Assertion["properties"]): Assertion => ({
    source,
    recordKey: source,
    version: null,
    run: "1.1",
    ordinal: 1,
    properties,
  })

  it("is of the first assertion that has the property", () => {
    const [name, born] = propertyRows({ born: 1815, name: "Ada" }, [
      said("strong", { name: "Ada" }),
      said("middle", { name: "A. L.", born: 1815 }),
      said("weak", { born: 1815 }),
    ])
    expect([name?.name, name?.from?.source]).toEqual(["name", "strong"])
    expect(name?.others).toMatchObject([{ value: "A. L.", agrees: false }])
    expect([born?.name, born?.from?.source]).toEqual(["born", "middle"])
    expect(born?.others).toMatchObject([{ assertion: { source: "weak" }, agrees: true }])
  })

  it("is missing, not guessed, where no assertion has the property", () => {
    expect(propertyRows({ a: 1 }, [])).toEqual([
      { name: "a", value: 1, from: undefined, others: [] },
    ])
  })
})

describe("what was found", () => {
  const found = (name: string, alias = ""): Found => ({
    ...entity(name),
    aliases: alias === "" ? [] : [{ scheme: "s", value: alias }],
  })

  it("has the nearest name or alias first, and else the order of the node", () => {
    const items = [
      found("mentions it"),
      found("Not Sandworm"),
      found("Sandworm Team", "G0034"),
      found("sandworm"),
    ]
    const names = (text: string) => ranked(items, text).map(({ name }) => name)
    expect(names("sandworm")).toEqual(["sandworm", "Sandworm Team", "Not Sandworm", "mentions it"])
    expect(names("g0034")[0]).toBe("Sandworm Team")
    expect(ranked(items, " ")).toBe(items)
  })
})

describe("groups of neighbours", () => {
  it("are of one relationship, direction and type", () => {
    const groups = groupsOf("0", {
      ...near(2, 1),
      entities: [
        { hops: 1, entity: entity("n0", "a") },
        { hops: 1, entity: entity("n1", "b") },
        { hops: 1, entity: entity("n2", "b") },
      ],
    })
    const told = groups.map(({ direction, memberType, members }) => [
      direction,
      memberType,
      members.map(({ id }) => id),
    ])
    expect(told).toEqual([
      ["in", "b", ["n2"]],
      ["out", "a", ["n0"]],
      ["out", "b", ["n1"]],
    ])
    expect(countsByType(groups)).toEqual([["r", 3]])
  })

  it("share the rows: small ones are whole, none is without", () => {
    const sized = (key: string, size: number) => ({
      ...(groupsOf("0", near(size))[0] as Group),
      key,
    })
    const shown = firstShown([sized("large", 500), sized("small", 4), sized("tiny", 1)], 20)
    expect(Object.fromEntries(shown)).toEqual({ tiny: 1, small: 4, large: 15 })
    const many = Array.from({ length: 30 }, (_, place) => sized(`g${place}`, 9))
    expect([...firstShown(many, 20).values()].every((rows) => rows === 3)).toBe(true)
  })
})

describe("the drawing", () => {
  it("puts what points here to the left and the rest to the right, no two in one place", () => {
    const map = drawn(groupsOf("0", near(40, 30)), 500)
    const places = new Set(map.nodes.map(({ x, y }) => `${x} ${y}`))
    expect(places.size).toBe(map.nodes.length)
    expect(map.nodes).toHaveLength(1 + 2 + 70)
    for (const { side, x } of map.nodes) {
      expect(Math.sign(x)).toBe({ left: -1, middle: 0, right: 1 }[side])
    }
    const rows = map.nodes.filter(({ kind, side }) => kind === "entity" && side === "right")
    const heights = rows.map(({ y }) => y).sort((a, b) => a - b)
    const gaps = heights.slice(1).map((y, place) => y - (heights[place] ?? 0))
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(20)
  })

  it("is the same each time, and every line has both its ends", () => {
    const groups = groupsOf("0", near(300, 200))
    const map = drawn(groups, 50)
    expect(drawn(groups, 50)).toEqual(map)
    const ids = new Set(map.nodes.map(({ id }) => id))
    expect(ids.size).toBe(map.nodes.length)
    for (const { inner, outer } of map.edges) {
      expect([inner, outer].every((id) => ids.has(id))).toBe(true)
    }
    expect(map.nodes.filter(({ kind }) => kind === "more")).toMatchObject([
      { hidden: 150 },
      { hidden: 250 },
    ])
  })

  it("counts what finds no room", () => {
    const map = drawn(groupsOf("0", near(300)), 300, 100)
    expect(map.nodes.filter(({ kind }) => kind === "entity")).toHaveLength(100)
    expect(map.leftOut).toBe(201)
  })

  it("has an entity once, also where an expanded one leads back to it", () => {
    const own = groupsOf("0", near(3))
    const back: Neighborhood = {
      entities: [entity("0"), entity("n1"), entity("far")].map((one) => ({ hops: 1, entity: one })),
      relationships: ["0", "n1", "far"].map((id) => ({
        type: "s",
        derived: false,
        from: { id: "n0" },
        to: { id },
      })),
      truncated: false,
    }
    const nested = groupsOf("n0", back)
    const map = mindMapOf({
      focus: entity("0"),
      groups: new Map([
        ["0", own],
        ["n0", nested],
      ]),
      shown: new Map([...own, ...nested].map(({ key }) => [key, 9])),
      entitiesMax: 100,
    })
    const ids = map.nodes.filter(({ kind }) => kind === "entity").map(({ id }) => id)
    expect(ids.toSorted()).toEqual(["0", "far", "n0", "n1", "n2"])
    expect(map.edges.filter(({ isBack }) => isBack).map(({ outer }) => outer)).toEqual(["0", "n1"])
  })
})

describe("actors", () => {
  const mailbox = (handled: number) => ({
    pending: 0,
    offered: 0,
    refused: 0,
    handled,
    deadLettered: 0,
    expired: 0,
    shed: 0,
    queued: 0,
    stashed: 0,
    parked: 0,
    inTurn: 0,
  })
  const actor = (address: string, handled: number, children: readonly Actor[] = []): Actor => ({
    address,
    tenant: "demo",
    kind: "k",
    key: address,
    state: "running",
    restarts: 0,
    lastError: null,
    mailbox: mailbox(handled),
    children,
  })

  it("are rows of what is open", () => {
    const root = actor("root", 0, [actor("a", 1, [actor("b", 2)]), actor("c", 3)])
    const rows = (closed: readonly string[]) =>
      actorRows
        .rowsOf(root, new Set(closed))
        .map(({ actor: { address }, level }) => [address, level])
    expect(rows([])).toEqual([
      ["root", 1],
      ["a", 2],
      ["b", 3],
      ["c", 2],
    ])
    expect(rows(["a"])).toEqual([
      ["root", 1],
      ["a", 2],
      ["c", 2],
    ])
  })

  it("work as fast as their counters rise, also after a restart", () => {
    const before = actorRows.lookAt(actor("root", 10, [actor("a", 100)]), 1_000)
    const after = actorRows.lookAt(actor("root", 30, [actor("a", 6)]), 3_000)
    expect(Object.fromEntries(actorRows.ratesBetween(before, after))).toEqual({ root: 10, a: 3 })
    expect(actorRows.ratesBetween(before, before).size).toBe(0)
  })
})

describe("words and figures", () => {
  it("are short, with the unit", () => {
    expect([0, 1023, 1024, 7_468_248].map(format.bytes)).toEqual([
      "0 B",
      "1023 B",
      "1.0 KiB",
      "7.1 MiB",
    ])
    expect([0, 3.14, 117.2, 1_234_567].map(format.perSecond)).toEqual([
      "0/s",
      "3.1/s",
      "117/s",
      "1.2M/s",
    ])
    expect([2.84, 59.4, 94, 7_260].map(format.duration)).toEqual([
      "2.8 s",
      "59 s",
      "1 min 34 s",
      "2 h 1 min",
    ])
    expect(format.counted(1, "entity", "entities")).toBe("1 entity")
    expect(format.counted(8_367, "entity", "entities")).toBe("8,367 entities")
  })

  it("say how long ago", () => {
    const now = Date.UTC(2026, 0, 31)
    const told = [1, 40, 3_600, 86_400, 400 * 86_400].map((s) => format.ago(now - s * 1000, now))
    expect(told).toEqual(["just now", "40 seconds ago", "1 hour ago", "yesterday", "last year"])
  })

  it("show bytes as text and as figures, whatever they are", () => {
    const given = Uint8Array.from([65, 0, 10, 255, 127, 98])
    expect(format.textOfBytes(given)).toBe("A·\n\ufffd·b")
    expect(format.hexOfBytes(given)).toBe(`000000  ${"41 00 0a ff 7f 62".padEnd(47)}  A····b`)
  })

  it("give each type of a graph a colour of its own as long as there are colours", () => {
    const types = ["person", "company", "city", "malware", "tool", "x", "y", "z"]
    learnTypes(types)
    expect(new Set(types.map(slotOf)).size).toBe(types.length)
    expect(slotOf("malware")).toBe(2)
  })
})
