/**
 * A tenant: its sink, the partitions that this node owns now, and its connectors, one at a time per
 * source. A connector reads where the shard of its source is owned, and elsewhere follows what the
 * owner has recorded; it begins anew, from the recorded position, when its shard comes or goes. A
 * write is read where its source is, and nowhere followed: one that waits here while another node
 * has the source goes back to who asked, behind whatever it waits.
 *
 * Supervises one-for-one. A restart of the tenant keeps what its actors remember and begins the
 * connectors that were running again; they go on from their positions. Where its sink or a
 * partition is quarantined nothing more can be committed: its ingests end with that error, and the
 * other tenants go on.
 */
import { type Address, formatAddress, type Partition, shardOf } from "../protocols/address.ts"
import { InvariantBroken, LimitExceeded, Quarantined, Unavailable } from "../protocols/errors.ts"
import {
  connectorsMax,
  ingestsWaitingMax,
  retryMillisMax,
  sourcesShownMax,
} from "../protocols/limits.ts"
import type {
  ActorContext,
  ActorRef,
  ActorType,
  Behavior,
  Ownership,
  StopReason,
} from "../runtime/index.ts"
import type { ConnectorProgress, IngestReport } from "./api.ts"
import type { AskedIngest } from "./asked-ingest.ts"
import { connectorType } from "./connector.ts"
import type { ConnectorBoard } from "./connector-board.ts"
import { graphSinkType, SinkMemory } from "./graph-sink.ts"
import type {
  ConnectorMessage,
  PartitionMessage,
  ShardMessage,
  SinkMessage,
  TenantMessage,
} from "./messages.ts"
import { PartitionMemory, partitionType, shardOfConnector } from "./partition.ts"
import type { World } from "./world.ts"

export interface Job {
  readonly source: string
  /** Whoever owns it reads the source. */
  readonly shard: number
  readonly asked: AskedIngest
  connector: ActorRef<ConnectorMessage> | undefined
}

/** What outlives a restart of the tenant's actor. */
export class TenantMemory {
  readonly sink = new SinkMemory()
  readonly partitions = new Map<number, PartitionMemory>()
  /** Everybody who waits for an ingest, also those that the tenant has not come to. */
  readonly asked = new Set<AskedIngest>()
  /** Every ingest that has not ended, in the order in which it was asked for. */
  jobs: Job[] = []
  /** No connector is begun any more. */
  stopped = false
  /** Why nothing can be ingested until the node starts anew. */
  broken: Quarantined | undefined
  /** The newest progress per source, the last `sourcesShownMax` ended ones included. */
  readonly boards = new Map<string, ConnectorBoard>()

  /** The connector's progress is what is shown of its source. */
  show(source: string, board: ConnectorBoard): void {
    this.boards.delete(source)
    this.boards.set(source, board)
    const running = new Set(this.jobs.map((job) => job.asked.board))
    for (const [name, shown] of this.boards) {
      if (this.boards.size <= sourcesShownMax) return
      if (!running.has(shown)) this.boards.delete(name)
    }
  }

  /** Nothing more is committed: whoever waits is told, and what was committed stands. */
  break(error: Quarantined): void {
    this.broken = error
    this.jobs = []
    for (const asked of this.asked) asked.fail(error)
  }

  progress(): readonly ConnectorProgress[] {
    const boards = [...this.boards.values()]
    return boards.flatMap((board) => (board.progress === undefined ? [] : [board.progress]))
  }
}

export interface TenantArgument {
  readonly world: World
  readonly tenant: string
  readonly partitions: number
  readonly readerOf: (shard: number) => ActorRef<ShardMessage> | undefined
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
  readonly #sink: ActorRef<SinkMessage>
  readonly #partitions = new Map<
    number,
    { readonly owner: Ownership; readonly ref: ActorRef<PartitionMessage> }
  >()

  constructor(context: ActorContext<TenantMessage>, argument: TenantArgument) {
    this.#context = context
    this.#argument = argument
    this.#memory = argument.memory
    const { world, memory } = argument
    this.#sink = context.spawn(graphSinkType, "graph", { world, memory: memory.sink })
    this.#need(this.#sink)
    this.#spawnPartitions()
    for (const job of memory.jobs) job.connector = undefined
    this.#next()
  }

  receive(message: TenantMessage): void {
    switch (message.kind) {
      case "ingest":
        return this.#ingest(message.job)
      case "ended":
        // One that an earlier incarnation of the tenant began has another in its place by now.
        if (message.job.connector !== message.connector) return
        return this.#ended(message.job, message.reason)
      case "lost":
        if (message.reason === "quarantined") this.#break(quarantinedError(message.address))
        return
      case "stop-reading":
        this.#memory.stopped = true
        for (const job of this.#memory.jobs)
          job.connector?.tell({ kind: "stop-reading" }, "control")
        return this.#next()
      case "opened":
        this.#spawnPartitions()
        this.#beginAnew(message.shard)
        return message.heard()
      case "closed":
        this.#stopPartitions()
        this.#beginAnew(message.shard)
        return message.heard()
      case "look":
        return this.#next()
    }
  }

  #ingest(asked: AskedIngest): void {
    const refused = this.#memory.broken ?? tooManyJobs(this.#memory.jobs.length)
    if (refused !== undefined) return asked.fail(refused)
    const { tenant, source } = asked.request
    const shard = shardOfConnector(formatAddress({ tenant, kind: connectorType.kind, key: source }))
    this.#argument.world.needs(shard)
    this.#memory.jobs.push({ source, shard, asked, connector: undefined })
    this.#next()
  }

  /** Whoever asked for it is told in any case; one in quarantine makes room for the next. */
  #ended(job: Job, reason: StopReason): void {
    if (!job.asked.isAnswered) {
      const name = `The connector of source ${job.source}`
      const message = `${name} was ${reason}; see the log of the node.`
      job.asked.fail(new InvariantBroken({ message }))
      if (job.connector !== undefined) this.#context.stop(job.connector)
    }
    this.#memory.jobs = this.#memory.jobs.filter((other) => other !== job)
    this.#next()
  }

  #break(error: Quarantined): void {
    const { jobs } = this.#memory
    this.#memory.break(error)
    for (const { connector } of jobs) {
      if (connector !== undefined) this.#context.stop(connector)
    }
  }

  /** Without this child nothing can be committed. */
  #need(child: ActorRef<never>): void {
    const { address } = child
    this.#context.watch(child, (reason) => ({ kind: "lost", address, reason }))
  }

  /** Those of the shards that are open and that do not run yet. */
  #spawnPartitions(): void {
    this.#stopPartitions()
    const { world, tenant, partitions, readerOf } = this.#argument
    for (let n = 0; n < partitions; n++) {
      const shard = shardOf(tenant, n)
      world.needs(shard)
      const [owner, reader] = [world.ownerOf(shard), readerOf(shard)]
      if (owner === undefined || reader === undefined || this.#partitions.has(n)) continue
      const memory = this.#memory.partitions.get(n) ?? new PartitionMemory()
      this.#memory.partitions.set(n, memory)
      const partition: Partition = { tenant, partition: n }
      const argument = { world, partition, owner, reader, sink: this.#sink, memory }
      const spawned = this.#context.spawn(partitionType, String(n), argument)
      this.#need(spawned)
      this.#partitions.set(n, { owner, ref: spawned })
    }
  }

  /** Those of shards that are open no more, or were and are again. */
  #stopPartitions(): void {
    const { world, tenant } = this.#argument
    for (const [n, { owner, ref }] of this.#partitions) {
      if (world.ownerOf(shardOf(tenant, n)) === owner) continue
      this.#partitions.delete(n)
      this.#context.unwatch(ref)
      this.#context.stop(ref)
    }
  }

  /** Connectors of this shard read from now on, or follow whoever does. */
  #beginAnew(shard: number): void {
    for (const job of this.#memory.jobs) {
      const { connector } = job
      if (connector === undefined || job.shard !== shard) continue
      job.connector = undefined
      this.#context.unwatch(connector)
      this.#context.stop(connector)
    }
    this.#next()
  }

  /** Begins the jobs whose source has no connector running, as long as there is room. */
  #next(): void {
    if (this.#memory.stopped) return this.#dropJobs()
    this.#forgetAnswered()
    this.#turnWritesAway()
    const { jobs } = this.#memory
    const running = jobs.filter(({ connector }) => connector !== undefined)
    const taken = new Set(running.map(({ source }) => source))
    let begun = running.length
    let filesRead = running.filter((job) => this.#readsFile(job)).length
    for (const job of jobs) {
      const { source, connector } = job
      if (begun >= connectorsMax) return
      if (connector !== undefined || taken.has(source) || this.#isAwayWrite(job)) continue
      // What waits for its turn is begun before the next of its source.
      taken.add(source)
      const readsFile = this.#readsFile(job)
      if (readsFile && filesRead >= this.#argument.world.filesOfTenantMax) continue
      begun++
      if (readsFile) filesRead++
      this.#begin(job)
    }
  }

  #begin(job: Job): void {
    const { world, partitions } = this.#argument
    const { asked, source } = job
    const { request, board } = asked
    this.#memory.show(source, board)
    const report = (answer: IngestReport) => asked.report(answer)
    const owner = world.ownerOf(job.shard)
    const argument = { world, request, owner, partitions, report, board }
    const connector = this.#context.spawn(connectorType, source, argument)
    job.connector = connector
    this.#context.watch(connector, (reason) => ({ kind: "ended", job, connector, reason }))
  }

  /** Whoever follows another node holds nothing of the file but while it tells its hash. */
  #readsFile({ shard, asked: { request } }: Job): boolean {
    const isFile = request.write === undefined && request.given === undefined
    return isFile && this.#argument.world.ownerOf(shard) !== undefined
  }

  /** Withdrawn, or reported: word of the end of a connector may still be under way to here. */
  #forgetAnswered(): void {
    const { memory } = this.#argument
    memory.jobs = memory.jobs.filter(
      ({ asked, connector }) => connector !== undefined || !asked.isAnswered,
    )
  }

  /** A write that is to be read and whose source is not here. */
  #isAwayWrite({ shard, asked, connector }: Job): boolean {
    const isWaiting = asked.request.write !== undefined && connector === undefined
    return isWaiting && this.#argument.world.ownerOf(shard) === undefined
  }

  /** Back to who asked, where another node has the source; until then they keep their order. */
  #turnWritesAway(): void {
    const { world } = this.#argument
    const away = new Map<Job, string>()
    const waiting = this.#memory.jobs.filter((job) => this.#isAwayWrite(job))
    for (const job of waiting) {
      const holder = world.holderElsewhere(job.shard)
      if (holder !== undefined) away.set(job, holder)
    }
    if (away.size < waiting.length) {
      this.#context.startTimer("look", retryMillisMax, { kind: "look" })
    }
    if (away.size === 0) return
    this.#memory.jobs = this.#memory.jobs.filter((job) => !away.has(job))
    for (const [{ source, asked }, holder] of away) asked.fail(isElsewhere(source, holder))
  }

  /** Jobs without a connector end here; the next start of the node goes on with their sources. */
  #dropJobs(): void {
    const waiting = this.#memory.jobs.filter((job) => job.connector === undefined)
    this.#memory.jobs = this.#memory.jobs.filter((job) => job.connector !== undefined)
    for (const { asked } of waiting) asked.end("interrupted", undefined)
  }
}

const isElsewhere = (source: string, holder: string): Unavailable =>
  new Unavailable({
    message: `The source ${source} is node ${holder}'s now.`,
    retryAfterMillis: retryMillisMax,
  })

function tooManyJobs(waiting: number): LimitExceeded | undefined {
  if (waiting < ingestsWaitingMax) return undefined
  return new LimitExceeded({
    limit: "ingestsWaitingMax",
    bound: ingestsWaitingMax,
    value: waiting + 1,
    message: `The tenant has ${waiting} ingests under way or waiting, and takes no more.`,
  })
}

/** What is told where an actor that a tenant cannot do without is quarantined. */
export function quarantinedError(address: Address): Quarantined {
  const mailbox = formatAddress(address)
  const message = `${mailbox} crashed too often and is quarantined; see the log of the node.`
  return new Quarantined({ mailbox, message })
}
