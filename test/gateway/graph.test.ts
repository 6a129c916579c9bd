import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import type { IntelNode } from "../../actors/index.ts"
import { executeQuery } from "../../gateway/index.ts"
import type { RelationshipAssertion } from "../../protocols/graph.ts"
import { entityId } from "../../protocols/graph.ts"
import type { ActorView } from "../../runtime/index.ts"
import { MetricRegistry } from "../../runtime/index.ts"
import { parsePrometheus } from "../support/prometheus.ts"
import { run } from "../support/run.ts"
import type { Said } from "./graph.ts"
import { graphOf } from "./graph.ts"
import { ask, query, started } from "./support.ts"

const uses = (from: string, to: string): RelationshipAssertion => ({
  type: "uses",
  from: { type: "group", key: from },
  to: { type: "technique", key: to },
  discriminator: "",
  properties: { since: 2020 },
  derived: false,
})

/** Groups that use techniques, described by `owner`; the keys are the same for every owner. */
const groups = (owner: string): readonly Said[] => [
  {
    key: "g1",
    version: 1_600_000_000_000_000,
    entities: [
      {
        type: "group",
        key: "g1",
        aliases: [{ scheme: `${owner}-scheme`, value: `${owner}-alias` }],
        properties: { name: `Sand ${owner}`, score: 7, tags: [`${owner}-tag`, "x"] },
      },
    ],
    relationships: [uses("g1", "t1"), uses("g1", "t2"), uses("g1", "t3")],
  },
  {
    key: "g2",
    entities: [{ type: "group", key: "g2", properties: { name: `Bear ${owner}`, score: 3 } }],
    relationships: [uses("g2", "t1")],
  },
  {
    key: "t1",
    entities: [
      { type: "technique", key: "t1", properties: { name: `Phish ${owner}`, __proto: true } },
    ],
  },
  { key: "t2", entities: [{ type: "technique", key: "t2", properties: { name: owner } }] },
  { key: "bad", wrong: `${owner} is no JSON` },
]

const graph = graphOf([
  { tenant: "demo", source: "first", records: groups("ours") },
  {
    tenant: "demo",
    source: "second",
    records: [
      {
        key: "again",
        version: 1_700_000_000_000_000,
        entities: [{ type: "group", key: "g1", properties: { name: "Sandworm", country: "x" } }],
      },
    ],
  },
  { tenant: "other", source: "theirs", records: groups("alien") },
])

const answer = (document: string, variables: { [name: string]: unknown } = {}, tenant = "demo") =>
  run(executeQuery(graph, { tenant, document, variables }))

/** The data of an answer without errors. */
async function data(document: string, variables?: { [name: string]: unknown }) {
  const answered = await answer(document, variables)
  expect(answered.errors).toBeUndefined()
  return JSON.parse(JSON.stringify(answered.data))
}

describe("the graph is answered:", () => {
  it("an entity by id and by type and key, with what each source says", async () => {
    const fields = `{ id type key name stub properties aliases { scheme value }
      sources { source recordKey version run ordinal properties } }`
    const { byKey, byId, none } = await data(
      `query ($id: ID!) {
        byKey: entity(type: "group", key: "g1") ${fields}
        byId: entity(id: $id) ${fields}
        none: entity(type: "group", key: "g9") { id }
      }`,
      { id: entityId("group", "g1") },
    )
    expect(none).toBeNull()
    expect(byId).toEqual(byKey)
    expect(byKey).toEqual({
      id: entityId("group", "g1"),
      type: "group",
      key: "g1",
      name: "Sandworm",
      stub: false,
      properties: { name: "Sandworm", country: "x", score: 7, tags: ["ours-tag", "x"] },
      aliases: [{ scheme: "ours-scheme", value: "ours-alias" }],
      sources: [
        {
          source: "second",
          recordKey: "again",
          version: "2023-11-14T22:13:20.000000Z",
          run: "1.1",
          ordinal: 0,
          properties: { name: "Sandworm", country: "x" },
        },
        {
          source: "first",
          recordKey: "g1",
          version: "2020-09-13T12:26:40.000000Z",
          run: "1.1",
          ordinal: 0,
          properties: { name: "Sand ours", score: 7, tags: ["ours-tag", "x"] },
        },
      ],
    })
  })

  it("pages in order, one after the other, without gap or double", async () => {
    const seen: string[] = []
    let after: string | null = null
    for (let page = 0; page < 10; page++) {
      const { entities } = await data(
        `query ($after: String) { entities(first: 2, after: $after) {
          items { type key stub } end hasMore } }`,
        { after },
      )
      for (const item of entities.items) seen.push(`${item.type} ${item.key} ${item.stub}`)
      after = entities.end
      if (!entities.hasMore) break
    }
    expect(seen).toEqual([
      "group g1 false",
      "group g2 false",
      "technique t1 false",
      "technique t2 false",
      "technique t3 true",
    ])
  })

  it("entities by type, text and property", async () => {
    const keys = async (given: string) =>
      (await data(`{ entities(${given}) { items { key } } }`)).entities.items.map(
        (item: { key: string }) => item.key,
      )
    expect(await keys(`type: "group"`)).toEqual(["g1", "g2"])
    expect(await keys(`filter: { text: "bear our" }`)).toEqual(["g2"])
    expect(await keys(`filter: { property: { name: "score", gte: 4 } }`)).toEqual(["g1"])
    expect(await keys(`filter: { property: { name: "score", gte: 3, lte: 6 } }`)).toEqual(["g2"])
    expect(await keys(`filter: { property: { name: "score", in: [3, 7] } }`)).toEqual(["g1", "g2"])
    expect(await keys(`filter: { property: { name: "country", eq: "x" } }`)).toEqual(["g1"])
    expect(await keys(`type: "technique", filter: { property: { name: "score", eq: 7 } }`)).toEqual(
      [],
    )
  })

  it("relationships by direction and type, with both ends", async () => {
    const { group, technique } = await data(`{
      group: entity(type: "group", key: "g1") {
        relationships(direction: OUT, type: "uses", first: 2) {
          items { type derived discriminator properties from { key } to { key name stub } }
          hasMore
        }
      }
      technique: entity(type: "technique", key: "t3") {
        stub
        out: relationships(direction: OUT) { items { type } }
        in: relationships(direction: IN) { items { from { key } } }
      }
    }`)
    expect(group.relationships).toEqual({
      items: [
        {
          type: "uses",
          derived: false,
          discriminator: "",
          properties: { since: 2020 },
          from: { key: "g1" },
          to: { key: "t1", name: "Phish ours", stub: false },
        },
        expect.objectContaining({ to: { key: "t2", name: "ours", stub: false } }),
      ],
      hasMore: true,
    })
    expect(technique).toEqual({
      stub: true,
      out: { items: [] },
      in: { items: [{ from: { key: "g1" } }] },
    })
  })

  it("neighbors, a path, and a ranking", async () => {
    const { neighbors, nobody, path, noPath, rank } = await data(`{
      neighbors(type: "group", key: "g2", hops: 2) {
        entities { hops entity { key } } relationships { from { key } to { key } } truncated
      }
      nobody: neighbors(type: "group", key: "g9") { truncated }
      path(from: { type: "group", key: "g2" }, to: { type: "technique", key: "t3" }) {
        entities { key } relationships { type }
      }
      noPath: path(from: { type: "group", key: "g9" }, to: { type: "group", key: "g1" }) {
        entities { key }
      }
      rank(type: "group", steps: [{ relationship: "uses", type: "technique" }]) {
        count entity { name }
      }
    }`)
    expect(neighbors.entities).toEqual([
      { hops: 1, entity: { key: "t1" } },
      { hops: 2, entity: { key: "g1" } },
    ])
    expect([neighbors.relationships.length, neighbors.truncated]).toEqual([2, false])
    expect([nobody, noPath]).toEqual([null, null])
    expect(path.entities.map(({ key }: { key: string }) => key)).toEqual(["g2", "t1", "g1", "t3"])
    expect(path.relationships).toHaveLength(3)
    expect(rank).toEqual([
      { count: 3, entity: { name: "Sandworm" } },
      { count: 1, entity: { name: "Bear ours" } },
    ])
  })

  it("counts, counters of each source, and dead letters with their bytes", async () => {
    const { stats, deadLetters } = await data(`{
      stats {
        entities stubs relationships deadLetters byType { type count }
        sources { source read accepted duplicates refused deadLettered entities }
      }
      deadLetters {
        items { source run ordinal file offset lengthBytes reason detail bytes(max: 4) }
      }
    }`)
    expect(stats).toMatchObject({ entities: 4, stubs: 1, relationships: 4, deadLetters: 1 })
    expect(stats.byType).toEqual([
      { type: "group", count: 2 },
      { type: "technique", count: 2 },
    ])
    expect(stats.sources).toMatchObject([
      { source: "first", read: 5, accepted: 4, deadLettered: 1 },
      { source: "second", read: 1, accepted: 1, deadLettered: 0 },
    ])
    expect(deadLetters.items).toEqual([
      {
        source: "first",
        run: "1.1",
        ordinal: 4,
        file: "first.json",
        offset: 400,
        lengthBytes: 100,
        reason: "invalid-json",
        detail: "ours is no JSON",
        bytes: Buffer.from("ours").toString("base64"),
      },
    ])
  })
})

describe("a wrong argument is told by code and sentence:", () => {
  const errorOf = async (document: string) => {
    const { errors } = await answer(document)
    return errors?.[0]
  }

  it.each([
    ["a cursor that no page ended with", `{ entities(after: "garbage") { end } }`, /cursor/],
    ["an empty cursor", `{ entities(after: "") { end } }`, /cursor/],
    ["an id that was never given out", `{ entity(id: "%%%") { key } }`, /id/],
    ["an id with a type and key", `{ entity(id: "x", type: "a", key: "b") { key } }`, /id alone/],
    ["a type without key", `{ entity(type: "a") { key } }`, /type and key together/],
    ["a filter that asks nothing", `{ entities(filter: {property: {name: "a"}}) { end } }`, /eq/],
    ["a mixed list", `{ entities(filter: {property: {name: "a", eq: [1, "b"]}}) { end } }`, /list/],
    [
      "a bound that has no order",
      `{ entities(filter: {property: {name: "a", gte: true}}) { end } }`,
      /gte/,
    ],
    ["a ranking without steps", `{ rank(type: "a", steps: []) { count } }`, /step/],
    [
      "a count of no step",
      `{ rank(type: "a", count: 1, steps: [{relationship: "b", type: "c"}]) { count } }`,
      /count/,
    ],
    [
      "a step both ways",
      `{ rank(type: "a", steps: [{relationship: "b", type: "c", direction: BOTH}]) { count } }`,
      /BOTH/,
    ],
  ])("%s", async (_, document, sentence) => {
    const error = await errorOf(document)
    expect(error?.extensions).toMatchObject({ code: "INVALID", family: "Refused" })
    expect(error?.message).toMatch(sentence)
  })
})

describe("tenants", () => {
  const everything = `{
    entities(first: 100) {
      items {
        id type key name properties stub aliases { scheme value }
        sources { source recordKey version properties }
        relationships { items { type properties from { name } to { name } } end }
      }
      end
    }
    found: entities(filter: { text: "alien" }) { items { key } end }
    neighbors(type: "group", key: "g1", hops: 3) {
      entities { entity { name properties } } relationships { properties to { name } }
    }
    path(from: { type: "group", key: "g1" }, to: { type: "group", key: "g2" }) {
      entities { name properties }
    }
    rank(type: "group", steps: [{ relationship: "uses", type: "technique" }]) { entity { name } }
    stats { byType { type count } byRelationship { type count } sources { source read } }
    deadLetters { items { id source file recordKey detail bytes fingerprint } }
  }`

  it("never see each other's values in any field", async () => {
    const ours = JSON.stringify(await answer(everything))
    const theirs = JSON.stringify(await answer(everything, {}, "other"))
    const base64 = (text: string) => Buffer.from(text.repeat(3)).toString("base64").slice(0, 16)
    for (const theirWord of ["alien", "theirs", base64("alien is no JSON")]) {
      expect(theirs).toContain(theirWord)
      expect(ours).not.toContain(theirWord)
    }
    for (const ourWord of ["ours", "Sandworm", base64("ours is no JSON")]) {
      expect(ours).toContain(ourWord)
      expect(theirs).not.toContain(ourWord)
    }
  })

  it("answer another tenant's ids and cursors byte for byte as those that never were", async () => {
    const mine = await answer("{ entities(first: 1) { end } deadLetters(first: 1) { end } }")
    const cursors = JSON.parse(JSON.stringify(mine.data))
    const probe = (tenant: string) =>
      answer(
        `query ($id: ID!, $e: String, $d: String) {
          entity(id: $id) { key } neighbors(id: $id) { truncated }
          entities(after: $e) { items { key } end hasMore }
          deadLetters(after: $d) { items { detail } end hasMore }
        }`,
        { id: entityId("group", "g1"), e: cursors.entities.end, d: cursors.deadLetters.end },
        tenant,
      )
    expect(JSON.stringify(await probe("nobody"))).toBe(JSON.stringify(await probe("never-was")))
    const { data } = await probe("nobody")
    expect(data).toMatchObject({ entity: null, neighbors: null, entities: { items: [] } })
  })
})

describe("what goes wrong inside", () => {
  const secret = "/var/lib/intelgraph/graph.db: SELECT * FROM node"

  it("is masked: the client sees a code and an id, the log the reason under it", async () => {
    const masked: [string, unknown][] = []
    const { url } = await started({
      reads: { ...graph.reads, counts: () => Effect.die(new Error(secret)) },
      onMasked: (errorId, error) => masked.push([errorId, error]),
    })
    const answered = await query(url, "{ stats { entities } }")
    expect(answered.status).toBe(200)
    expect(answered.text).not.toMatch(/SELECT|graph\.db|Error:|\bat \w+ \(/)
    const [error] = answered.json().errors ?? []
    expect(error?.extensions.code).toBe("INVARIANT_BROKEN")
    expect(masked).toEqual([
      [error?.extensions.errorId, expect.objectContaining({ message: secret })],
    ])
    const { text } = await ask(new URL("/metrics", url).href)
    const counted = parsePrometheus(text).samples.find(
      ({ name }) => name === "intelgraph_errors_masked_total",
    )
    expect(counted?.value).toBe(1)
  })

  it("does not take what else was asked with it", async () => {
    const reads = { ...graph.reads, assertionsOf: () => Effect.die(new Error(secret)) }
    const document = `{ entity(type: "group", key: "g1") { sources { source } }
      entities(first: 1) { items { key } } }`
    const { data, errors } = await run(executeQuery({ reads }, { tenant: "demo", document }))
    expect(data).toEqual({ entity: null, entities: { items: [{ key: "g1" }] } })
    expect(errors?.map(({ path }) => path)).toEqual([["entity", "sources"]])
  })

  it("is the same where the store answers later", async () => {
    const later = <A, E>(read: Effect.Effect<A, E>) => Effect.andThen(Effect.yieldNow, read)
    const reads = {
      ...graph.reads,
      entity: (...at: Parameters<typeof graph.reads.entity>) => later(graph.reads.entity(...at)),
      assertionsOf: () => later(Effect.die(new Error(secret))),
    }
    const ask = (field: string) => {
      const document = `{ entity(type: "group", key: "g1") { ${field} } }`
      return run(executeQuery({ reads }, { tenant: "demo", document }))
    }
    expect(await ask("name")).toEqual({ data: { entity: { name: "Sandworm" } } })
    expect((await ask("sources { source }")).errors?.[0]?.extensions?.code).toBe("INVARIANT_BROKEN")
  })
})

describe("actors", () => {
  const counters = {
    offered: 5,
    admitted: 4,
    refused: 1,
    handled: 1,
    deadLettered: 0,
    expired: 0,
    shed: 0,
    queued: 2,
    stashed: 0,
    parked: 0,
    inTurn: 1,
  }
  const view = (kind: string, children: readonly ActorView[] = []): ActorView => ({
    address: { tenant: "demo", kind, key: "k" },
    state: "running",
    restarts: 2,
    counters,
    lastError: undefined,
    children,
  })
  const node: IntelNode = {
    ingest: () => Effect.die("not asked"),
    drain: () => Effect.die("not asked"),
    failed: Effect.never,
    progress: () => [],
    actors: () => view("tenant", [view("partition"), view("sink")]),
    brokenEquations: () => ["one"],
  }

  it("are shown as a tree with mailboxes; without a node there are none", async () => {
    const document = `{ actors { address kind state restarts lastError
      mailbox { pending offered refused } children { kind children { kind } } } }`
    const request = { tenant: "demo", document }
    const shown = await run(executeQuery({ reads: graph.reads, node }, request))
    expect(shown).toEqual({
      data: {
        actors: {
          address: "demo/tenant/k",
          kind: "tenant",
          state: "running",
          restarts: 2,
          lastError: null,
          mailbox: { pending: 3, offered: 5, refused: 1 },
          children: [
            { kind: "partition", children: [] },
            { kind: "sink", children: [] },
          ],
        },
      },
    })
    expect(await run(executeQuery(graph, request))).toEqual({ data: { actors: null } })
  })

  it("are metrics, with the node's broken equations", async () => {
    const { url } = await started({ reads: graph.reads, node, metrics: new MetricRegistry() })
    const { text } = await ask(new URL("/metrics", url).href)
    const { samples } = parsePrometheus(text)
    const value = (name: string, kind?: string) =>
      samples.find((s) => s.name === name && s.labels.kind === kind)?.value
    expect(value("intelgraph_mailbox_pending", "sink")).toBe(3)
    expect(value("intelgraph_actors", "partition")).toBe(1)
    expect(value("intelgraph_broken_equations")).toBe(1)
  })
})
