/**
 * Real servers for tests: each on a free loopback port with its own folder, ended with the process
 * that started it. `npm run servers` starts the same ones for a person.
 */

export { clockOff } from "./clock.ts"
export { type Direction, Link } from "./links.ts"
export {
  type LinkedNatsCluster,
  type NatsCluster,
  type NatsOptions,
  type NatsServer,
  startLinkedNatsCluster,
  startNats,
  startNatsCluster,
  startOldNats,
} from "./nats.ts"
export { type Neo4jOptions, startNeo4j } from "./neo4j.ts"
export { type PostgresOptions, startPostgres } from "./postgres.ts"
export { type RedisOptions, startRedis } from "./redis.ts"
export type { Server } from "./server.ts"
export { withUser } from "./with-user.ts"
