/** The stores' public face: the graph port and the cache port with their adapters. */
export { type MemoryCacheOptions, memoryCache } from "./adapters/memory/cache.ts"
export { type Neo4jOptions, openNeo4jGraph, openNeo4jView } from "./adapters/neo4j/lazy.ts"
export {
  openPostgresGraph,
  openPostgresView,
  type PostgresOptions,
} from "./adapters/postgres/lazy.ts"
export { openRedisCache, type RedisCacheOptions } from "./adapters/redis/cache.ts"
export { type GraphInspection, inspectGraph } from "./adapters/sqlite/inspect.ts"
export {
  type OpenOptions,
  openGraphReads,
  openGraphStore,
  openGraphView,
} from "./adapters/sqlite/open.ts"
export { renewFeed } from "./adapters/sqlite/renew-feed.ts"
export { graphFormat, schemaSql, writerPragmas } from "./adapters/sqlite/schema.ts"
export { Cache, type CacheFigures, type CacheShape } from "./cache/port.ts"
export { withBeside } from "./graph/beside.ts"
export { propertiesTextOf, propertyTextOf } from "./graph/entity-text.ts"
export { withKept } from "./graph/kept-reads.ts"
export * from "./graph/port.ts"
