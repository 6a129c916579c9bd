/** The kinds of server that a person can ask for, by the name that is asked for. */
import { natsProgram, startNats, startNatsCluster } from "./nats.ts"
import { neo4jProgram, startNeo4j } from "./neo4j.ts"
import type { Found } from "./on-path.ts"
import { postgresProgram, startPostgres } from "./postgres.ts"
import { redisProgram, startRedis } from "./redis.ts"
import type { Server } from "./server.ts"

interface Kind {
  /** The program, obtained where the machine does not have it. */
  readonly fetch: () => Promise<Found>
  readonly start: () => Promise<readonly Server[]>
}

export const kindNames = ["nats", "nats-cluster", "neo4j", "postgres", "redis"] as const
export type KindName = (typeof kindNames)[number]

export const isKindName = (name: string): name is KindName =>
  kindNames.some((known) => known === name)

export const kinds: Readonly<Record<KindName, Kind>> = {
  nats: { fetch: natsProgram, start: async () => [await startNats()] },
  "nats-cluster": { fetch: natsProgram, start: async () => (await startNatsCluster()).servers },
  neo4j: { fetch: neo4jProgram, start: async () => [await startNeo4j()] },
  postgres: { fetch: postgresProgram, start: async () => [await startPostgres()] },
  redis: { fetch: redisProgram, start: async () => [await startRedis()] },
}
