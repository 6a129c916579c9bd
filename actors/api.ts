/** What a node offers to the command line, the edge and the simulator (`node.ts` makes one). */
import type * as Effect from "effect/Effect"
import type { SourceCounters } from "../protocols/counters.ts"
import type { IntelGraphError } from "../protocols/errors.ts"
import type { Run } from "../protocols/event.ts"
import type { ActorView, RunningPlacement } from "../runtime/index.ts"
import type { SchedulesShape } from "./schedules/open.ts"
import type { SourceSpec } from "./source.ts"
import type { WritesShape } from "./writes.ts"

export interface IngestRequest extends SourceSpec {
  /** `always` begins a new run of finished content (`ingest`); `once` skips it (`start`). */
  readonly again: "always" | "once"
  /** Share of dead letters that fails the run. */
  readonly maxBadShare: number
  /** Offered records per second at most; the connector shapes its own rate. */
  readonly ratePerSecondMax?: number
  readonly watch?: RunWatch
}

/** Who follows one run, however often its connector starts anew. */
export interface RunWatch {
  /**
   * Asked where the source is and before anything of it is recorded: whether there is nothing to
   * read any more, as another node has read it. The run is skipped then.
   */
  readonly isOver?: Effect.Effect<boolean, IntelGraphError>
  /** `run` is missing until its record is written. */
  readonly seen: (progress: ConnectorProgress, run: Run | undefined) => void
  /**
   * Run to its end before the run's end is recorded, unless the run was interrupted: what it keeps
   * is there before another run of the source can begin. After a crash in between it is run again.
   */
  readonly settle: (
    report: IngestReport,
    run: Run | undefined,
  ) => Effect.Effect<void, IntelGraphError>
}

export type ConnectorPhase =
  | "waiting"
  | "hashing"
  | "reading"
  | "draining"
  | "done"
  | "skipped"
  | "failed"
  | "interrupted"

/** A connector as it is now. Counters are of this run and committed, never ahead of the store. */
export interface ConnectorProgress {
  readonly tenant: string
  readonly source: string
  readonly file: string
  readonly phase: ConnectorPhase
  readonly counters: SourceCounters
  readonly fileBytes: number
  readonly fileBytesRead: number
  /** Records cut and handed to partitions so far, committed or not. */
  readonly offered: number
  /** Blocks that a partition's mailbox refused (and that were offered again). */
  readonly refusedBlocks: number
  /** Blocks waiting in the partitions' mailboxes of this tenant. */
  readonly mailboxDepth: number
  readonly seconds: number
  readonly preStorageP95Millis: number
  readonly error: IntelGraphError | undefined
}

export interface IngestReport extends ConnectorProgress {
  /** `interrupted`: told to stop reading; the same content goes on from there at the next start. */
  readonly phase: "done" | "skipped" | "failed" | "interrupted"
}

export interface IntelNode {
  /** Runs one connector to its end: every record of the file committed, refused or set aside. */
  readonly ingest: (request: IngestRequest) => Effect.Effect<IngestReport>
  /** Writes over the edge; missing where the node has nowhere to keep their bytes. */
  readonly writes?: WritesShape | undefined
  /** Sources that are read again. */
  readonly schedules?: SchedulesShape | undefined
  readonly progress: () => readonly ConnectorProgress[]
  /** The tree, of one tenant or, for the node's operator, whole. */
  readonly actors: (tenant?: string) => ActorView
  /** Its part in a cluster; missing where it is alone. */
  readonly placement?: RunningPlacement | undefined
  /** Stops reading and lets what was admitted finish, for at most `millis`; `true` if all did. */
  readonly drain: (millis: number) => Effect.Effect<boolean>
  /** Completes with the reason when the node cannot go on (fenced, damaged log, full disk). */
  readonly failed: Effect.Effect<IntelGraphError>
  /** An equation of contracts §4 that does not hold now, as a sentence; empty where all hold. */
  readonly brokenEquations: () => readonly string[]
}

/**
 * Neither a write, nor records that are given, nor a retraction is the source's file: what `start`
 * may skip stays known.
 */
export const isWrite = ({ write, given, format }: IngestRequest): boolean =>
  write !== undefined || given !== undefined || format === "retract"
