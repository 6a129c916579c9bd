/**
 * A tenant: its sink, its partitions, and its connectors, one at a time per source.
 *
 * Supervises one-for-one. A restart of the tenant keeps what its actors remember and begins the
 * connectors that were running again; they go on from their positions.
 */
import { type Partition, shardOf } from "../protocols/address.ts"
import { connectorsMax } from "../protocols/limits.ts"
import type { ActorContext, ActorRef, ActorType, Behavior } from "../runtime/index.ts"
import type { ConnectorProgress, IngestReport, IngestRequest } from "./api.ts"
import { ConnectorBoard, connectorType } from "./connector.ts"
import { graphSinkType, SinkMemory } from "./graph-sink.ts"
import type { ConnectorMessage, ShardMessage, SinkMessage, TenantMessage } from "./messages.ts"
import { PartitionMemory, partitionType } from "./partition.ts"
import type { World } from "./world.ts"

interface Job {
  readonly request: IngestRequest
  readonly report: (report: IngestReport) => void
  readonly board: ConnectorBoard
  connector: ActorRef<ConnectorMessage> | undefined
}

/** What outlives a restart of the tenant's actor. */
export class TenantMemory {
  readonly sink = new SinkMemory()
  readonly partitions = new Map<number, PartitionMemory>()
  /** Every ingest that has not ended, in the order in which it was asked for. */
  jobs: Job[] = []
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
  #stopped = false

  constructor(context: ActorContext<TenantMessage>, argument: TenantArgument) {
    this.#context = context
    this.#argument = argument
    this.#memory = argument.memory
    const { world, memory } = argument
    const sink = context.spawn(graphSinkType, "graph", { world, memory: memory.sink })
    for (let n = 0; n < argument.partitions; n++) this.#spawnPartition(n, sink)
    for (const job of memory.jobs) job.connector = undefined
    this.#next()
  }

  receive(message: TenantMessage): void {
    switch (message.kind) {
      case "ingest": {
        const { request, report } = message
        const board = new ConnectorBoard()
        this.#memory.boards.set(request.source, board)
        this.#memory.jobs.push({ request, report, board, connector: undefined })
        return this.#next()
      }
      case "ended":
        this.#memory.jobs = this.#memory.jobs.filter((job) => job !== message.job)
        return this.#next()
      case "stop-reading":
        this.#stopped = true
        for (const job of this.#memory.jobs)
          job.connector?.tell({ kind: "stop-reading" }, "control")
    }
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
    const running = new Set<string>()
    for (const job of this.#memory.jobs) {
      if (job.connector !== undefined) running.add(job.request.source)
    }
    for (const job of this.#memory.jobs) {
      const { source } = job.request
      if (this.#stopped || running.size >= connectorsMax) return
      if (job.connector !== undefined || running.has(source)) continue
      running.add(source)
      const { world, partitions } = this.#argument
      const { request, report, board } = job
      const argument = { world, request, partitions, report, board }
      job.connector = this.#context.spawn(connectorType, source, argument)
      this.#context.watch(job.connector, () => ({ kind: "ended", job }))
    }
  }
}

export type { Job }
