/** Schedules of nodes that are processes on real servers, one killed and one paused. */
import { renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, vi } from "vitest"
import { intelgraph, start } from "../support/command.ts"
import { sharedFolder, sharedServers } from "../support/shared-servers.ts"

const folder = sharedFolder()
const servers = sharedServers("nats", "postgres")

const names = ["one", "two", "three"]

/** Each source has so many things from now on. */
function write(things: number): void {
  for (const name of names) {
    const ids = Array.from({ length: things }, (_, n) => ({ id: `${name} ${n}`, of: things }))
    writeFileSync(join(folder, "new"), ids.map((line) => `${JSON.stringify(line)}\n`).join(""))
    renameSync(join(folder, "new"), join(folder, `${name}.ndjson`))
  }
}

function configure(): void {
  const entity = "{type: thing, key: $.id, properties: {of: $.of}}"
  const mapping = `version: 1\nrecord: {key: $.id}\nentities:\n  - ${entity}\n`
  writeFileSync(join(folder, "map.yaml"), mapping)
  const sources = names.map(
    (name) => `{name: ${name}, format: ndjson, file: ${name}.ndjson, mapping: map.yaml, every: 1s}`,
  )
  const text = `version: 1\ntenants:\n  demo:\n    sources: [${sources.join(", ")}]\n`
  writeFileSync(join(folder, "intelgraph.yaml"), text)
  write(1)
}

function serve(name: string) {
  const env = { ...servers.env("nats", "postgres"), INTELGRAPH_LOG_LEVEL: "info" }
  const dataDir = ["--data-dir", join(folder, name)]
  const served = start({ folder, env }, "start", "--port", "0", "--node", name, ...dataDir)
  const status = async () => {
    const { out } = await intelgraph({ folder, env }, "status", "--json", ...dataDir)
    return JSON.parse(out)
  }
  let text = ""
  served.child.stderr.on("data", (more: string) => {
    text += more
  })
  /** What it has said so far, in whole lines. */
  const said = () => text.split("\n").slice(0, -1)
  return { ...served, status, said }
}

type Served = ReturnType<typeof serve>

/** What this node has read again: the source and the time at which that was due. */
const readBy = ({ said }: Served): readonly string[] =>
  said()
    .filter((line) => line.includes('"source read again"'))
    .map((line) => JSON.parse(line))
    .map(({ source, dueMillis }) => `${source} ${dueMillis}`)

const until = (hold: () => void | Promise<void>) =>
  vi.waitFor(hold, { timeout: 60_000, interval: 100 })

/** It has read every source since it had read so many. */
const readsAll = (node: Served, before = readBy(node).length) =>
  until(() => {
    const sources = readBy(node).slice(before)
    expect(new Set(sources.map((read) => read.split(" ")[0])).size).toBe(names.length)
  })

const has = (node: Served, things: number) =>
  until(async () => {
    const { counts, broken } = await node.status()
    expect([counts.entities, broken]).toEqual([things * names.length, []])
  })

describe("schedules of a cluster", () => {
  it("go on where a node is killed and where one is paused, each time once", async () => {
    configure()
    const a = serve("a")
    await readsAll(a)
    const b = serve("b")
    await b.says(/"shard opened"/)
    a.child.kill("SIGKILL")
    write(2)
    await readsAll(b)
    await has(b, 2)
    const c = serve("c")
    await c.says(/"shard opened"/)
    b.child.kill("SIGSTOP")
    const byB = readBy(b)
    write(3)
    await readsAll(c)
    await has(c, 3)
    b.child.kill("SIGCONT")
    await b.says(/"shard closed"/)
    const { schedules } = await c.status()
    expect(schedules.map(({ schedule }: { schedule: string }) => schedule)).toEqual(
      names.map(() => "every 1s"),
    )
    const all = [...readBy(a), ...byB, ...readBy(c)]
    // A reading that ended, and whose owner was gone before that was stored, is read once more.
    expect(all.length - new Set(all).size).toBeLessThanOrEqual(2)
  }, 240_000)
})
