/** A directory of a million entities: `query` finds one at once, in little memory. */
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, expect, it } from "vitest"
import {
  expectSummary,
  intelgraph,
  json,
  launcher,
  newWorld,
  put,
  startProgram,
} from "../acceptance/world.ts"

const world = newWorld()
const perRecord = 8
const records = 125_000

/** Eight entities a record, by which a million is made in an eighth of the records. */
const mapping = `version: 1
record: {key: $.id}
entities:
${Array.from({ length: perRecord }, (_, n) => entityLine(n)).join("\n")}
relationships:
  - {type: next, from: {type: part, key: "{$.id}-0"}, to: {type: part, key: "{$.next}-0"}}
`
function entityLine(n: number): string {
  const properties = "{place: $.place, rank: {path: $.rank, as: number}}"
  return `  - {type: part, key: "{$.id}-${n}", name: "{$.name} ${n}", properties: ${properties}}`
}

/** Writes what one process used, as it ends, beside the others of the same command. */
const measure = `import { writeFileSync } from "node:fs"
process.on("exit", () => {
  const { maxRSS } = process.resourceUsage()
  const used = { program: process.argv[1], maxRssKibibytes: maxRSS, seconds: process.uptime() }
  writeFileSync(process.env.MEASURED + process.pid + ".json", JSON.stringify(used))
})
`

beforeAll(async () => {
  put(world, "parts.yaml", mapping)
  put(world, "measure.mjs", measure)
  const file = openSync(join(world, "parts.ndjson"), "w")
  for (let n = 0; n < records; n++) {
    const record = {
      id: `r${n}`,
      next: `r${(n * 31 + 7) % records}`,
      name: `thing of ${n % 1000}`,
      place: `place ${n % 77}`,
      rank: n % 1009,
    }
    writeSync(file, `${JSON.stringify(record)}\n`)
  }
  closeSync(file)
  const words = ["--source", "parts", "--mapping", "parts.yaml", "parts.ndjson", "--json"]
  const ended = await intelgraph(world, "ingest", "--data-dir", "million", ...words)
  expect(expectSummary(ended.out).totals).toMatchObject({ read: records, entities: 1_000_000 })
  put(world, "one.csv", "id\n1\n")
  await json(world, "ingest", "--data-dir", "one", "one.csv")
}, 600_000)

let asked = 0

/** Answers a query in a process of its own; what that process used, its launcher left out. */
async function ask(dataDir: string, document: string) {
  const name = `measured-${asked++}-`
  const words = [launcher, "query", "--data-dir", dataDir, document, "--json"]
  const ended = await startProgram(world, process.execPath, words, {
    NODE_OPTIONS: `--import=${join(world, "measure.mjs")}`,
    MEASURED: join(world, name),
  }).ended
  expect([ended.code, ended.err]).toEqual([0, ""])
  const used = readdirSync(world)
    .filter((file) => file.startsWith(name))
    .map((file) => JSON.parse(readFileSync(join(world, file), "utf8")))
    .find(({ program }) => program.endsWith("cli/main.ts"))
  return {
    data: JSON.parse(ended.out).data,
    mebibytes: used.maxRssKibibytes / 1024,
    seconds: used.seconds,
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

it("answers `entity` in < 0.5 s after start-up, under 200 MB", async () => {
  const entity =
    '{ entity(type: "part", key: "r77777-3") { name properties sources { recordKey } } }'
  const nothing = '{ entity(type: "part", key: "none") { name } }'
  const small: number[] = []
  const large: number[] = []
  for (let round = 0; round < 5; round++) {
    const answer = await ask("million", entity)
    expect(answer.data.entity).toMatchObject({
      name: "thing of 777 3",
      properties: { place: "place 7", rank: 84 },
      sources: [{ recordKey: "r77777" }],
    })
    expect(answer.mebibytes).toBeLessThan(200)
    large.push(answer.seconds)
    small.push((await ask("one", nothing)).seconds)
  }
  // Start-up is what the same command takes on a directory with one entity.
  expect(median(large) - median(small)).toBeLessThan(0.5)
})

it("walks and searches it under 200 MB as well", async () => {
  const { data, mebibytes } = await ask(
    "million",
    `{ neighbors(type: "part", key: "r0-0", hops: 3) { entities { hops } }
       entities(filter: {text: "thing 777"}, first: 5) { items { key } hasMore }
       stats { entities } }`,
  )
  expect(data.stats.entities).toBe(1_000_000)
  expect(data.neighbors.entities.length).toBeGreaterThan(3)
  expect(data.entities).toMatchObject({ hasMore: true })
  expect(mebibytes).toBeLessThan(200)
})
