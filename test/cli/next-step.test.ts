/** A person who errs is told what is wrong and what to do, before anything is made. */
import { existsSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { errorOfAll } from "../../cli/source-files.ts"
import { namesTold } from "../../cli/tenants.ts"
import { SourceUnreadable } from "../../protocols/errors.ts"
import { namesToldMax } from "../../protocols/limits.ts"
import { intelgraph } from "../support/command.ts"
import { temporaryFolder } from "../support/scoped.ts"

function folderWith(files: { readonly [name: string]: string | Uint8Array }): string {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

describe("files that cannot be read", () => {
  it("are all told in one error, and no data directory is made for them", async () => {
    const folder = folderWith({ "empty.csv": "" })
    const ended = await intelgraph({ folder }, "ingest", "peple.csv", "empty.csv")
    expect([ended.code, ended.out]).toEqual([1, ""])
    expect(ended.err).toMatch(/^intelgraph: .*peple\.csv: There is no such file\..*empty\.csv: It /)
    expect(ended.err.trim().split("\n")).toHaveLength(1)
    expect(existsSync(join(folder, "intelgraph-data"))).toBe(false)
  })

  it("are all told beside those that were read", async () => {
    const folder = folderWith({ "a.csv": "id\n1\n" })
    const ended = await intelgraph({ folder }, "ingest", "b.csv", "a.csv", "c.csv", "--json")
    expect([ended.code, JSON.parse(ended.out).totals.accepted]).toEqual([1, 1])
    expect(ended.err).toMatch(/^intelgraph: .*b\.csv: There is no .*c\.csv: There is no /m)
  })

  it("are told up to a bound, and the rest is counted", () => {
    const errors = Array.from({ length: namesToldMax + 3 }, (_, n) => {
      return new SourceUnreadable({ file: `f${n}`, offset: 0, message: `Cannot read f${n}.` })
    })
    const message = errorOfAll(errors)?.message ?? ""
    expect(message.match(/Cannot read/g)).toHaveLength(namesToldMax)
    expect(message).toMatch(/Nor can 3 more be read\.$/)
    expect(namesTold(errors.map(({ file }) => file))).toMatch(/, f19 and 3 more$/)
  })
})

describe("a tenant that is not here", () => {
  it("is told with those that are, by status, query and dlq ls", async () => {
    const folder = folderWith({ "a.csv": "id\n1\n" })
    const nothing = await intelgraph({ folder }, "ingest", "a.csv", "--tenant", "mine")
    expect(nothing.code).toBe(0)
    const sentence = "There is no tenant nope here; there is: mine."
    const verbs = [
      ["status"],
      ["status", "--json"],
      ["query", "{ stats { entities } }"],
      ["dlq", "ls"],
    ]
    const told = verbs.map(async (words) => {
      const ended = await intelgraph({ folder }, ...words, "--tenant", "nope")
      expect([words, ended.code, ended.err]).toEqual([words, 0, `intelgraph: ${sentence}\n`])
    })
    await Promise.all(told)
    const known = await intelgraph(
      { folder },
      "query",
      "{ stats { entities } }",
      "--tenant",
      "mine",
    )
    expect([known.code, known.err]).toEqual([0, ""])
  })

  it("does not hide the others from a status that names none", async () => {
    const folder = folderWith({ "a.csv": "id\n1\n" })
    for (const tenant of ["demo", "mine"]) {
      await intelgraph({ folder }, "ingest", "a.csv", "--tenant", tenant)
    }
    expect((await intelgraph({ folder }, "status")).err).toMatch(/Other tenants.*: mine\.$/m)
    expect((await intelgraph({ folder }, "status", "--tenant", "demo")).err).toBe("")
  })
})

describe("one sentence with the next step", () => {
  it.each<readonly [string, number, RegExp, readonly string[]]>([
    [
      "a reason that no record has",
      2,
      /"foo"; it is one of .*failed-/,
      ["dlq", "ls", "--reason", "foo"],
    ],
    [
      "a mapping that is not there",
      2,
      /no mapping \S+x\.yaml\. .*infer/,
      ["ingest", "--mapping", "x.yaml", "a.csv"],
    ],
    [
      "a mapping that is a folder",
      2,
      /cannot be read: it is a folder\./,
      ["ingest", "--mapping", ".", "a.csv"],
    ],
    [
      "a key that nobody knows",
      2,
      /\/odd\.yaml: There is no key tenats here\. \(.*line 2, column 1\)/,
      ["config", "check", "odd.yaml"],
    ],
  ])("tells of %s", async (_, code, pattern, words) => {
    const folder = folderWith({ "a.csv": "id\n1\n", "odd.yaml": "version: 1\ntenats: {}\n" })
    const ended = await intelgraph({ folder }, ...words)
    expect([ended.code, ended.err]).toEqual([code, expect.stringMatching(pattern)])
    expect(ended.err).not.toMatch(/ENOENT|EISDIR|\n\s+at /)
  })

  it("tells of a port that is taken how to take another, and nothing else", async () => {
    const other = createServer().listen(0, "127.0.0.1")
    await new Promise((resolve) => other.once("listening", resolve))
    const { port } = other.address() as AddressInfo
    const folder = folderWith({ "intelgraph.yaml": "version: 1\n" })
    const ended = await intelgraph({ folder }, "start", "--port", `${port}`)
    other.close()
    expect([ended.code, ended.err]).toEqual([1, expect.stringMatching(/is in use.* --port; 0 /)])
    expect(ended.err).not.toMatch(/Try again|doctor/)
  })
})

describe("a STIX bundle whose name says JSON", () => {
  const bundle = '{ "id": "bundle--1", "type": "bundle", "objects": [{"type": "identity"}] }'
  it.each(["b.json", "b.json.gz"])("is named with the format to read it by: %s", async (name) => {
    const folder = folderWith({ [name]: name.endsWith("gz") ? gzipSync(bundle) : bundle })
    const ended = await intelgraph({ folder }, "ingest", name)
    expect(ended.err).toMatch(/looks like a STIX bundle; read it with --format stix\./)
    expect(ended.err).not.toContain("mapping infer")
    const inferred = await intelgraph({ folder }, "mapping", "infer", name)
    expect(inferred.err).toContain("--format stix")
  })

  it("is not seen in a document that only holds the word", async () => {
    const folder = folderWith({ "a.json": '{"of": {"type": "bundle"}, "id": 1}' })
    const ended = await intelgraph({ folder }, "ingest", "a.json")
    expect([ended.code, ended.err]).toEqual([0, expect.not.stringContaining("STIX")])
  })
})
