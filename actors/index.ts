/** What the actors of IntelGraph do, and the node that is made of them. */
export type * from "./api.ts"
export { makeNode, type NodeOptions } from "./node.ts"
export type * from "./source.ts"
export { SourceReader } from "./source.ts"
export type { TenantSettings } from "./tenants.ts"
export type { Ports } from "./world.ts"
