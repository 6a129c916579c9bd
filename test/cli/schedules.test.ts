import { renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, vi } from "vitest"
import { begin, command } from "../support/in-process.ts"
import { temporaryFolder } from "../support/scoped.ts"

const mapping = `version: 1
record: {key: $.id}
entities: [{type: person, key: $.id, name: $.name}]
`

/** A folder with the source `people`, which has these times. */
function folderWith(times: string): string {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "people.yaml"), mapping)
  writeFileSync(join(folder, "people.csv"), "id,name\n1,Ada\n2,Bob\n")
  const people = `{name: people, format: csv, file: people.csv, mapping: people.yaml, ${times}}`
  const log = "telemetry: {level: info}"
  const text = `version: 1\ngateway: {port: 0}\n${log}\ntenants: {demo: {sources: [${people}]}}\n`
  writeFileSync(join(folder, "intelgraph.yaml"), text)
  return folder
}

const statusOf = async (folder: string) =>
  JSON.parse((await command(folder, "status", "--json")).out)

describe("sources with a schedule", () => {
  it("are read again while the node runs, and status says when", async () => {
    const folder = folderWith("every: 1s")
    const node = begin(folder, "start")
    await vi.waitFor(() => expect(node.err()).toMatch(/Schedules: 1;.*Ctrl-C ends/s), 20_000)
    writeFileSync(join(folder, "new"), "id,name\n1,Ada\n2,Bob\n3,Cy\n")
    renameSync(join(folder, "new"), join(folder, "people.csv"))
    await vi.waitFor(async () => expect((await statusOf(folder)).counts.entities).toBe(3), {
      timeout: 20_000,
      interval: 100,
    })
    const { schedules } = await statusOf(folder)
    expect(schedules).toMatchObject([{ source: "people", schedule: "every 1s" }])
    expect((await command(folder, "status")).out).toMatch(/people +every 1s +(now|20\d\d-)/)
    // What it logs goes the way of all that it tells.
    await vi.waitFor(() => expect(node.err()).toMatch(/^\{.*"source read again".*\}$/m), 20_000)
    node.interrupt()
    expect((await node.ended).code).toBe(0)
    expect(node.err()).not.toContain("\n\n")
    expect((await statusOf(folder)).schedules).toEqual([])
  }, 60_000)

  it("are read once by start --once, which says so", async () => {
    const folder = folderWith("cron: '0 3 * * *', timeZone: Europe/Berlin")
    const ended = await command(folder, "start", "--once")
    expect([ended.code, ended.err]).toEqual([0, expect.stringContaining("ignores the schedules")])
  })

  it("are shown by config check", async () => {
    const folder = folderWith("cron: '0 3 * * *', timeZone: Europe/Berlin")
    const { out } = await command(folder, "config", "check")
    expect(out).toContain("cron 0 3 * * * Europe/Berlin")
  })
})
