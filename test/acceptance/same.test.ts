/** The same again adds nothing, a change adds what changed, the order of sources never shows. */
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { csv, json, ndjson, newWorld, put, shuffled, stixId } from "./world.ts"

const world = newWorld()

/** Ingests a file of one source, and gives the counters of that run. */
async function ingest(dataDir: string, source: string, file: string, ...words: readonly string[]) {
  const names = ["--data-dir", dataDir, "--tenant", "team-1", "--source", source]
  const { connectors } = await json(world, "ingest", ...names, ...words, file)
  expect(connectors).toMatchObject([{ source }])
  return connectors[0]
}

const graphHash = async (dataDir: string): Promise<string> => {
  const words = ["status", "--data-dir", dataDir, "--tenant", "team-1", "--graph-hash"]
  const { graphHash, broken } = await json(world, ...words)
  expect([graphHash, broken]).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), []])
  return graphHash
}

interface Plain {
  readonly id: string
  readonly name: string
}

/** The records shuffled, with 5 of them changed and 3 added. */
const mended = (records: readonly Plain[]): readonly Plain[] =>
  shuffled(
    [
      ...records.map((one, n) => (n % 40 === 7 ? { ...one, name: `${one.name}, changed` } : one)),
      ...[1, 2, 3].map((n) => ({ id: `new-${n}`, name: `Added ${n}` })),
    ],
    17,
  )

const plain: readonly Plain[] = Array.from({ length: 200 }, (_, n) => ({
  id: `p-${n}`,
  name: `Person, ${n}`,
}))
const rowsOf = (records: readonly Plain[]) => records.map(({ id, name }) => [id, name])
const keyed = `version: 1
record: {key: $.id}
entities:
  - {type: person, key: $.id, name: $.name}
`
const again = { read: 200, accepted: 0, duplicates: 200, deadLettered: 0 }
const changed = { read: 203, accepted: 8, duplicates: 195, deadLettered: 0 }

describe("the same file again, then a shuffled copy with 5 records changed and 3 added", () => {
  it("counts 8 accepted with STIX, which knows its objects by id", async () => {
    const objects = plain.map(({ name }, n) => stix(n, name, "2024-01-01T00:00:00Z"))
    const copy = mended(plain).map(({ id, name }) => {
      const n = id.startsWith("new") ? 300 + Number(id.slice(4)) : Number(id.slice(2))
      return stix(n, name, `2024-01-0${name.endsWith("changed") ? 2 : 1}T00:00:00Z`)
    })
    put(world, "first.json", JSON.stringify({ type: "bundle", objects }))
    put(world, "copy.ndjson.gz", gzipSync(ndjson(copy)))
    const run = (file: string) => ingest("stix", "who", file, "--format", "stix")
    expect(await run("first.json")).toMatchObject({ read: 200, accepted: 200, entities: 200 })
    const before = await graphHash("stix")
    expect(await run("first.json")).toMatchObject({ ...again, entities: 200 })
    expect(await graphHash("stix")).toBe(before)
    expect(await run("copy.ndjson.gz")).toMatchObject({ ...changed, entities: 203 })
  })

  it("counts 8 accepted with a mapping that names record.key: 5 updated, 3 new", async () => {
    put(world, "keyed.yaml", keyed)
    put(world, "first.csv", csv(["id", "name"], rowsOf(plain)))
    put(world, "copy.csv", csv(["id", "name"], rowsOf(mended(plain))))
    const run = (file: string) => ingest("keyed", "people", file, "--mapping", "keyed.yaml")
    expect(await run("first.csv")).toMatchObject({ read: 200, accepted: 200, entities: 200 })
    expect(await run("first.csv")).toMatchObject({ ...again, entities: 200 })
    expect(await run("copy.csv")).toMatchObject({ ...changed, entities: 203 })
    const document = '{ entities(filter: {text: "changed"}) { items { key name } } }'
    const where = ["--data-dir", "keyed", "--tenant", "team-1"]
    const { data } = await json(world, "query", ...where, document)
    expect(data.entities.items).toHaveLength(5)
  })

  it("counts 8 new without one, since a record is then known by its bytes", async () => {
    put(world, "plain.json", JSON.stringify(plain))
    put(world, "copy.json", JSON.stringify(mended(plain)))
    expect(await ingest("plain", "people", "plain.json")).toMatchObject({ accepted: 200 })
    expect(await ingest("plain", "people", "plain.json")).toMatchObject(again)
    const copied = await ingest("plain", "people", "copy.json")
    expect(copied).toMatchObject({ ...changed, entities: 208 })
  })
})

const stix = (n: number, name: string, modified: string) => {
  const created = "2024-01-01T00:00:00Z"
  return { type: "identity", id: stixId("identity", n), created, modified, name }
}

describe("four sources that describe the same CVEs", () => {
  const cves = Array.from({ length: 150 }, (_, n) => `CVE-2024-${1000 + n}`)
  const dated = (n: number) => `2024-03-${String((n % 28) + 1).padStart(2, "0")}`

  /** Each says something else of the same names: other words, dates and neighbours. */
  const sources = [
    { name: "a", file: "a.csv", format: "csv" },
    { name: "b", file: "b.ndjson", format: "ndjson" },
    { name: "c", file: "c.json", format: "json" },
    { name: "d", file: "d.ndjson.gz", format: "ndjson" },
  ] as const
  const record = (source: string, n: number) => ({
    id: cves[n] ?? "",
    words: `${source} about ${n}`,
    at: source === "c" ? dated(0) : dated(n * source.charCodeAt(0)),
    product: `product ${(n * source.charCodeAt(0)) % 20}`,
    of: `CVE-2024-${1000 + ((n * 7) % 160)}`,
  })
  const mapping = (name: string) => `version: 1
${name === "c" ? "records: $.list[*]\n" : ""}record: {key: $.id, version: $.at}
entities:
  - type: vulnerability
    key: $.id
    name: $.words
    aliases: {vendor: "v-{$.of}"}
    properties: {words: $.words, at: {path: $.at, as: date}, only-${name}: $.words}
relationships:
  - {type: like, from: {type: vulnerability, key: $.id}, to: {type: vulnerability, key: $.of}}
  - type: affects
    from: {type: vulnerability, alias: vendor, value: "v-{$.id}"}
    to: {type: product, key: $.product}
`
  function writeSources(): void {
    for (const { name, file } of sources) {
      const records = cves.map((_, n) => record(name, n))
      const rows = shuffled(records, name.charCodeAt(0))
      const text = ndjson(rows)
      if (name === "a") put(world, file, csv(Object.keys(rows[0] ?? {}), rows.map(Object.values)))
      else if (name === "c") put(world, file, JSON.stringify({ list: rows }))
      else put(world, file, name === "d" ? gzipSync(text) : text)
      put(world, `${name}.yaml`, mapping(name))
    }
  }

  const oneByOne = async (dataDir: string, order: readonly (typeof sources)[number][]) => {
    for (const { name, file } of order) {
      const counters = await ingest(dataDir, name, file, "--mapping", `${name}.yaml`)
      expect(counters).toMatchObject({ read: 150, accepted: 150 })
    }
    return graphHash(dataDir)
  }

  const together = async (dataDir: string) => {
    const lines = sources.map(
      ({ name, format, file }) =>
        `      - {name: ${name}, format: ${format}, file: ${file}, mapping: ${name}.yaml}`,
    )
    const text = `version: 1\ntenants:\n  team-1:\n    sources:\n${lines.join("\n")}\n`
    put(world, "four.yaml", text)
    const words = ["start", "--once", "--config", join(world, "four.yaml"), "--data-dir", dataDir]
    const { totals } = await json(world, ...words)
    expect(totals).toMatchObject({ read: 600, accepted: 600 })
    return graphHash(dataDir)
  }

  it("make the same graph in any order, one after another or at the same time", async () => {
    writeSources()
    const hashes = await Promise.all([
      oneByOne("forward", sources),
      oneByOne("backward", sources.toReversed()),
      together("together"),
    ])
    expect(new Set(hashes).size).toBe(1)
  })
})
