/** What the actors of IntelGraph do, and the node that is made of them. */
export { fileSource } from "./adapters/file-source.ts"
export type * from "./api.ts"
export { parseMapping } from "./mapping/document.ts"
export { makeNode, type NodeOptions } from "./node.ts"
export type * from "./source.ts"
export { SourceReader } from "./source.ts"
export type { TenantSettings } from "./tenants.ts"
export type { Ports } from "./world.ts"
