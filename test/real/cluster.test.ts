/** Nodes as processes that share one log and one graph, and come, die, hang and go. */
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { shardCount } from "../../protocols/limits.ts"
import { intelgraph, start } from "../support/command.ts"
import { sharedFolder, sharedServers } from "../support/shared-servers.ts"

const folder = sharedFolder()
const servers = sharedServers("nats", "postgres")

/** Each shard's line, and nothing that could be read in two ways. */
const everyShard = new RegExp(`(?:(?:(?!"shard opened")[^])*"shard opened"){${shardCount}}`)

/** Where a node works, and how it is asked. */
function cluster() {
  const env = { ...servers.env("nats", "postgres"), INTELGRAPH_LOG_LEVEL: "info" }
  const where = { folder, env }
  const dataDir = (name: string) => ["--data-dir", join(folder, name)]
  return {
    serve: (name: string) => {
      const served = start(where, "start", "--port", "0", "--node", name, ...dataDir(name))
      const opened = () => served.says(/"shard opened"/)
      return { ...served, opened }
    },
    drain: (name: string) => intelgraph(where, "node", "drain", name, ...dataDir(name)),
    hashBy: async (name: string) => {
      const words = ["status", "--graph-hash", "--json", ...dataDir(name)]
      const { graphHash, broken } = JSON.parse((await intelgraph(where, ...words)).out)
      return { graphHash, broken }
    },
  }
}

/** What a node says of itself alone. */
async function alone(): Promise<string> {
  const dataDir = ["--data-dir", join(folder, "alone")]
  const { code } = await intelgraph({ folder }, "start", "--once", ...dataDir)
  expect(code).toBe(0)
  const { out } = await intelgraph({ folder }, "status", "--graph-hash", "--json", ...dataDir)
  return JSON.parse(out).graphHash
}

describe("a cluster", () => {
  it("ends with the graph of one node, although nodes are killed and paused, and go", async () => {
    const { serve, hashBy } = cluster()
    const [a, b, c] = [serve("a"), serve("b"), serve("c")]
    for (const node of [a, b, c]) await node.opened()
    b.child.kill("SIGKILL")
    await a.says(/"shard opened".*"shard opened"/s)
    c.child.kill("SIGSTOP")
    // Whatever c had is a's when every source is read to its end by a or was before.
    await a.says(/Ctrl-C ends the node/)
    c.child.kill("SIGCONT")
    await c.says(/Ctrl-C ends the node/)
    const expected = await alone()
    expect(await hashBy("a")).toEqual({ graphHash: expected, broken: [] })
    expect(await hashBy("c")).toEqual({ graphHash: expected, broken: [] })
    c.child.kill("SIGINT")
    expect(await c.ended).toMatchObject({ code: 0 })
    a.child.kill("SIGINT")
    expect(await a.ended).toMatchObject({ code: 0 })
  }, 300_000)

  it("goes over to a node that joins from one that drains, which ends", async () => {
    const { serve, hashBy, drain } = cluster()
    const first = serve("a")
    // Every source is read already: it serves before it has its shards.
    await first.says(everyShard)
    const second = serve("d")
    await second.opened()
    await first.says(/"shard closed"/)
    expect(await drain("a")).toMatchObject({ code: 0 })
    const { code, err } = await first.ended
    expect([code, err]).toEqual([0, expect.stringMatching(/Drained/)])
    await second.says(/Ctrl-C ends the node/)
    expect((await hashBy("d")).broken).toEqual([])
    second.child.kill("SIGTERM")
    await second.ended
  }, 300_000)
})
