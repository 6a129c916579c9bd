/** The stores' public face: the graph port and its embedded adapter. */
export { type GraphInspection, inspectGraph } from "./adapters/sqlite/inspect.ts"
export {
  type GraphStore,
  type GraphView,
  type OpenOptions,
  openGraphReads,
  openGraphStore,
  openGraphView,
} from "./adapters/sqlite/open.ts"
export { renewFeed } from "./adapters/sqlite/renew-feed.ts"
export { graphFormat, schemaSql, writerPragmas } from "./adapters/sqlite/schema.ts"
export { propertiesTextOf, propertyTextOf } from "./graph/entity-text.ts"
export * from "./graph/port.ts"
