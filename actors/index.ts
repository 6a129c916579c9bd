/** What the actors of IntelGraph do, and the node that is made of them. */
export { fileSource } from "./adapters/file-source.ts"
export { openSpool, type SpoolBounds } from "./adapters/file-spool.ts"
export { formatOfName, inferFileMapping } from "./adapters/infer-file.ts"
export type * from "./api.ts"
export type { Membership, ShardEvent } from "./cluster.ts"
export { checkRecipe } from "./cutting/layout.ts"
export { parseMapping, readMapping } from "./mapping/document.ts"
export { makeNode, type NodeOptions } from "./node.ts"
export type { WriteReceipt } from "./receipt.ts"
export { type DropReport, type DropRequest, dropLetters } from "./redrive/drop.ts"
export type { NamedRecipe } from "./redrive/recipe-of-source.ts"
export {
  type LetterParts,
  type LetterWatch,
  nothingRedriven,
  type RedriveReport,
  type RedriveRequest,
  redrive,
} from "./redrive/redrive.ts"
export type { LetterSelection } from "./redrive/selection.ts"
export type { SchedulesShape, ScheduleView } from "./schedules/open.ts"
export type { ScheduledReading, ScheduledSource } from "./schedules/schedule.ts"
export type * from "./source.ts"
export { SourceReader } from "./source.ts"
export type { Arriving, SpoolShape } from "./spool.ts"
export type { TenantSettings } from "./tenants.ts"
export type { Ports } from "./world.ts"
export type { WriteRequest, WritesShape } from "./writes.ts"
