/**
 * A tenant: its sink, its partitions, and its connectors, one at a time per source.
 *
 * Supervises one-for-one. A restart of the tenant keeps what its actors remember and begins the
 * connectors that were running again; they go on from their positions.
 */
import { type Partition, shardOf } from "../protocols/address.ts"
import { InvariantBroken } from "../protocols/errors.ts"
import { connectorsMax } from "../protocols/limits.ts"
import type { ActorContext, ActorRef, ActorType, Behavior, StopReason } from "../runtime/index.ts"
import type { ConnectorProgress, IngestReport, IngestRequest } from "./api.ts"
import { ConnectorBoard, connectorType } from "./connector.ts"
import { graphSinkType, SinkMemory } from "./graph-sink.ts"
import type { ConnectorMessage, ShardMessage, SinkMessage, TenantMessage } from "./messages.ts"
import { PartitionMemory, partitionType } from "./partition.ts"
import { reportOfNothing } from "./report.ts"
import type { World } from "./world.ts"

export interface Job {
  readonly request: IngestRequest
  readonly report: (report: IngestReport) => void
  readonly board: ConnectorBoard
  reported: boolean
  connector: ActorRef<ConnectorMessage> | undefined
}

/** What outlives a restart of the tenant's actor. */
export class TenantMemory {
  readonly sink = new SinkMemory()
  readonly partitions = new Map<number, PartitionMemory>()
  /** Every ingest that has not ended, in the order in which it was asked for. */
  jobs: Job[] = []
  /** No connector is begun any more. */
  stopped = false
  /** The newest progress per source, ended ones included. */
  readonly boards = new Map<string, ConnectorBoard>()

  progress(): readonly ConnectorProgress[] {
    const boards = [...this.boards.values()]
    return boards.flatMap((board) => (board.progress === undefined ? [] : [board.progress]))
  }
}

export interface TenantArgument {
  readonly world: World
  readonly tenant: string
  readonly partitions: number
  readonly readerOf: (shard: number) => ActorRef<ShardMessage>
  readonly memory: TenantMemory
}

export const tenantType: ActorType<TenantMessage, TenantArgument> = {
  kind: "tenant",
  restart: "permanent",
  supervision: { strategy: "one-for-one" },
  start: (context, argument) => new TenantActor(context, argument),
}

class TenantActor implements Behavior<TenantMessage> {
  readonly #context: ActorContext<TenantMessage>
  readonly #argument: TenantArgument
  readonly #memory: TenantMemory

  constructor(context: ActorContext<TenantMessage>, argument: TenantArgument) {
    this.#context = context
    this.#argument = argument
    this.#memory = argument.memory
    const { world, memory } = argument
    const sink = context.spawn(graphSinkType, "graph", { world, memory: memory.sink })
    for (let n = 0; n < argument.partitions; n++) this.#spawnPartition(n, sink)
    // The end of a job that has reported may still be under way to here.
    memory.jobs = memory.jobs.filter((job) => !job.reported)
    for (const job of memory.jobs) job.connector = undefined
    this.#next()
  }

  receive(message: TenantMessage): void {
    switch (message.kind) {
      case "ingest":
        return this.#ingest(message.request, message.report)
      case "ended":
        // One that an earlier incarnation of the tenant began has another in its place by now.
        if (message.job.connector !== message.connector) return
        return this.#ended(message.job, message.reason)
      case "stop-reading":
        this.#memory.stopped = true
        for (const job of this.#memory.jobs)
          job.connector?.tell({ kind: "stop-reading" }, "control")
        return this.#next()
    }
  }

  #ingest(request: IngestRequest, report: (report: IngestReport) => void): void {
    const board = new ConnectorBoard()
    this.#memory.boards.set(request.source, board)
    const job: Job = {
      request,
      report: (answer) => {
        job.reported = true
        report(answer)
      },
      board,
      connector: undefined,
      reported: false,
    }
    this.#memory.jobs.push(job)
    this.#next()
  }

  /** Whoever asked for it is told in any case; one in quarantine makes room for the next. */
  #ended(job: Job, reason: StopReason): void {
    if (!job.reported) {
      const { source } = job.request
      const message = `The connector of source ${source} was ${reason}; see the log of the node.`
      const error = new InvariantBroken({ message })
      const { progress } = job.board
      job.report(
        progress === undefined
          ? reportOfNothing(job.request, "failed", error)
          : { ...progress, phase: "failed", error },
      )
      if (job.connector !== undefined) this.#context.stop(job.connector)
    }
    this.#memory.jobs = this.#memory.jobs.filter((other) => other !== job)
    this.#next()
  }

  #spawnPartition(n: number, sink: ActorRef<SinkMessage>): void {
    const { world, tenant, readerOf } = this.#argument
    const memory = this.#memory.partitions.get(n) ?? new PartitionMemory()
    this.#memory.partitions.set(n, memory)
    const partition: Partition = { tenant, partition: n }
    const shard = shardOf(tenant, n)
    const reader = readerOf(shard)
    this.#context.spawn(partitionType, String(n), { world, partition, shard, reader, sink, memory })
  }

  /** Begins the jobs whose source has no connector running, as long as there is room. */
  #next(): void {
    if (this.#memory.stopped) return this.#dropJobs()
    const running = new Set<string>()
    for (const job of this.#memory.jobs) {
      if (job.connector !== undefined) running.add(job.request.source)
    }
    for (const job of this.#memory.jobs) {
      const { source } = job.request
      if (running.size >= connectorsMax) return
      if (job.connector !== undefined || running.has(source)) continue
      running.add(source)
      const { world, partitions } = this.#argument
      const { request, report, board } = job
      const argument = { world, request, partitions, report, board }
      const connector = this.#context.spawn(connectorType, source, argument)
      job.connector = connector
      this.#context.watch(connector, (reason) => ({ kind: "ended", job, connector, reason }))
    }
  }

  /** Jobs that were never begun end here; the next start of the node goes on with their sources. */
  #dropJobs(): void {
    const waiting = this.#memory.jobs.filter((job) => job.connector === undefined)
    this.#memory.jobs = this.#memory.jobs.filter((job) => job.connector !== undefined)
    for (const { request, report } of waiting) {
      report(reportOfNothing(request, "interrupted", undefined))
    }
  }
}
