/** Dead letters that are sent again or dropped, by the command line. */
import { appendFileSync, chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import type { RedriveReport } from "../../actors/index.ts"
import { readCommand } from "../../cli/arguments.ts"
import { loadSettings } from "../../cli/configuration.ts"
import { plainLetters } from "../../cli/letters-request.ts"
import { intelgraph, start } from "../support/command.ts"
import { run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"

const mappingOf = (age: string) => `version: 1
record: {key: $.id}
entities:
  - {type: person, key: $.id, name: $.name, properties: {age: ${age}}}
`

const strict = mappingOf("{path: $.age, as: number}")
const lenient = mappingOf("$.age")

/** Two people whose age is a word, and one line that has a name alone; all set aside. */
async function folderWithLetters(): Promise<string> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "people.yaml"), strict)
  writeFileSync(join(folder, "people.csv"), "id,name,age\n1,Ada,36\n2,Bob,old\n3,Cy,young\n")
  const ingest = ["ingest", "--mapping", "people.yaml", "people.csv", "--max-bad", "1", "--json"]
  expect((await intelgraph({ folder }, ...ingest)).code).toBe(0)
  return folder
}

/** From now on the source is configured, with a mapping that takes words for an age. */
function mend(folder: string): void {
  writeFileSync(join(folder, "people.yaml"), lenient)
  const source = "{name: people, format: csv, file: people.csv, mapping: people.yaml}"
  const document = `version: 1\ntenants: {demo: {sources: [${source}]}}\n`
  writeFileSync(join(folder, "intelgraph.yaml"), document)
}

const lettersIn = async (folder: string) =>
  JSON.parse((await intelgraph({ folder }, "dlq", "ls", "--json")).out).deadLetters as {
    readonly id: string
    readonly fingerprint: string
    readonly reason: string
    readonly file: string
    readonly offset: number
  }[]

async function redrive(folder: string, ...words: readonly string[]) {
  const { code, out, err } = await intelgraph({ folder }, "dlq", "redrive", "--json", ...words)
  expect(err).not.toContain("   at ")
  return { code, err, report: out === "" ? undefined : (JSON.parse(out) as RedriveReport) }
}

const ageOf = async (folder: string, key: string) => {
  const document = `{ entity(type: "person", key: "${key}") { properties } }`
  const { out } = await intelgraph({ folder }, "query", document, "--json")
  return JSON.parse(out).data.entity?.properties.age
}

describe("intelgraph dlq redrive", () => {
  it("sends what was set aside again by the mapping that the source has now", async () => {
    const folder = await folderWithLetters()
    mend(folder)
    const dry = await redrive(folder, "--all", "--dry-run")
    expect(dry).toMatchObject({ code: 0, report: { selected: 2, taken: 2, stayed: 0 } })
    expect(await lettersIn(folder)).toHaveLength(2)
    const done = await redrive(folder, "--source", "people")
    expect(done).toMatchObject({
      code: 0,
      report: { taken: 2, counters: { accepted: 2, read: 2 } },
    })
    expect(await lettersIn(folder)).toEqual([])
    expect(await ageOf(folder, "2")).toBe("old")
    const status = JSON.parse((await intelgraph({ folder }, "status", "--json")).out)
    expect(status.sources).toMatchObject([
      { counters: { read: 5, accepted: 3, deadLettered: 2, duplicates: 0 } },
    ])
    const ingest = ["ingest", "--mapping", "people.yaml", "people.csv", "--json"]
    const again = JSON.parse((await intelgraph({ folder }, ...ingest)).out)
    expect(again.connectors).toMatchObject([{ read: 3, accepted: 1, duplicates: 2 }])
    const audit = (await intelgraph({ folder }, "audit", "--json")).out
    expect(audit).toContain("people: record 1 of run 1.1, failed-coercion")
  })

  it("leaves what fails again where it is, and ends with 1", async () => {
    const folder = await folderWithLetters()
    const before = await lettersIn(folder)
    const { code, report } = await redrive(folder, "--all")
    expect([code, report]).toMatchObject([
      1,
      { selected: 2, taken: 0, stayed: 2, letters: [{ reason: "failed-coercion" }, {}] },
    ])
    expect(await lettersIn(folder)).toEqual(before)
    const named = mappingOf("{path: $.age, as: number}").replace("$.id,", "$.ident,")
    writeFileSync(join(folder, "other.yaml"), named.replace("record: {key: $.id}\n", ""))
    const recipe = ["--format", "csv", "--mapping", "other.yaml"]
    expect((await redrive(folder, "--source", "people", ...recipe)).code).toBe(1)
    const after = await lettersIn(folder)
    expect(after.map(({ reason }) => reason)).toEqual(["missing-key", "missing-key"])
    expect(after.map(({ id, file, offset }) => ({ id, file, offset }))).toEqual(
      before.map(({ id, file, offset }) => ({ id, file, offset })),
    )
    expect(after[0]?.fingerprint).not.toBe(before[0]?.fingerprint)
  })

  it("sends an edited record in place of one letter, from a file or an editor", async () => {
    const folder = await folderWithLetters()
    const [bob, cy] = await lettersIn(folder)
    writeFileSync(join(folder, "bob.csv"), "2,Bob,ninety\n")
    const wrong = await redrive(folder, "--id", bob?.id ?? "", "--edit", "bob.csv")
    expect(wrong).toMatchObject({ code: 1, report: { letters: [{ reason: "failed-coercion" }] } })
    writeFileSync(join(folder, "bob.csv"), "2,Bob,90\n")
    expect((await redrive(folder, "--id", bob?.id ?? "", "--edit", "bob.csv")).code).toBe(0)
    expect(await ageOf(folder, "2")).toBe(90)
    writeFileSync(join(folder, "editor.sh"), '#!/bin/sh\nsed -i s/young/7/ "$1"\n')
    chmodSync(join(folder, "editor.sh"), 0o755)
    const env = { EDITOR: join(folder, "editor.sh") }
    const words = ["dlq", "redrive", "--fingerprint", cy?.fingerprint.slice(0, 8) ?? "", "--editor"]
    const refused = await intelgraph({ folder, env }, ...words)
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining("--id names")])
    const edited = await intelgraph({ folder, env }, ...words, "--id", cy?.id ?? "")
    expect([edited.code, edited.out]).toEqual([0, expect.stringContaining("1 are taken and gone")])
    expect(await ageOf(folder, "3")).toBe(7)
    expect(await lettersIn(folder)).toEqual([])
  })

  it("goes through a node that runs, by fingerprint, and leaves the others", async () => {
    const folder = await folderWithLetters()
    mend(folder)
    const node = start({ folder }, "start", "--port", "0")
    await node.says(/GraphQL/)
    const [bob, cy] = await lettersIn(folder)
    const words = ["--fingerprint", bob?.fingerprint.slice(0, 12) ?? ""]
    expect(await redrive(folder, ...words)).toMatchObject({ code: 0, report: { taken: 1 } })
    const status = JSON.parse((await intelgraph({ folder }, "status", "--json")).out)
    expect(status.sources).toMatchObject([{ counters: { read: 7, accepted: 4, duplicates: 1 } }])
    expect((await lettersIn(folder)).some(({ id }) => id === bob?.id)).toBe(false)
    expect((await lettersIn(folder)).some(({ id }) => id === cy?.id)).toBe(true)
    const dropped = await intelgraph({ folder }, "dlq", "drop", "--id", cy?.id ?? "", "--json")
    expect(JSON.parse(dropped.out)).toEqual({ dryRun: false, selected: 1, dropped: 1 })
    expect((await redrive(folder, "--id", cy?.id ?? "")).err).toContain("There is no dead letter")
  })

  it.each([
    [[], "--all"],
    [["--all", "--source", "people"], "leave the other names out"],
    [["--reason", "bad-luck"], "bad-luck"],
    [["--fingerprint", "xyz"], "0-9a-f"],
    [["--all", "--format", "csv"], "one --source"],
    [["--source", "people", "--mapping", "people.yaml"], "--format is one of"],
  ])("refuses to guess which letters %j means, or how they are read", async (words, message) => {
    const command = readCommand(["dlq", "redrive", ...words])
    if (command.kind !== "run") throw new Error("It is a command.")
    const folder = temporaryFolder()
    const settings = await run(loadSettings(command.given, { env: {}, folder }))
    const refused = await run(Effect.flip(plainLetters(command.given, settings, { folder })))
    expect(refused).toMatchObject({ _tag: "Invalid", message: expect.stringContaining(message) })
  })

  it("names what it does not find, and leaves all as it is", async () => {
    const folder = await folderWithLetters()
    expect((await redrive(folder, "--all", "--edit", "nothing.csv")).code).toBe(2)
    expect((await redrive(folder, "--id", "nobody")).code).toBe(1)
    appendFileSync(join(folder, "people.yaml"), "nonsense: 1\n")
    const recipe = ["--source", "people", "--format", "csv", "--mapping", "people.yaml"]
    expect((await redrive(folder, ...recipe)).err).toContain("people.yaml")
    expect(await lettersIn(folder)).toHaveLength(2)
  })
})

describe("intelgraph dlq drop", () => {
  it("forgets letters for good, and says beforehand how many", async () => {
    const folder = await folderWithLetters()
    const drop = (...words: readonly string[]) => intelgraph({ folder }, "dlq", "drop", ...words)
    expect((await drop("--reason", "failed-coercion", "--dry-run")).out).toContain("2 dead letters")
    expect(await lettersIn(folder)).toHaveLength(2)
    expect((await drop("--source", "nobody")).out).toContain("No dead letter is of that kind")
    expect((await drop("--all")).out).toContain("2 dead letters are dropped")
    expect(await lettersIn(folder)).toEqual([])
    const status = JSON.parse((await intelgraph({ folder }, "status", "--json")).out)
    expect(status.sources).toMatchObject([{ counters: { read: 3, deadLettered: 2 } }])
    const audit = (await intelgraph({ folder }, "audit", "--json")).out
    expect(audit).toContain('"action":"drop"')
  })
})
