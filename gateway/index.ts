/** The edge: GraphQL over HTTP for people and programs, health, readiness and metrics. */
export type { AccessControl } from "./access/control.ts"
export { checkedGrant } from "./access/grant.ts"
export { openAccessControl } from "./access/open.ts"
export type { TokenRecord } from "./access/records.ts"
export { viewAccess } from "./access/sqlite-store.ts"
export type { Sources } from "./context.ts"
export type { OnMasked } from "./errors.ts"
export { knownResumeKey, resumeKeyOf } from "./feed/resume-key.ts"
export { decodeResume, encodeResume, type ResumeScope } from "./feed/resume-token.ts"
export {
  executeQuery,
  type Gateway,
  type GatewayOptions,
  type QueryAnswer,
  type QueryRequest,
  startGateway,
} from "./lazy.ts"
