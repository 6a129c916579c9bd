/** Bad input: a dead letter that says what and where, or one clear sentence; never a stack. */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import type { Ended } from "../support/child.ts"
import {
  csv,
  intelgraph,
  json,
  launcher,
  ndjson,
  newWorld,
  type Printed,
  put,
  startProgram,
  stixId,
} from "./world.ts"

const world = newWorld()

const letters = async (dataDir: string, ...words: readonly string[]) =>
  (
    (await json(world, "dlq", "ls", "--data-dir", dataDir, ...words)).deadLetters as Printed[]
  ).toSorted((a, b) => a.offset - b.offset)

/** Exit 1 with one sentence, and no result of which a part is missing. */
const expectSentence = ({ code, out, err }: Ended, sentence: RegExp) => {
  expect([code, err]).toEqual([1, expect.stringMatching(sentence)])
  expect(err.match(/^intelgraph: (?!Without a mapping)/gm)).toHaveLength(1)
  return out
}

const identity = (n: number) => ({ type: "identity", id: stixId("identity", n), name: `Ada ${n}` })
const line = (value: unknown) => Buffer.from(`${JSON.stringify(value)}\n`)

describe("a file of good and bad records", () => {
  const uses = { type: "relationship", id: stixId("relationship", 1), relationship_type: "uses" }
  const bad: readonly (readonly [reason: string, bytes: Buffer])[] = [
    ["invalid-json", Buffer.from('{"type": "identity", "id": \n')],
    ["record-too-large", line({ ...identity(2), name: "x".repeat(800 * 1024) })],
    ["invalid-id", line({ ...identity(3), id: "identity--3" })],
    ["invalid-id", line({ type: "identity", name: "nobody" })],
    ["invalid-type", line({ id: stixId("identity", 4), name: "nothing" })],
    ["invalid-relationship", line({ ...uses, source_ref: stixId("identity", 5) })],
    ["invalid-utf8", Buffer.from('{"type": "identity", "name": "Ad\xe9"}\n', "latin1")],
  ]
  const good = Array.from({ length: 120 }, (_, n) => line(identity(100 + n)))
  const parts = good.flatMap((one, n) => (n % 10 === 5 ? [one, bad[(n - 5) / 10]?.[1]] : [one]))
  const bytes = Buffer.concat(parts.filter((part) => part !== undefined))

  it("sets each bad one aside with file, place, bytes and reason, and goes on", async () => {
    put(world, "mixed.ndjson", bytes)
    const words = ["ingest", "--data-dir", "mixed", "--source", "mixed", "--format", "stix"]
    const summary = await json(world, ...words, "mixed.ndjson")
    const counted = { read: 127, accepted: 120, deadLettered: 7, entities: 120 }
    expect(summary.connectors).toMatchObject([{ source: "mixed", ...counted }])

    const found = await letters("mixed")
    expect(found.map(({ reason }) => reason)).toEqual(bad.map(([reason]) => reason))
    for (const [n, letter] of found.entries()) {
      const whole = bad[n]?.[1] ?? Buffer.alloc(0)
      const trimmed = whole.toString("latin1").trim().length
      expect(letter.file).toBe(join(world, "mixed.ndjson"))
      expect([letter.offset, letter.lengthBytes]).toEqual([bytes.indexOf(whole), trimmed])
      expect(letter.detail).toMatch(/^[A-Z].*\.$/)
      expect(letter.run).toBe("1.1")
    }
  })

  it("shows a bad record's own bytes, of a large one the beginning", async () => {
    const found = await letters("mixed")
    const show = async (n: number) =>
      json(world, "dlq", "show", "--data-dir", "mixed", found[n].id as string)
    const [broken, large, latin] = await Promise.all([show(0), show(1), show(6)])
    expect(broken.text).toBe('{"type": "identity", "id":')
    expect(large).toMatchObject({ lengthBytes: (bad[1]?.[1].length ?? 0) - 1, keptBytes: 65_536 })
    expect(latin.text).toBeNull()
    expect(Buffer.from(latin.base64, "base64").toString("latin1")).toContain("Ad\xe9")
  })

  it("is refused with 3 where more than --max-bad are bad, and keeps the good ones", async () => {
    put(world, "worse.csv", csv(["id", "n"], [["1", "1"], ["2"], ["3", "3"], ["4", "4", "4"]]))
    const words = ["ingest", "--data-dir", "worse", "worse.csv", "--json"]
    const refused = await intelgraph(world, ...words, "--max-bad", "0.4")
    expect([refused.code, refused.err]).toEqual([3, expect.stringContaining("--max-bad")])
    expect(JSON.parse(refused.out).totals).toMatchObject({ accepted: 2, deadLettered: 2 })
    expect((await intelgraph(world, ...words, "--max-bad", "0.5")).code).toBe(0)
    expect((await letters("worse")).map(({ reason }) => reason)).toEqual(
      Array.from({ length: 4 }, () => "invalid-csv"),
    )
  })
})

describe("a file that is damaged as a whole", () => {
  const many = Array.from({ length: 3000 }, (_, n) => ({ id: `r${n}`, name: `record ${n * n}` }))

  it("gives what can be had of a truncated gzip, and one dead letter for the rest", async () => {
    const whole = gzipSync(ndjson(many))
    put(world, "cut.ndjson.gz", whole.subarray(0, whole.length / 2))
    const { totals } = await json(world, "ingest", "--data-dir", "damaged", "cut.ndjson.gz")
    expect(totals.accepted).toBeGreaterThan(500)
    expect(totals).toMatchObject({ read: totals.accepted + 1, deadLettered: 1 })
    const [letter] = await letters("damaged", "--source", "cut")
    expect(letter).toMatchObject({ reason: "truncated", file: join(world, "cut.ndjson.gz") })
    expect(letter.offset).toBeGreaterThan(10_000)
  })

  it("goes on after invalid JSON in the middle of an array, in a STIX bundle too", async () => {
    const objects = Array.from({ length: 40 }, (_, n) => JSON.stringify(identity(1000 + n)))
    const bundle = `{"type": "bundle", "objects": [${objects.join(",\n")}]}`
    put(world, "bundle.json", bundle.replace('"Ada 1020"', '"Ada 1020'))
    const words = ["ingest", "--data-dir", "damaged", "--format", "stix", "bundle.json"]
    const { connectors } = await json(world, ...words)
    expect(connectors[0].deadLettered).toBeGreaterThan(0)
    expect(connectors[0].entities).toBeGreaterThanOrEqual(38)
    const [letter] = await letters("damaged", "--source", "bundle")
    expect(letter.offset).toBeLessThanOrEqual(bundle.indexOf("Ada 1020"))
    expect(letter.offset + letter.lengthBytes).toBeGreaterThan(bundle.indexOf("Ada 1020"))
  })

  it("does not read a gzip bomb to its end", async () => {
    put(world, "bomb.ndjson.gz", gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20)))
    const ended = await intelgraph(world, "ingest", "--data-dir", "bomb", "bomb.ndjson.gz")
    expectSentence(ended, /bomb\.ndjson\.gz: It expands to more than 200 times its size/)
  })

  it("says of gzip that is none what is wrong with it", async () => {
    const whole = gzipSync(ndjson(many))
    put(world, "rot.ndjson.gz", whole.fill(0x55, whole.length / 2, whole.length / 2 + 64))
    const ended = await intelgraph(world, "ingest", "--data-dir", "rot", "rot.ndjson.gz")
    expectSentence(ended, /rot\.ndjson\.gz: Its gzip data is damaged/)
  })
})

describe("a file that cannot be read at all", () => {
  it("is told in one sentence what is wrong with it", async () => {
    put(world, "empty.csv", "")
    put(world, "empty.csv.gz", gzipSync(""))
    mkdirSync(join(world, "folder.csv"))
    const cases: readonly (readonly [string, RegExp])[] = [
      ["empty.csv", /empty\.csv: It is empty\./],
      ["empty.csv.gz", /empty\.csv\.gz: It holds nothing\./],
      ["gone.csv", /gone\.csv: There is no such file\./],
      ["folder.csv", /folder\.csv: It is a folder, not a file\./],
    ]
    const told = cases.map(async ([name, sentence]) => {
      const ended = await intelgraph(world, "ingest", "--data-dir", `no-${name}`, name)
      expectSentence(ended, sentence)
    })
    await Promise.all(told)
  })

  it("does not stop the files beside it", async () => {
    put(world, "one.csv", "id\n1\n")
    put(world, "two.csv", "id\n2\n")
    const words = ["ingest", "--data-dir", "beside", "one.csv", "not-there.csv", "two.csv"]
    const ended = await intelgraph(world, ...words, "--json")
    expectSentence(ended, /not-there\.csv: There is no such file\./)
    expect(JSON.parse(ended.out).totals).toMatchObject({ accepted: 2, entities: 2 })
  })
})

it("says line and column of what a mapping should not hold, before anything is read", async () => {
  put(world, "one.csv", "id\n1\n")
  put(world, "odd.yaml", "version: 1\nentities:\n  - {type: a, key: $.id, colour: red}\n")
  const words = ["ingest", "--data-dir", "unread", "--mapping", "odd.yaml", "one.csv"]
  const ended = await intelgraph(world, ...words)
  expect([ended.code, ended.out]).toEqual([2, ""])
  expect(ended.err).toMatch(
    /odd\.yaml: There is no key colour here\. \(mapping, line 3, column 26\)/,
  )
})

it("says that files cannot grow any more, and loses nothing", async () => {
  const records = Array.from({ length: 4000 }, (_, n) => ({ id: `r${n}`, text: "y".repeat(500) }))
  put(world, "much.ndjson", ndjson(records))
  const command = `trap '' XFSZ; ulimit -f 2048; exec "$0" "$@"`
  const words = ["ingest", "--data-dir", "full", "much.ndjson", "--json"]
  const limited = ["-c", command, process.execPath, launcher, ...words]
  const ended = await startProgram(world, "/bin/sh", limited).ended
  expectSentence(ended, /(log|graph)\.db (failed|cannot grow)|graph store/)
  expect(ended.err).not.toMatch(/\n\s+at |should not happen/)
  const { totals } = await json(world, ...words.slice(0, -1))
  expect(totals).toMatchObject({ read: 4000, entities: 4000 })
})
