/** The edge: GraphQL over HTTP for people and programs, health, readiness and metrics. */
export type { Sources } from "./context.ts"
export type { OnMasked } from "./errors.ts"
export { executeQuery, type QueryAnswer, type QueryRequest } from "./execute.ts"
export { knownResumeKey, resumeKeyOf } from "./feed/resume-key.ts"
export { decodeResume, encodeResume, type ResumeScope } from "./feed/resume-token.ts"
export { type Gateway, type GatewayOptions, startGateway } from "./start.ts"
