import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, vi } from "vitest"
import { intelgraph, start } from "../support/command.ts"
import { temporaryFolder } from "../support/scoped.ts"

const recordsOf = (count: number) =>
  Array.from({ length: count }, (_, n) => `{"id":"${n}"}\n`).join("")

it("intelgraph start reads the files of a tenant while one of another goes on", async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "long.ndjson"), recordsOf(20_000))
  writeFileSync(join(folder, "short.ndjson"), recordsOf(10))
  const tenants = ["long", "short"].map(
    (name) => `  ${name}:\n    sources: [{name: all, format: ndjson, file: ${name}.ndjson}]\n`,
  )
  writeFileSync(
    join(folder, "intelgraph.yaml"),
    `version: 1\nlimits: {recordsPerSecondMax: 100}\ntenants:\n${tenants.join("")}`,
  )
  const node = start({ folder }, "start", "--port", "0")
  await node.says(/Look at it/)
  const readOf = async (tenant: string): Promise<number> => {
    const { out } = await intelgraph({ folder }, "status", "--tenant", tenant, "--json")
    return JSON.parse(out).sources[0]?.counters.read ?? 0
  }
  await vi.waitFor(async () => expect(await readOf("short")).toBe(10), { timeout: 60_000 })
  expect(await readOf("long")).toBeLessThan(20_000)
  node.child.kill("SIGINT")
  await node.ended
}, 90_000)

describe("intelgraph start, where a mapping is wrong", () => {
  /** Each tenant reads ten records by this mapping. */
  function configure(mappings: { readonly [tenant: string]: string }): string {
    const folder = temporaryFolder()
    writeFileSync(join(folder, "ten.ndjson"), recordsOf(10))
    writeFileSync(join(folder, "wrong.yaml"), "version: 1\nentitys: []\n")
    writeFileSync(join(folder, "right.yaml"), "version: 1\nentities: [{type: a, key: $.id}]\n")
    const tenants = Object.entries(mappings).map(([name, mapping]) => {
      const source = `{name: all, format: ndjson, file: ten.ndjson, mapping: ${mapping}.yaml}`
      return `  ${name}:\n    sources: [${source}]\n`
    })
    writeFileSync(join(folder, "intelgraph.yaml"), `version: 1\ntenants:\n${tenants.join("")}`)
    return folder
  }

  it("says of which tenant, where and why, and reads what the others have", async () => {
    const folder = configure({ first: "wrong", second: "right", third: "gone" })
    const { code, out, err } = await intelgraph({ folder }, "start", "--once", "--json")
    expect([code, JSON.parse(out).totals.accepted]).toEqual([2, 10])
    expect(err).toMatch(/The sources of first cannot be read: \S*wrong\.yaml: .*entitys.*line 2/)
    expect(err).toMatch(/The sources of third cannot be read: .*gone\.yaml/)
    expect(err).not.toMatch(/of second cannot/)
  })

  it("says what is wrong with each where none is right", async () => {
    const folder = configure({ first: "wrong", third: "gone" })
    const { code, out, err } = await intelgraph({ folder }, "start", "--once")
    expect([code, out]).toEqual([2, ""])
    expect(err).toMatch(/The sources of first cannot be read: \S*wrong\.yaml/)
    expect(err).toMatch(/The sources of third cannot be read: .*gone\.yaml/)
  })

  it("ends before it makes anything where no tenant is left", async () => {
    const folder = configure({ only: "wrong" })
    const { code, out, err } = await intelgraph({ folder }, "start", "--data-dir", "data")
    expect([code, out]).toEqual([2, ""])
    expect(err).toMatch(/^intelgraph: \S*wrong\.yaml: .*line 2.*\n$/)
    expect(existsSync(join(folder, "data"))).toBe(false)
  })
})
