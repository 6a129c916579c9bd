/** The report of an ingest that ended before it read anything. */
import { noSourceCounters } from "../protocols/counters.ts"
import type { IntelGraphError } from "../protocols/errors.ts"
import type { IngestReport, IngestRequest } from "./api.ts"

export const reportOfNothing = (
  request: IngestRequest,
  phase: IngestReport["phase"],
  error: IntelGraphError | undefined,
): IngestReport => ({
  tenant: request.tenant,
  source: request.source,
  file: request.file,
  phase,
  counters: noSourceCounters,
  fileBytes: 0,
  fileBytesRead: 0,
  offered: 0,
  refusedBlocks: 0,
  mailboxDepth: 0,
  seconds: 0,
  preStorageP95Millis: 0,
  error,
})
