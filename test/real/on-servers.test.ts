/** The main job, with its log and its graph on servers, against the embedded default. */
import { join } from "node:path"
import { Redis } from "ioredis"
import pg from "pg"
import { describe, expect, it, onTestFinished } from "vitest"
import { startNats, startNeo4j, startPostgres, startRedis, withUser } from "../servers/index.ts"
import { intelgraph } from "../support/command.ts"
import { sharedFolder, sharedServers } from "../support/shared-servers.ts"

const folder = sharedFolder()
const servers = sharedServers("nats", "postgres", "neo4j")

interface Job {
  readonly hash: string
  readonly answer: readonly unknown[]
  readonly accepted: number
}

/** Reads what is shipped, and looks at what has become of it. */
async function mainJob(name: string, env: { readonly [name: string]: string }): Promise<Job> {
  const where = { folder, env }
  const dataDir = ["--data-dir", join(folder, name)]
  const { out, err, code } = await intelgraph(where, "start", "--once", "--json", ...dataDir)
  expect([code, code === 0 ? "" : err]).toEqual([0, ""])
  const { answer, totals } = JSON.parse(out)
  const status = await intelgraph(where, "status", "--graph-hash", "--json", ...dataDir)
  const { graphHash, broken } = JSON.parse(status.out)
  expect(broken).toEqual([])
  return { hash: graphHash, answer: answer.rows, accepted: totals.accepted }
}

let embedded: Job | undefined
/** What all others are held against; done once. */
async function onOwnFiles(): Promise<Job> {
  embedded ??= await mainJob("embedded", {})
  expect(embedded).toMatchObject({ accepted: 29_453, answer: { length: 10 } })
  return embedded
}

/** Of the tenant, described by a source: what whoever asks Postgres by SQL finds. */
async function entitiesBySql(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ count: string }>(
      `SELECT count(*) FROM intelgraph.node n JOIN intelgraph.tenant t ON t.id = n.tenant
       WHERE t.name = 'demo' AND n.asserted > 0`,
    )
    return Number(rows[0]?.count)
  } finally {
    await client.end()
  }
}

async function keysIn(url: string): Promise<readonly string[]> {
  const client = new Redis(url)
  try {
    return await client.keys("*")
  } finally {
    client.disconnect()
  }
}

/** Servers of this test alone, by the variables that name them. */
async function allServers() {
  const started = {
    INTELGRAPH_NATS: await startNats(),
    INTELGRAPH_NEO4J: await startNeo4j(),
    INTELGRAPH_POSTGRES: await startPostgres(),
    INTELGRAPH_REDIS: await startRedis(),
  }
  onTestFinished(async () => {
    for (const server of Object.values(started)) await server.stop()
  })
  const urls = Object.entries(started).map(([name, server]) => [name, withUser(server)])
  return Object.fromEntries(urls) as { readonly [name in keyof typeof started]: string }
}

describe("the main job", () => {
  it("makes the same graph and gives the same answer on servers as on its own files", async () => {
    const embedded = await onOwnFiles()
    const log = servers.env("nats")
    const inPostgres = servers.env("nats", "postgres")
    expect(await mainJob("postgres", inPostgres)).toEqual(embedded)
    expect(await mainJob("neo4j", servers.env("neo4j"))).toEqual(embedded)
    const foreign = await intelgraph({ folder, env: log }, "start", "--once", "--data-dir", "other")
    expect([foreign.code, foreign.err]).toEqual([
      1,
      expect.stringMatching(/it is another graph than the log has fed, or an older copy/),
    ])
    const again = await intelgraph({ folder, env: inPostgres }, "start", "--once", "--json")
    expect([again.code, again.err]).toEqual([0, expect.stringMatching(/attack: skipped/)])
  }, 600_000)

  it("does so on NATS, Neo4j, Postgres and Redis together", async () => {
    const embedded = await onOwnFiles()
    const env = await allServers()
    expect(await mainJob("all", env)).toEqual(embedded)
    const dataDir = ["--data-dir", join(folder, "all")]
    const status = await intelgraph({ folder, env }, "status", "--graph-hash", "--json", ...dataDir)
    const { counts } = JSON.parse(status.out)
    expect(await entitiesBySql(env.INTELGRAPH_POSTGRES)).toBe(counts.entities)
    const alone = { INTELGRAPH_POSTGRES: env.INTELGRAPH_POSTGRES }
    const asked = { folder, env: alone }
    const inTables = await intelgraph(asked, "status", "--graph-hash", "--json", ...dataDir)
    expect(JSON.parse(inTables.out)).toEqual(JSON.parse(status.out))
    // The answer of the question is kept; what cannot be asked is done without.
    expect((await keysIn(env.INTELGRAPH_REDIS)).join()).toContain(":value:")
    const away = { ...env, INTELGRAPH_REDIS: "redis://:secret@127.0.0.1:1" }
    const again = await intelgraph({ folder, env: away }, "start", "--once", "--json", ...dataDir)
    expect([again.code, JSON.parse(again.out).answer.rows]).toEqual([0, embedded.answer])
    expect(again.err.match(/Redis does not answer/g)).toHaveLength(1)
    expect(again.err).not.toContain("secret")
  }, 600_000)
})
