/** The launcher of real servers: each is killed, paused, started again, and leaves nothing. */
import { connect } from "@nats-io/transport-node"
import { Redis } from "ioredis"
import neo4j from "neo4j-driver"
import { Client } from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import {
  type NatsCluster,
  startNats,
  startNatsCluster,
  startNeo4j,
  startPostgres,
  startRedis,
} from "../servers/index.ts"
import { isAlive } from "../servers/process-tree.ts"
import type { Server } from "../servers/server.ts"

interface Kind {
  readonly name: string
  readonly start: () => Promise<Server>
  /** Asks the server something; rejects where it does not answer in two seconds. */
  readonly ask: (server: Server) => Promise<unknown>
}

const askMillisMax = 2_000

const kinds: readonly Kind[] = [
  { name: "nats", start: () => startNats(), ask: askNats },
  { name: "redis", start: () => startRedis(), ask: askRedis },
  { name: "postgres", start: () => startPostgres(), ask: askPostgres },
  { name: "neo4j", start: () => startNeo4j(), ask: askNeo4j },
]

describe.each(kinds)("the $name server", ({ start, ask }) => {
  let server: Server
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server?.stop())

  it("answers on a loopback port, as the process that it names", async () => {
    expect(new URL(server.url).hostname).toBe("127.0.0.1")
    expect(server.version).toMatch(/^\d+\.\d+/)
    expect(isAlive(server.pid)).toBe(true)
    await ask(server)
  })

  it("answers nothing while it is paused, and goes on", async () => {
    server.pause()
    await expect(ask(server)).rejects.toThrow()
    server.resume()
    await ask(server)
  })

  it("is gone when it is killed, and comes back on its port as another process", async () => {
    const { pid, url } = server
    server.kill()
    await expect.poll(() => isAlive(pid)).toBe(false)
    await expect(ask(server)).rejects.toThrow()
    await server.start()
    expect(server.url).toBe(url)
    expect(server.pid).not.toBe(pid)
    await ask(server)
  })

  it("ends in order, and starts again", async () => {
    const { pid } = server
    await server.stop()
    expect(isAlive(pid)).toBe(false)
    await server.start()
    await ask(server)
  })
})

describe("the cluster of NATS servers", () => {
  let cluster: NatsCluster
  beforeAll(async () => {
    cluster = await startNatsCluster()
  })
  afterAll(() => cluster?.stop())

  it("is three processes that answer", async () => {
    expect(new Set(cluster.servers.map(({ pid }) => pid)).size).toBe(3)
    for (const server of cluster.servers) await askNats(server)
  })

  it("takes back a server that was killed", async () => {
    const [first] = cluster.servers
    first?.kill()
    await first?.start()
    if (first !== undefined) await askNats(first)
  })
})

async function askNats({ url }: Server): Promise<void> {
  const connection = await connect({
    servers: url,
    timeout: askMillisMax,
    reconnect: false,
    ignoreClusterUpdates: true,
  })
  await connection.close()
}

async function askRedis({ url }: Server): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: askMillisMax,
    commandTimeout: askMillisMax,
    retryStrategy: () => null,
  })
  client.on("error", () => {})
  try {
    await client.connect()
    await client.ping()
  } finally {
    client.disconnect()
  }
}

async function askPostgres({ url }: Server): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: askMillisMax })
  client.on("error", () => {})
  await client.connect()
  await client.query("SELECT 1")
  await client.end()
}

async function askNeo4j({ url, user = "", password = "" }: Server): Promise<void> {
  const driver = neo4j.driver(url, neo4j.auth.basic(user, password), {
    connectionTimeout: askMillisMax,
    connectionAcquisitionTimeout: askMillisMax,
  })
  try {
    await driver.verifyAuthentication()
  } finally {
    await driver.close()
  }
}
