/** The edge: GraphQL over HTTP for people and programs, health, readiness and metrics. */
export type { Sources } from "./context.ts"
export type { OnMasked } from "./errors.ts"
export { executeQuery, type QueryAnswer, type QueryRequest } from "./execute.ts"
export { type Gateway, type GatewayOptions, startGateway } from "./start.ts"
