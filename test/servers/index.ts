/**
 * Real servers for tests: each on a free loopback port with its own folder, ended with the process
 * that started it. `npm run servers` starts the same ones for a person.
 */
export { type NatsCluster, type NatsOptions, startNats, startNatsCluster } from "./nats.ts"
export type { Server } from "./server.ts"
