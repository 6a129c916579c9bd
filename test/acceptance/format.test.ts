/** A data directory that the first version wrote: it opens, answers, and goes on where it was. */
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { directoryFormat } from "../../runtime/index.ts"
import { intelgraph, json, newWorld, put } from "./world.ts"

const world = newWorld()
const fixture = join(import.meta.dirname, "../fixtures/v1")
const before = "398b3bb1763f5183effb6084f38f42709f7c793e956bc7489e470b4312377a5e"
const after = "79d9814c1a93a35b5247ac4022f6d099fb6a80c80a396ac24617c45bd04d2b3a"

/** The fixture as files of their own, under a folder of this name. */
function unpack(name: string): string {
  mkdirSync(join(world, name), { mode: 0o700 })
  for (const file of ["graph.db", "log.db", "meta.db"]) {
    put(world, `${name}/${file}`, gunzipSync(readFileSync(join(fixture, `${file}.gz`))))
  }
  return name
}

const graphHash = async (dataDir: string) =>
  (await json(world, "status", "--graph-hash", "--data-dir", dataDir)).graphHash

const ingest = async (dataDir: string, source: string, file: string) => {
  const mapping = ["--mapping", join(fixture, `${source}.yaml`), "--max-bad", "0.5"]
  const words = ["ingest", "--data-dir", dataDir, "--source", source, ...mapping]
  return (await json(world, ...words, join(fixture, file))).connectors[0]
}

describe("a data directory of format 1", () => {
  it("opens and answers, its dead letter among the rest", async () => {
    const dataDir = unpack("first")
    expect(await graphHash(dataDir)).toBe(before)
    const document = `{
      entity(type: "person", key: "4") { name properties aliases { scheme value } }
      deadLetters { items { reason file offset bytes } }
    }`
    const { data } = await json(world, "query", "--data-dir", dataDir, document)
    expect(data.entity).toEqual({
      name: "李",
      properties: { name: "李", age: 7, seen: "2024-01-08T00:00:00.000000Z" },
      aliases: [{ scheme: "badge", value: "b-4" }],
    })
    expect(data.deadLetters.items).toEqual([
      {
        reason: "failed-coercion",
        file: "/srv/intelgraph/people.csv",
        offset: 90,
        bytes: Buffer.from('3,"Cyd ""Ñ""",b-3,old,2024-01-07,ajax').toString("base64"),
      },
    ])
  })

  it("commits what waits in its log, finishes its open run, and knows its records", async () => {
    const dataDir = unpack("second")
    const meetings = await ingest(dataDir, "meetings", "meetings.ndjson")
    expect(meetings).toMatchObject({ read: 40, accepted: 39, duplicates: 0, deadLettered: 1 })
    expect(await graphHash(dataDir)).toBe(after)
    const people = await ingest(dataDir, "people", "people.csv")
    expect(people).toMatchObject({ read: 5, accepted: 0, duplicates: 4, deadLettered: 1 })
    expect(await graphHash(dataDir)).toBe(after)
  })

  it("is not begun anew where its graph is gone", async () => {
    const dataDir = unpack("headless")
    rmSync(join(world, dataDir, "graph.db"))
    const people = join(fixture, "people.csv")
    const ended = await intelgraph(world, "ingest", "--data-dir", dataDir, people)
    expect([ended.code, ended.err]).toEqual([1, expect.stringContaining("graph.db is gone")])
    expect((await intelgraph(world, "doctor", "--data-dir", dataDir)).code).toBe(1)
  })

  it("knows no tokens, and is brought forward before it has one", async () => {
    const dataDir = unpack("older")
    expect(await json(world, "token", "list", "--data-dir", dataDir)).toEqual({ tokens: [] })
    expect(await json(world, "audit", "--data-dir", dataDir)).toEqual({ rows: [] })
    const format = async () => {
      const { checks } = await json(world, "doctor", "--data-dir", dataDir)
      return checks.find(({ name }: { name: string }) => name === "format").found
    }
    expect(await format()).toBe(`1 of ${directoryFormat}.`)
    await json(world, "token", "create", "--scope", "read", "--data-dir", dataDir)
    expect((await json(world, "token", "list", "--data-dir", dataDir)).tokens).toHaveLength(1)
    expect(await format()).toBe(`${directoryFormat} of ${directoryFormat}.`)
    expect(await graphHash(dataDir)).toBe(before)
  })

  it("is restored as a backup", async () => {
    await json(world, "restore", unpack("copy"), "--data-dir", "restored")
    expect(await graphHash("restored")).toBe(before)
    const doctor = await intelgraph(world, "doctor", "--json", "--data-dir", "restored")
    const { checks } = JSON.parse(doctor.out)
    const broken = checks.filter(({ state }: { state: string }) => state === "fail")
    expect(broken).toEqual([])
  })
})
