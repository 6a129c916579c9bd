import { once } from "node:events"
import { appendFileSync, existsSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { intelgraph, start } from "../support/command.ts"
import { temporaryFolder } from "../support/scoped.ts"

const mapping = `version: 1
record: {key: $.id}
entities:
  - {type: person, key: $.id, name: $.name, properties: {age: {path: $.age, as: number}}}
`

/** A folder with a CSV, a mapping, and one record in it that cannot be mapped. */
function folderWithPeople(): string {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "people.yaml"), mapping)
  writeFileSync(join(folder, "people.csv"), "id,name,age\n1,Ada,36\n2,Bob,old\n3,Cy,7\n")
  return folder
}

const ingest = ["ingest", "--mapping", "people.yaml", "people.csv", "--json", "--max-bad", "1"]

describe("a person with a file of their own", () => {
  it("ingests it, asks, looks at what was set aside, and moves it elsewhere", async () => {
    const folder = folderWithPeople()
    const first = await intelgraph({ folder }, ...ingest)
    expect([first.code, first.err]).toEqual([0, expect.not.stringContaining("   at ")])
    expect(JSON.parse(first.out)).toMatchObject({
      connectors: [{ source: "people", read: 3, accepted: 2, deadLettered: 1, entities: 2 }],
      answer: null,
    })

    const again = JSON.parse((await intelgraph({ folder }, ...ingest)).out)
    expect(again.connectors[0]).toMatchObject({ accepted: 0, duplicates: 2, deadLettered: 1 })

    const document = '{ entity(type: "person", key: "3") { name } }'
    const query = await intelgraph({ folder }, "query", document, "--json")
    expect([query.code, JSON.parse(query.out)]).toEqual([0, { data: { entity: { name: "Cy" } } }])
    const wrong = await intelgraph({ folder }, "query", "{ fly }", "--json")
    expect([wrong.code, Object.keys(JSON.parse(wrong.out))]).toEqual([2, ["errors"]])

    const list = JSON.parse((await intelgraph({ folder }, "dlq", "ls", "--json")).out)
    expect(list.deadLetters).toMatchObject([
      { reason: "failed-coercion", run: "1.1" },
      { reason: "failed-coercion", run: "2.1" },
    ])
    const { id } = list.deadLetters[0]
    const letter = JSON.parse((await intelgraph({ folder }, "dlq", "show", id, "--json")).out)
    expect(letter.text).toBe("2,Bob,old")

    expect((await intelgraph({ folder }, "backup", "copy")).code).toBe(0)
    expect((await intelgraph({ folder }, "restore", "copy", "--data-dir", "new")).code).toBe(0)
    const hashes = await Promise.all(
      ["intelgraph-data", "new"].map(async (dataDir) => {
        const words = ["status", "--graph-hash", "--json", "--data-dir", dataDir]
        return JSON.parse((await intelgraph({ folder }, ...words)).out).graphHash
      }),
    )
    expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/)
    expect(hashes[1]).toBe(hashes[0])
    expect((await intelgraph({ folder }, "restore", "copy", "--data-dir", "new")).code).toBe(1)
  })

  it("is told in one sentence what is wrong, with its exit code", async () => {
    const folder = folderWithPeople()
    writeFileSync(join(folder, "bad.yaml"), "version: 1\nfly: 1\n")
    const cases: readonly (readonly [number, RegExp, readonly string[]])[] = [
      [1, /^intelgraph: .*gone\.csv/m, ["ingest", "gone.csv"]],
      [1, /^intelgraph: /m, ["ingest", "--format", "csv", "."]],
      [2, /line 2, column 1/, ["ingest", "--mapping", "bad.yaml", "people.csv"]],
      [2, /--format/, ["ingest", "README"]],
      [2, /is no tenant/, ["ingest", "--tenant", "A.B", "people.csv"]],
      [1, /no data directory/, ["query", "{ stats { entities } }", "--data-dir", "none"]],
      [1, /no data directory/, ["backup", "copy", "--data-dir", "none"]],
      [1, /no data directory/, ["restore", "gone", "--data-dir", "new"]],
      [2, /usage: npx/, ["ingest"]],
    ]
    for (const [code, pattern, words] of cases) {
      const ended = await intelgraph({ folder }, ...words)
      expect([words, ended.code, ended.err]).toEqual([words, code, expect.stringMatching(pattern)])
      expect(ended.err).not.toMatch(/\n\s+at /)
      expect(ended.out).not.toMatch(/intelgraph:/)
    }
    expect(existsSync(join(folder, "copy"))).toBe(false)
  })

  it("is refused with 3 where more records are bad than it allowed", async () => {
    const folder = folderWithPeople()
    const ended = await intelgraph({ folder }, ...ingest.slice(0, -1), "0.2")
    expect([ended.code, ended.err]).toEqual([3, expect.stringContaining("--max-bad")])
  })
})

describe("a node that runs", () => {
  it("serves its configuration, takes commands on its socket, and ends at Ctrl-C", async () => {
    const folder = folderWithPeople()
    const dataDir = join(folder, "intelgraph-data")
    writeFileSync(
      join(folder, "intelgraph.yaml"),
      "version: 1\ngateway: {port: 0}\ntenants:\n  demo:\n    sources:\n" +
        "      - {name: people, format: csv, file: people.csv, mapping: people.yaml}\n" +
        "    question:\n      title: Who?\n      type: person\n      first: 1\n      count: 0\n" +
        "      steps: [{relationship: knows, direction: out, type: person}]\n" +
        "limits: {maxBadShare: 1}\n",
    )
    const node = start({ folder }, "start")
    const url = await node.says(/GraphQL: (\S+)/)
    const body = JSON.stringify({ query: "{ stats { entities } }" })
    const headers = { "content-type": "application/json" }
    const answer = await fetch(url, { method: "POST", headers, body })
    expect(await answer.json()).toEqual({ data: { stats: { entities: 2 } } })
    expect(statSync(join(dataDir, "node.sock")).mode & 0o777).toBe(0o600)

    appendFileSync(join(folder, "people.csv"), "4,Di,8\n")
    const beside = await intelgraph({ folder }, ...ingest)
    expect([beside.code, JSON.parse(beside.out).connectors]).toMatchObject([
      0,
      [{ accepted: 1, duplicates: 2, deadLettered: 1 }],
    ])
    const status = JSON.parse((await intelgraph({ folder }, "status", "--json")).out)
    expect(status).toMatchObject({ running: true, broken: [], counts: { entities: 3 } })
    expect(await intelgraph({ folder }, "backup", "copy")).toMatchObject({ code: 0, err: "" })
    expect(readdirSync(join(folder, "copy")).sort()).toEqual(["graph.db", "log.db", "meta.db"])
    const second = await intelgraph({ folder }, "start", "--once")
    expect([second.code, second.err]).toEqual([1, expect.stringContaining("in use by process")])

    node.child.kill("SIGINT")
    const ended = await node.ended
    expect(ended.code).toBe(0)
    expect(ended.out).toContain("Who?")
    expect(existsSync(join(dataDir, "node.sock"))).toBe(false)
  })

  it("reads nothing at its second start, and answers again", async () => {
    const folder = folderWithPeople()
    writeFileSync(
      join(folder, "intelgraph.yaml"),
      "version: 1\ntenants:\n  demo:\n    sources:\n" +
        "      - {name: people, format: csv, file: people.csv, mapping: people.yaml}\n" +
        "limits: {maxBadShare: 1}\n",
    )
    const once = () => intelgraph({ folder }, "start", "--once", "--json")
    const [first, second] = [await once(), await once()]
    expect([first.code, second.code]).toEqual([0, 0])
    expect(second.err).toContain("people: skipped")
    expect(JSON.parse(second.out).totals).toMatchObject({ accepted: 2, eventsPerSecond: 0 })
    const doctor = await intelgraph({ folder }, "doctor", "--json")
    const { checks } = JSON.parse(doctor.out)
    const notOk = checks.filter(({ state }: { state: string }) => state !== "ok")
    expect(notOk.map(({ name }: { name: string }) => name).filter(isNotMachine)).toEqual([])
  })

  it("stops reading at Ctrl-C, commits what it took, and goes on at the next ingest", async () => {
    const folder = temporaryFolder()
    const ids = Array.from({ length: 3000 }, (_, n) => `id${n}`)
    writeFileSync(join(folder, "many.csv"), ["id", ...ids].join("\n"))
    const slow = start({ folder }, "ingest", "--rate", "1000", "many.csv", "--json")
    await slow.says(/many: reading/)
    slow.child.kill("SIGINT")
    const stopped = await slow.ended
    expect([stopped.code, stopped.err]).toEqual([1, expect.stringContaining("to go on from there")])
    const { read } = JSON.parse(stopped.out).totals
    expect(read).toBeGreaterThan(0)
    expect(read).toBeLessThan(ids.length)
    const whole = await intelgraph({ folder }, "ingest", "many.csv", "--json")
    expect([whole.code, JSON.parse(whole.out).totals]).toMatchObject([
      0,
      { read: ids.length, accepted: ids.length, duplicates: 0, entities: ids.length },
    ])
  })

  it("ends at once, with 130, at the second Ctrl-C", async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, "intelgraph.yaml"), "version: 1\ngateway: {port: 0}\n")
    const node = start({ folder }, "start")
    const port = Number(await node.says(/GraphQL: http:\/\/127\.0\.0\.1:(\d+)/))
    // A request that never comes to its end keeps the edge from closing.
    const head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    const socket = connect(port, "127.0.0.1")
    socket.on("error", () => undefined)
    await once(socket, "connect")
    socket.write(`${head}Content-Length: 100\r\nExpect: 100-continue\r\n\r\n{`)
    await once(socket, "data")
    node.child.kill("SIGINT")
    await node.says(/Ending/)
    node.child.kill("SIGINT")
    expect((await node.ended).code).toBe(130)
  })
})

/** What depends on the machine that the test runs on. */
const isNotMachine = (name: string) => !["node", "port", "disk"].includes(name)
