import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { buildSchema, type GraphQLObjectType } from "graphql"
import { describe, expect, it } from "vitest"
import { scopes } from "../../gateway/access/access.ts"
import { AccessControl } from "../../gateway/access/control.ts"
import { memoryAccessStore } from "../../gateway/access/memory-store.ts"
import { entityId } from "../../protocols/graph.ts"
import { schemaSdl } from "../../protocols/graphql.ts"
import { tokenMillisMax } from "../../protocols/limits.ts"
import { type EmbeddedNode, ingestAll, openEmbeddedNode } from "../support/embedded-node.ts"
import { run } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"
import { argumentsMissing, type Calls, fieldsOf, named, noteSeen, probesOf } from "./probe.ts"
import { post, started } from "./support.ts"

const schema = buildSchema(schemaSdl)
const roots = {
  query: schema.getQueryType() as GraphQLObjectType,
  mutation: schema.getMutationType() as GraphQLObjectType,
  subscription: schema.getSubscriptionType() as GraphQLObjectType,
}

const mapping = `
version: 1
record: {key: $.id, version: $.at}
entities:
  - {type: group, key: $.id, name: $.label, aliases: {nick: $.nick}, properties: {note: $.note}}
relationships:
  - {type: uses, from: {type: group, key: $.id}, to: {type: tool, key: $.tool},
     discriminator: $.id, properties: {how: $.note}}
`

/** The same keys for every owner, other values, and more of them. */
const recordsOf = (owner: string, count: number) =>
  Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      id: `g${i}`,
      at: "2026-01-01T00:00:00Z",
      label: `${owner} name ${i}`,
      nick: `${owner}-nick-${i}`,
      note: `${owner} note`,
      tool: `t${i % 3}`,
    }),
  )

const group = { type: "group", key: "g1" }
const id = entityId("group", "g1")
const cursor = (...parts: readonly (string | number)[]) =>
  Buffer.from(JSON.stringify(parts)).toString("base64url")

const calls: Calls = {
  "Query.entity": [{ id }, group],
  "Query.entities": [
    { first: 4 },
    {
      type: "group",
      filter: { text: "name", property: { name: "note", gte: "a" } },
      first: 3,
      after: cursor("group", "g0"),
    },
  ],
  "Query.neighbors": [{ id, hops: 2, types: ["uses"] }, { ...group }],
  "Query.path": [{ from: { id }, to: { type: "group", key: "g4" }, hopsMax: 4 }],
  "Query.rank": [
    {
      type: "group",
      unless: ["revoked"],
      steps: [{ relationship: "uses", direction: named("OUT"), type: "tool" }],
      count: 0,
      first: 5,
    },
  ],
  "Query.deadLetters": [
    { first: 5 },
    { source: "feed", reason: "invalid-json", first: 5, after: cursor("feed", 1, 1, 0) },
  ],
  "Query.receipt": [{ idempotencyKey: "written" }],
  "Entity.relationships": [
    { first: 3 },
    { type: "uses", direction: named("OUT"), first: 2, after: cursor("a", "b", "c", "d", 0) },
  ],
  "DeadLetter.bytes": [{ max: 200 }],
  "Mutation.ingest": [
    {
      source: "edge",
      records: [{ id: "w1" }, { id: "w2", bad: { deep: [[1]] } }],
      format: named("STIX"),
      mapping: null,
      idempotencyKey: "written",
      waitMillis: 15_000,
    },
  ],
  "Mutation.retract": [
    { source: "edge", recordKeys: ["w1"], idempotencyKey: "back", waitMillis: 15_000 },
  ],
  "Subscription.entityChanged": [{ types: ["group"], after: null }],
  "Subscription.sourceProgress": [{ source: "feed" }],
}

/** What a healthy node has no value for. */
const empty = new Set(["Actor.lastError", "SourceProgress.error", "Receipt.error"])

interface World {
  readonly node: EmbeddedNode
  readonly folder: string
  readonly url: string
  readonly headersOf: (tenant: string) => { readonly authorization: string }
  readonly ask: (tenant: string, document: string) => Promise<string>
}

async function worldOf(): Promise<World> {
  const folder = temporaryFolder()
  const tenants = ["ours", "theirs"]
  const node = await runScoped(openEmbeddedNode(join(folder, "data"), { tenants }))
  const control = new AccessControl({ store: memoryAccessStore(), openTenant: "ours" })
  const tokens = new Map(
    tenants.map((tenant) => {
      const grant = { tenant, scopes, label: "", lastsMillis: tokenMillisMax }
      return [tenant, control.create("local", grant).text]
    }),
  )
  const live = { feed: node.feed, resumeKey: randomBytes(32) }
  const { reads } = node.ports
  const { url } = await started({ reads, node: node.node, live, control })
  const headersOf = (tenant: string) => ({ authorization: `Bearer ${tokens.get(tenant)}` })
  const ask = async (tenant: string, document: string) =>
    (await post(url, { query: document }, headersOf(tenant))).text
  return { node, folder, url, headersOf, ask }
}

async function fill({ node, folder }: World, owner: string, count: number) {
  const file = join(folder, `${owner}-feed.ndjson`)
  const bad = `{"broken": "${owner} is no JSON"`
  writeFileSync(file, [...recordsOf(owner, count), bad, "{}"].join("\n"))
  const job = { tenant: owner, source: "feed", file, mapping, maxBadShare: 1 }
  const [report] = await run(ingestAll(node, [{ ...job, format: "ndjson" }]))
  expect(report?.phase).toBe("done")
}

/** Notes the fields that an answer shows, and gives its data. */
function noted(kind: keyof typeof roots, text: string, seen: Set<string>) {
  const { data, errors } = JSON.parse(text)
  expect(errors, text).toBeUndefined()
  noteSeen(roots[kind], data, seen)
  return data
}

/** The first events of a subscription, as text. */
async function eventsOf(world: World, document: string, cause: () => Promise<void>) {
  const ended = new AbortController()
  const response = await fetch(`${world.url}/stream`, {
    method: "POST",
    headers: { "content-type": "application/json", ...world.headersOf("ours") },
    body: JSON.stringify({ query: document }),
    signal: ended.signal,
  })
  expect(response.status, document).toBe(200)
  const caused = cause()
  let text = ""
  for await (const part of response.body ?? []) {
    text += Buffer.from(part).toString("utf8")
    if (/^data: ?\{.*\}\n\n/m.test(text)) break
  }
  ended.abort()
  await caused
  return [...text.matchAll(/^data: ?(\{.*\})$/gm)].map(([, event = ""]) => event)
}

describe("a tenant", () => {
  it("has a probe for every argument (after a change of the schema, add it to the table)", () => {
    expect(argumentsMissing(schema, calls)).toEqual([])
  })

  it("sees nothing of another one in any field, and the same whatever that one does", async () => {
    const world = await worldOf()
    const seen = new Set<string>()
    await fill(world, "ours", 6)
    for (const { document } of probesOf(schema, roots.mutation, calls)) {
      noted("mutation", await world.ask("ours", document), seen)
    }
    const probes = probesOf(schema, roots.query, calls)
    const before = new Map<string, string>()
    for (const { name, document } of probes) {
      const text = await world.ask("ours", document)
      noted("query", text, seen)
      before.set(name, text)
    }
    await fill(world, "theirs", 9)
    let count = 9
    const both = async () => {
      count++
      await Promise.all([fill(world, "theirs", count), fill(world, "ours", count)])
    }
    for (const { name, document } of probes) {
      const text = await world.ask("ours", document)
      expect(decoded(text), name).not.toContain("theirs")
      if (!changing.test(name)) expect(text, name).toBe(before.get(name))
    }
    for (const { name, document } of probesOf(schema, roots.subscription, calls)) {
      for (const event of await eventsOf(world, document, both)) {
        noted("subscription", event, seen)
        expect(decoded(event), name).not.toContain("theirs")
      }
    }
    expect(fieldsOf(schema).filter((field) => !seen.has(field) && !empty.has(field))).toEqual([])
  })

  it("is told the same of ids, cursors and tokens of another one and of made-up ones", async () => {
    const world = await worldOf()
    await fill(world, "ours", 3)
    await fill(world, "theirs", 9)
    const written = 'mutation { ingest(source: "edge", records: [{id: "w"}], idempotencyKey: "K")'
    await world.ask("theirs", `${written} { state } }`)
    const bytes = (document: string) => world.ask("ours", document)
    const same = async (ask: (value: string) => string, theirs: string, madeUp: string) =>
      expect(await bytes(ask(theirs)), ask(theirs)).toBe(await bytes(ask(madeUp)))
    for (const field of ["entity", "neighbors"]) {
      const ask = (value: string) =>
        `{ ${field}(id: "${value}") { ${field === "entity" ? "key" : "truncated"} } }`
      await same(ask, entityId("group", "g8"), entityId("group", "nobody"))
    }
    const path = (value: string) =>
      `{ path(from: {id: "${value}"}, to: {id: "${id}"}) { entities { key } } }`
    await same(path, entityId("group", "g8"), entityId("group", "nobody"))
    const letters = JSON.parse(await world.ask("theirs", "{ deadLetters { items { id } end } }"))
    const { end } = letters.data.deadLetters
    const page = (value: string) => `{ deadLetters(after: "${value}") { items { id } hasMore } }`
    await same(page, end, cursor("feed", 77, 1, 0))
    const receipt = (value: string) => `{ receipt(idempotencyKey: "${value}") { state } }`
    await same(receipt, "K", "made up")
    const resume = JSON.parse(await world.ask("theirs", "{ entities(first: 1) { resume } }"))
    const token: string = resume.data.entities.resume
    const changed = Buffer.from(token, "base64url").map((byte, i) => (i === 3 ? byte ^ 1 : byte))
    const answers = await Promise.all(
      [token, Buffer.from(changed).toString("base64url"), "made up"].map(async (after) => {
        const document = `subscription { entityChanged(after: "${after}") { key } }`
        const headers = world.headersOf("ours")
        const answer = await post(`${world.url}/stream`, { query: document }, headers)
        return [answer.status, answer.text.replaceAll(after, "AFTER")]
      }),
    )
    expect(new Set(answers.map(String)).size).toBe(1)
    expect(answers[0]?.[1]).toContain("INVALID")
  })
})

/** What the node shows of itself goes on with time. */
const changing = /^Query\.(actors|progress)/

/** With what is in base64 readable, too. */
const decoded = (text: string) =>
  text + [...text.matchAll(/"([\w+/=-]{8,})"/g)].map(([, part = ""]) => fromBase64(part)).join(" ")

const fromBase64 = (text: string) => Buffer.from(text, "base64").toString("utf8")
