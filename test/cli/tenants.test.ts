import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it, vi } from "vitest"
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
