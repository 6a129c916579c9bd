/** Asks a server, as a client that gives up in time, to keep a thing, and whether it has it. */
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Redis } from "ioredis"
import neo4j from "neo4j-driver"
import { Client } from "pg"

export interface Asked {
  readonly keep: () => Promise<void>
  readonly kept: () => Promise<boolean>
}

interface Asker {
  readonly url: string
  readonly user?: string | undefined
  readonly password?: string | undefined
}

const askMillisDefault = 3_000

/** A stream, on as many servers as there are addresses. */
export function askNats({ url }: Asker, millisMax = askMillisDefault): Asked {
  const servers = url.split(",")
  const ask = async <A>(use: (manager: JetStreamManager) => Promise<A>): Promise<A> => {
    const timeout = millisMax
    const ignoreClusterUpdates = servers.length === 1
    const connection = await connect({ servers, timeout, reconnect: false, ignoreClusterUpdates })
    try {
      return await use(await jetstreamManager(connection, { timeout }))
    } finally {
      await connection.close()
    }
  }
  return {
    keep: () =>
      ask(async (manager) => {
        const replicas = servers.length
        await manager.streams.add({ name: "THING", subjects: ["thing"], num_replicas: replicas })
      }),
    kept: () =>
      ask(async (manager) => (await manager.streams.info("THING")).config.name === "THING"),
  }
}

export function askRedis({ url }: Asker, millisMax = askMillisDefault): Asked {
  const ask = async <A>(use: (client: Redis) => Promise<A>): Promise<A> => {
    const client = new Redis(url, {
      lazyConnect: true,
      connectTimeout: millisMax,
      commandTimeout: millisMax,
      retryStrategy: () => null,
    })
    // What goes wrong rejects the call below.
    client.on("error", () => {})
    try {
      await client.connect()
      return await use(client)
    } finally {
      client.disconnect()
    }
  }
  return {
    keep: () => ask(async (client) => void (await client.set("thing", "here"))),
    kept: () => ask(async (client) => (await client.get("thing")) === "here"),
  }
}

export function askPostgres({ url }: Asker, millisMax = askMillisDefault): Asked {
  const ask = async (statement: string) => {
    const client = new Client({
      connectionString: url,
      connectionTimeoutMillis: millisMax,
      query_timeout: millisMax,
    })
    client.on("error", () => {})
    try {
      await client.connect()
      return await client.query(statement)
    } finally {
      await client.end()
    }
  }
  return {
    keep: async () => void (await ask("CREATE TABLE thing AS SELECT 1 AS here")),
    kept: async () => (await ask("SELECT here FROM thing")).rowCount === 1,
  }
}

export function askNeo4j(
  { url, user = "", password = "" }: Asker,
  millisMax = askMillisDefault,
): Asked {
  const ask = async (statement: string) => {
    const driver = neo4j.driver(url, neo4j.auth.basic(user, password), {
      connectionTimeout: millisMax,
      connectionAcquisitionTimeout: millisMax,
      maxTransactionRetryTime: millisMax,
    })
    try {
      return await driver.executeQuery(statement, {}, { database: "neo4j" })
    } finally {
      await driver.close()
    }
  }
  return {
    keep: async () => void (await ask("CREATE (:Thing)")),
    kept: async () => (await ask("MATCH (one:Thing) RETURN one")).records.length === 1,
  }
}
