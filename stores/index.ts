/** The stores' public face: the graph port with its adapters. */
export { type Neo4jOptions, openNeo4jGraph, openNeo4jView } from "./adapters/neo4j/lazy.ts"
export {
  openPostgresGraph,
  openPostgresView,
  type PostgresOptions,
} from "./adapters/postgres/lazy.ts"
export { type GraphInspection, inspectGraph } from "./adapters/sqlite/inspect.ts"
export {
  type OpenOptions,
  openGraphReads,
  openGraphStore,
  openGraphView,
} from "./adapters/sqlite/open.ts"
export { renewFeed } from "./adapters/sqlite/renew-feed.ts"
export { graphFormat, schemaSql, writerPragmas } from "./adapters/sqlite/schema.ts"
export { propertiesTextOf, propertyTextOf } from "./graph/entity-text.ts"
export * from "./graph/port.ts"
