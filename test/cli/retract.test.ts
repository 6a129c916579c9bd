import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { intelgraph, start } from "../support/command.ts"
import { temporaryFolder } from "../support/scoped.ts"

const mapping = `version: 1
record: {key: $.id}
entities: [{type: person, key: $.id, name: $.name}]
`

async function folderWithPeople(): Promise<string> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "people.yaml"), mapping)
  writeFileSync(join(folder, "people.csv"), "id,name\n1,Ada\n2,Bob\n3,Cy\n4,Di\n")
  const ended = await intelgraph({ folder }, "ingest", "--mapping", "people.yaml", "people.csv")
  expect(ended.code).toBe(0)
  return folder
}

async function names(folder: string): Promise<readonly string[]> {
  const document = "{ entities { items { name } } }"
  const ended = await intelgraph({ folder }, "query", document, "--json")
  return JSON.parse(ended.out).data.entities.items.map(({ name }: { name: string }) => name)
}

const retract = ["retract", "--source", "people", "--json"]

describe("intelgraph retract", () => {
  it("takes back records by their keys, given as words or in a file", async () => {
    const folder = await folderWithPeople()
    const env = { TMPDIR: temporaryFolder() }
    const first = await intelgraph({ folder, env }, ...retract, "1", "unknown")
    expect(first.code).toBe(0)
    expect(JSON.parse(first.out).connectors[0]).toMatchObject({
      source: "people",
      read: 2,
      accepted: 1,
      duplicates: 1,
    })
    expect(await names(folder)).toEqual(["Bob", "Cy", "Di"])
    writeFileSync(join(folder, "keys"), '"3"\n"2"\n7\n')
    const file = await intelgraph({ folder }, ...retract, "--file", "keys")
    expect(JSON.parse(file.out).connectors[0]).toMatchObject({ accepted: 2, deadLettered: 1 })
    expect(await names(folder)).toEqual(["Di"])
    expect(readdirSync(env.TMPDIR)).toEqual([])
  })

  it("works beside a node that runs", async () => {
    const folder = await folderWithPeople()
    writeFileSync(join(folder, "intelgraph.yaml"), "version: 1\ntenants: {demo: {sources: []}}\n")
    const node = start({ folder }, "start", "--port", "0")
    await node.says(/GraphQL: (\S+)/)
    const ended = await intelgraph({ folder }, ...retract, "4")
    expect([ended.code, JSON.parse(ended.out).connectors[0].accepted]).toEqual([0, 1])
    node.child.kill("SIGINT")
    await node.ended
    expect(await names(folder)).toEqual(["Ada", "Bob", "Cy"])
  })

  it("says what is missing", async () => {
    const folder = temporaryFolder()
    for (const words of [["retract", "1"], retract, [...retract, "--file", "x", "1"]]) {
      const ended = await intelgraph({ folder }, ...words)
      expect([ended.code, ended.err]).toEqual([2, expect.stringMatching(/^intelgraph: /)])
    }
    expect(readdirSync(folder)).toEqual([])
  })
})
