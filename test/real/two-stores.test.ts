/** One graph in Neo4j and in Postgres, while each of them is killed, and the node as well. */
import { join } from "node:path"
import pg from "pg"
import { expect, it } from "vitest"
import { withUser } from "../servers/index.ts"
import { intelgraph, start } from "../support/command.ts"
import { temporaryFolder } from "../support/scoped.ts"
import { sharedServers } from "../support/shared-servers.ts"

const servers = sharedServers("neo4j", "postgres")

/** Blocks that Postgres has, of all partitions; none while it cannot be asked. */
async function blocksInTables(): Promise<number> {
  const client = new pg.Client({ connectionString: withUser(servers.server("postgres")) })
  client.on("error", () => {})
  try {
    await client.connect()
    const sum = "SELECT coalesce(sum(sequence), 0) AS sum FROM intelgraph.cursor"
    const { rows } = await client.query<{ sum: string }>(sum)
    return Number(rows[0]?.sum)
  } catch {
    return 0
  } finally {
    await client.end().catch(() => {})
  }
}

const untilBlocks = (least: number) =>
  expect.poll(blocksInTables, { timeout: 100_000, interval: 50 }).toBeGreaterThanOrEqual(least)

it("has all of it once in both, whoever was killed meanwhile", async () => {
  const folder = temporaryFolder()
  const dataDir = ["--data-dir", join(folder, "data")]
  const run = ["start", "--once", "--json", ...dataDir]
  const env = servers.env("neo4j", "postgres")
  const killed = start({ folder, env }, ...run)
  for (const [least, kind] of [
    [2, "neo4j"],
    [8, "postgres"],
  ] as const) {
    await untilBlocks(least)
    const server = servers.server(kind)
    server.kill()
    await server.start()
  }
  await untilBlocks(14)
  killed.child.kill("SIGKILL")
  const { code, err } = await killed.ended
  expect(code, err).toBeNull()

  const whole = await intelgraph({ folder, env }, ...run)
  expect([whole.code, whole.code === 0 ? "" : whole.err]).toEqual([0, ""])
  const embedded = ["--data-dir", join(folder, "embedded")]
  await intelgraph({ folder }, "start", "--once", ...embedded)
  const statusOf = async (where: readonly string[], asked: { readonly [name: string]: string }) => {
    const words = ["status", "--graph-hash", "--json", ...where]
    const { out } = await intelgraph({ folder, env: asked }, ...words)
    const { graphHash, counts, sources, broken } = JSON.parse(out)
    const counters = sources.map(({ source, counters: counted }: Counted) => {
      return { source, ...counted, replayed: 0 }
    })
    return { graphHash, counts, counters, broken }
  }
  const expected = await statusOf(embedded, {})
  expect(expected.broken).toEqual([])
  const { INTELGRAPH_NEO4J, INTELGRAPH_POSTGRES } = env
  expect(await statusOf(dataDir, { INTELGRAPH_NEO4J })).toEqual(expected)
  expect(await statusOf(dataDir, { INTELGRAPH_POSTGRES })).toEqual(expected)
}, 300_000)

interface Counted {
  readonly source: string
  readonly counters: object
}
