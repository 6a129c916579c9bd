/** Two tenants with the same file and other values: neither ever sees a value of the other. */
import { beforeAll, expect, it } from "vitest"
import { intelgraph, json, ndjson, newWorld, type Printed, put } from "./world.ts"

const world = newWorld()
const where = ["--data-dir", "both"]

const mapping = `version: 1
record: {key: $.id}
entities:
  - {type: "kind-{$.secret}", key: $.secret, properties: {of: $.id}}
  - type: person
    key: $.id
    name: $.name
    aliases: {badge: $.badge}
    properties: {note: $.note, rank: {path: $.rank, as: number}, "field-{$.secret}": $.note}
relationships:
  - type: knows
    from: {type: person, key: $.id}
    to: {type: person, key: $.knows}
    properties: {since: $.note}
  - {type: "tie-{$.secret}", from: {type: person, key: $.id}, to: {type: place, key: $.note}}
`

/** The same ids and places in both; every other value holds the tenant's own word. */
const records = (word: string) =>
  Array.from({ length: 60 }, (_, n) => ({
    id: `p${n}`,
    knows: `p${(n * 7 + 1) % 60}`,
    secret: `${word}${n}`,
    name: `${word} name ${n}`,
    note: `${word} note ${n % 5}`,
    badge: `${word}-${n}`,
    rank: n % 7 === 3 ? `${word} has none` : n,
  }))

const everything = `query ($word: String!, $id: ID!) {
  entity(id: $id) { ...whole }
  person: entity(type: "person", key: "p1") { ...whole }
  entities(first: 200) { items { ...plain sources { recordKey properties } } end hasMore }
  found: entities(filter: {text: $word}) { items { id name } }
  neighbors(type: "person", key: "p1", hops: 3) {
    entities { entity { ...plain } } relationships { type discriminator properties }
  }
  path(from: {type: "person", key: "p1"}, to: {type: "person", key: "p2"}) {
    entities { id name } relationships { type properties }
  }
  rank(type: "person", steps: [{relationship: "knows", type: "person"}]) { entity { name } count }
  deadLetters { items { id source file reason detail bytes } }
  stats { byType { type count } byRelationship { type count } sources { source } }
}
fragment plain on Entity { id type key name properties stub aliases { scheme value } }
fragment whole on Entity {
  ...plain
  sources { source recordKey properties }
  relationships(first: 20) { items { type properties from { key } to { key name } } end }
}`

beforeAll(async () => {
  put(world, "people.yaml", mapping)
  for (const word of ["quince", "walnut"]) {
    put(world, "people.ndjson", ndjson(records(word)))
    const words = ["--tenant", `${word}-team`, "--mapping", "people.yaml", "--max-bad", "0.5"]
    await json(world, "ingest", ...where, ...words, "people.ndjson")
  }
}, 60_000)

const ask = async (word: string, other: string) => {
  const tenant = ["--tenant", `${word}-team`]
  const id = Buffer.from(`kind-${other}1:${other}1`).toString("base64url")
  const variables = ["--variables", JSON.stringify({ word: other, id })]
  return json(world, "query", ...where, ...tenant, ...variables, everything)
}

it.each([
  ["quince", "walnut"],
  ["walnut", "quince"],
])("the tenant of the %s sees nothing of the %s in any field", async (word, other) => {
  const answer = await ask(word, other)
  const { data } = answer
  expect([answer.errors, data.entity, data.found.items]).toEqual([undefined, null, []])
  expect(data.person.name).toBe(`${word} name 1`)
  expect(data.entities.items.length).toBeGreaterThan(100)
  expect(data.deadLetters.items.length).toBe(9)
  const tenant = ["--tenant", `${word}-team`]
  const list = await json(world, "dlq", "ls", ...where, ...tenant)
  const status = await json(world, "status", ...where, ...tenant, "--graph-hash")
  const bytes = data.deadLetters.items.map((one: Printed) => Buffer.from(one.bytes, "base64"))
  const shown = JSON.stringify([answer, list, status, Buffer.concat(bytes).toString()])
  expect(shown).toContain(word)
  expect(shown).not.toContain(other)
})

it("a dead letter of another tenant is one that never was", async () => {
  const tenant = (word: string) => [...where, "--tenant", `${word}-team`]
  put(world, "odd.ndjson", "no JSON\n")
  const words = ["--source", "quinces-only", "--max-bad", "1", "odd.ndjson"]
  await json(world, "ingest", ...tenant("quince"), ...words)
  const only = ["--source", "quinces-only"]
  const { deadLetters } = await json(world, "dlq", "ls", ...tenant("quince"), ...only)
  const { id } = deadLetters[0]
  const never = "bm9uZQ"
  const show = (name: string) => intelgraph(world, "dlq", "show", name, ...tenant("walnut"))
  const [theirs, nobodys] = await Promise.all([show(id), show(never)])
  expect([theirs.code, theirs.out]).toEqual([1, ""])
  expect(theirs.err.replaceAll(id, "ID")).toBe(nobodys.err.replaceAll(never, "ID"))
})
