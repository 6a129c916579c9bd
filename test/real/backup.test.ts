/** A backup made while a node ingests, restored elsewhere: it catches up to the same graph. */
import { expect, it } from "vitest"
import { intelgraph, json, ndjson, newWorld, put, start } from "../acceptance/world.ts"

const world = newWorld()
const names = ["a", "b", "c", "d"]
const each = 12_000

const mapping = `version: 1
record: {key: $.id, version: $.modified}
entities:
  - {type: vulnerability, key: $.cve, properties: {said: $.said}}
relationships:
  - {type: affects, from: {type: vulnerability, key: $.cve}, to: {type: product, key: $.product}}
`

function writeSources(): void {
  put(world, "cve.yaml", mapping)
  for (const name of names) {
    const records = Array.from({ length: each }, (_, n) => ({
      id: `${name}-${n}`,
      cve: `CVE-2024-${(n * 7) % 5000}`,
      product: `product ${(n * 13) % 700}`,
      modified: `2024-02-${String(1 + (n % 28)).padStart(2, "0")}`,
      said: `${name} says ${n}`,
    }))
    put(world, `${name}.ndjson`, ndjson(records))
  }
  const sources = names.map(
    (name) => `      - {name: ${name}, format: ndjson, file: ${name}.ndjson, mapping: cve.yaml}`,
  )
  const tenants = `tenants:\n  demo:\n    sources:\n${sources.join("\n")}\n`
  // So slow that the backup comes in the middle.
  const limits = "limits: {recordsPerSecondMax: 600}\n"
  put(world, "intelgraph.yaml", `version: 1\ngateway: {port: 0}\n${limits}${tenants}`)
}

interface Source {
  readonly counters: { readonly read: number }
}

async function read(dataDir: string) {
  const status = await json(world, "status", "--graph-hash", "--data-dir", dataDir)
  const counted = (status.sources as readonly Source[]).map(({ counters }) => counters.read)
  return { ...status, read: counted.reduce((sum, one) => sum + one, 0) }
}

it("has the same graph hash once it has caught up", async () => {
  writeSources()
  const node = start(world, "start", "--data-dir", "live", "--json")
  await node.says(/reading \d+ %, \d+,\d{3} records/)
  const under = await intelgraph(world, "backup", "copy", "--data-dir", "live")
  expect([under.code, under.err]).toEqual([0, ""])
  await node.says(/GraphQL: /)
  node.child.kill("SIGINT")
  expect((await node.ended).code).toBe(0)

  await json(world, "restore", "copy", "--data-dir", "elsewhere")
  const before = await read("elsewhere")
  expect(before.read).toBeGreaterThan(0)
  expect(before.read).toBeLessThan(names.length * each)
  const caughtUp = await json(world, "start", "--once", "--data-dir", "elsewhere")
  expect(caughtUp.totals).toMatchObject({ read: names.length * each, duplicates: 0 })

  const [live, elsewhere] = [await read("live"), await read("elsewhere")]
  expect(elsewhere.graphHash).toBe(live.graphHash)
  expect([elsewhere.broken, live.broken]).toEqual([[], []])
  expect(before.graphHash).not.toBe(live.graphHash)
  const plain = (status: typeof live) =>
    status.sources.map((one: { counters: object }) => ({ ...one.counters, replayed: 0 }))
  expect(plain(elsewhere)).toEqual(plain(live))
}, 180_000)
