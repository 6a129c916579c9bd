/** What is known of one connector from outside: where its tenant looks, and whoever follows it. */
import type { ConnectorProgress } from "./api.ts"

/** The newest progress of one connector; outlives its restarts. */
export class ConnectorBoard {
  progress: ConnectorProgress | undefined
  startedAtMillis: number | undefined
  refusedBlocks = 0
  /** Told to stop reading: an incarnation after a crash does not begin again. */
  interrupted = false
}
