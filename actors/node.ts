/**
 * A node: the tree of actors over its ports (contracts §12). The command line and the simulator
 * both make one here, with other ports.
 *
 *     root ── readers of the shards that it owns, and singletons of these
 *         └── tenants ── sink, partitions of those shards, connectors
 *
 * Start, of a node that is alone: take over the shards (epochs, guards, then the log), check the
 * sinks' cursors against the log, start the readers, then every tenant that has ever been, then the
 * writes that were taken and not finished. With a register the shards come and go one by one, as
 * placement says, and the rest is the same. End: with the scope, children first.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { IntelGraphError } from "../protocols/errors.ts"
import {
  drainPollMillis,
  filesReadMax,
  pulledBytesMax,
  shardCount,
  tenantsReadMax,
} from "../protocols/limits.ts"
import {
  type ActorRef,
  type ActorSystem,
  type ActorView,
  makeSystem,
  type RunningPlacement,
  type SystemOptions,
  takeOver,
} from "../runtime/index.ts"
import { supervisor } from "../supervisors/index.ts"
import {
  type ConnectorProgress,
  type IngestReport,
  type IngestRequest,
  type IntelNode,
  isWrite,
} from "./api.ts"
import { AskedIngest } from "./asked-ingest.ts"
import { joinCluster, type Membership, type ShardEvent } from "./cluster.ts"
import { DurableMailboxes } from "./durable-mailboxes.ts"
import { InterruptedFiles, type SourceName } from "./interrupted-files.ts"
import { RecipeBook } from "./recipes.ts"
import { RootMemory, type RootMessage, rootType } from "./root.ts"
import { openSchedules, type SchedulesShape } from "./schedules/open.ts"
import type { ScheduledReading } from "./schedules/schedule.ts"
import { openShards, PulledBytes } from "./shard-memory.ts"
import { quarantinedError } from "./tenant.ts"
import { openTenants, type TenantSettings, type Tenants } from "./tenants.ts"
import { makeTenantsElsewhere } from "./tenants-elsewhere.ts"
import { type EffectOf, type Ports, World } from "./world.ts"
import { openWrites, type WritesShape } from "./writes.ts"

export interface NodeOptions {
  readonly tenants: readonly TenantSettings[]
  /** Who sees turns (telemetry), and crashes, restarts and quarantines (the log). */
  readonly watch?: Pick<SystemOptions, "observer" | "events"> & {
    /** What becomes of shards, in a cluster. */
    readonly shards?: (event: ShardEvent) => void
    /** What came of a source that was read again by its schedule. */
    readonly readings?: (reading: ScheduledReading) => void
  }
  /** The nodes that share the shards. Without it this node has them all. */
  readonly cluster?: Membership | undefined
  /** Whose files will be asked for: one that was interrupted goes on before writes that wait. */
  readonly sources?: readonly SourceName[]
  /** Bytes of pulled blocks that the node holds; `pulledBytesMax` where it is left out. */
  readonly pulledBytesMax?: number
  /** Stands in for the pipeline of the partitions. */
  readonly effectOf?: EffectOf
}

const allShards = Array.from({ length: shardCount }, (_, shard) => shard)

/** Starts a node. It stops, children first, when the scope closes. */
export const makeNode: (
  ports: Ports,
  options: NodeOptions,
) => Effect.Effect<IntelNode, IntelGraphError, Scope.Scope> = Effect.fn("actors.makeNode")(
  function* (ports, options) {
    const failure = yield* Deferred.make<IntelGraphError>()
    const mailboxes = new DurableMailboxes()
    const pulled = new PulledBytes(options.pulledBytesMax ?? pulledBytesMax)
    const memory = new RootMemory()
    const later: { placement?: RunningPlacement | undefined; tenants?: Tenants } = {}
    const world = new World({
      ports,
      mailboxes,
      recipes: new RecipeBook(),
      effectOf: options.effectOf,
      onFailure: (error, owner) => {
        const { placement } = later
        if (placement !== undefined && error._tag === "Fenced") {
          return placement.fenced(error.shard, error.epoch)
        }
        if (placement !== undefined && owner !== undefined && isOfShard(error)) {
          const { shard, epoch } = owner
          options.watch?.shards?.({ event: "damaged", shard, error })
          return placement.damaged(shard, epoch)
        }
        Deferred.doneUnsafe(failure, Effect.succeed(error))
      },
      onUnknownTenant: (tenant) => later.tenants?.found(tenant),
      node: options.cluster?.node,
      filesOfTenantMax: filesOfTenantMax(options.tenants.length),
      holderOf: (shard) => later.placement?.view().shards[shard]?.holder?.node,
    })
    const { cluster } = options
    if (cluster === undefined) yield* takeOverAll(world, { memory, pulled })
    const ended = yield* Deferred.make<void>()
    const system = yield* Effect.acquireRelease(
      Effect.sync(() => makeSystem({ ...watching(world, options), host: ports.host, supervisor })),
      (running) => Effect.andThen(running.stop, Deferred.succeed(ended, undefined)),
    )
    const root = system.spawn(rootType, { tenant: "system", key: "node" }, { world, memory })
    const tenants = yield* openTenants(world, root)
    later.tenants = tenants
    const onEvent = options.watch?.shards ?? (() => {})
    const placement =
      cluster === undefined
        ? undefined
        : yield* joinCluster({ world, root, pulled, cluster, onEvent })
    later.placement = placement
    const peers = cluster?.peers
    if (peers !== undefined) yield* makeTenantsElsewhere(world, tenants, peers)
    const ensure = (settings: TenantSettings) => world.patiently(tenants.ensure(settings))
    for (const settings of options.tenants) yield* ensure(settings)
    for (const { tenant } of yield* world.patiently(ports.log.tails)) yield* ensure({ tenant })
    const interrupted = new InterruptedFiles()
    yield* world.patiently(interrupted.find(world, options.sources ?? []))
    const parts = { world, memory, root, tenants, failure, ended, system, interrupted, placement }
    const onRead = options.watch?.readings ?? (() => {})
    const node = new RunningNode(parts, onRead)
    const { spool } = ports
    if (spool === undefined) return node
    node.writes = yield* openWrites({
      world,
      spool,
      ingest: (request) => node.ingest(request),
      interrupted,
      ensureTenant: (tenant) => tenants.ensure({ tenant }),
      others: othersOf(cluster, placement),
    })
    return node
  },
)

/** So that those whose sources are read together when a node starts read `filesReadMax` at most. */
const filesOfTenantMax = (tenants: number): number =>
  Math.floor(filesReadMax / Math.max(1, Math.min(tenants, tenantsReadMax)))

/** What lies in one shard's log or actor, and would meet every other owner as well. */
const isOfShard = ({ _tag }: IntelGraphError): boolean =>
  _tag === "LogDamaged" || _tag === "InvariantBroken" || _tag === "Quarantined"

const othersOf = (cluster: Membership | undefined, placement: RunningPlacement | undefined) =>
  cluster?.peers === undefined || placement === undefined
    ? undefined
    : { peers: cluster.peers, view: () => placement.view() }

/** Above the root there is nobody: where it cannot go on, the node cannot. */
const watching = (
  world: World,
  { watch }: NodeOptions,
): Pick<SystemOptions, "observer" | "events"> => ({
  ...watch,
  events: (event) => {
    watch?.events?.(event)
    if (event.event === "quarantined" && event.address.kind === rootType.kind) {
      world.fail(quarantinedError(event.address))
    }
  },
})

interface NodeParts {
  readonly world: World
  readonly memory: RootMemory
  readonly root: ActorRef<RootMessage>
  readonly tenants: Tenants
  readonly failure: Deferred.Deferred<IntelGraphError>
  /** All actors have stopped. */
  readonly ended: Deferred.Deferred<void>
  readonly system: ActorSystem
  readonly interrupted: InterruptedFiles
  readonly placement: RunningPlacement | undefined
}

class RunningNode implements IntelNode {
  readonly failed: Effect.Effect<IntelGraphError>
  writes: WritesShape | undefined
  readonly placement: RunningPlacement | undefined
  readonly schedules: SchedulesShape
  readonly #parts: NodeParts

  constructor(parts: NodeParts, onRead: (reading: ScheduledReading) => void) {
    // Whoever has the source next reads it again; here the job would only follow that one.
    const ingest = (request: IngestRequest) => this.#ingest(request, (job) => job.withdraw())
    this.#parts = parts
    this.schedules = openSchedules({ ...parts, ingest, onRead })
    this.placement = parts.placement
    this.failed = Deferred.await(parts.failure)
  }

  ingest(request: IngestRequest): Effect.Effect<IngestReport> {
    return this.#ingest(request, () => undefined)
  }

  #ingest(
    request: IngestRequest,
    onInterrupt: (job: AskedIngest) => void,
  ): Effect.Effect<IngestReport> {
    const { root, tenants, ended, interrupted } = this.#parts
    return Effect.gen({ self: this }, function* () {
      const answered = yield* Deferred.make<IngestReport>()
      const job = new AskedIngest(request, (report) =>
        Deferred.doneUnsafe(answered, Effect.succeed(report)),
      )
      const told = tenants.ensure({ tenant: request.tenant }).pipe(
        Effect.map(() => root.tell({ kind: "ingest", job })),
        Effect.tap(() =>
          Effect.sync(() => {
            if (!isWrite(request)) interrupted.asked(request)
          }),
        ),
        Effect.flatMap((refused) => (refused === undefined ? Effect.never : Effect.fail(refused))),
        Effect.catch((error) => Effect.sync(() => job.fail(error))),
      )
      const broken = Effect.map(this.failed, (error) => job.fail(error))
      const over = Effect.map(Deferred.await(ended), () => job.end("interrupted", undefined))
      const report = Effect.raceFirst(
        Deferred.await(answered),
        Effect.andThen(Effect.raceAllFirst([told, broken, over]), Deferred.await(answered)),
      )
      return yield* Effect.onInterrupt(report, () => Effect.sync(() => onInterrupt(job)))
    })
  }

  progress(): readonly ConnectorProgress[] {
    const { tenants } = this.#parts.memory
    return [...tenants.values()].flatMap(({ memory }) => memory.progress())
  }

  actors(tenant?: string): ActorView {
    return this.#withDurable(this.#parts.system.view(tenant))
  }

  drain(millis: number): Effect.Effect<boolean> {
    const { root, memory, placement } = this.#parts
    const idle = Effect.sync(() => {
      for (const [tenant, known] of memory.tenants) {
        if (known.memory.broken !== undefined) continue
        if (known.memory.jobs.length > 0) return false
        // In a cluster others go on sending here.
        if (placement === undefined && this.#parts.world.mailboxes.depth(tenant) > 0) return false
      }
      return true
    })
    const untilIdle: Effect.Effect<boolean> = Effect.flatMap(idle, (done) =>
      done ? Effect.succeed(true) : Effect.andThen(Effect.sleep(drainPollMillis), untilIdle),
    )
    return Effect.sync(() => root.tell({ kind: "stop-reading" }, "control")).pipe(
      Effect.andThen(untilIdle),
      Effect.timeoutOrElse({ duration: millis, orElse: () => idle }),
    )
  }

  brokenEquations(): readonly string[] {
    const { world, system } = this.#parts
    return [...world.mailboxes.broken(), ...system.brokenEquations()]
  }

  /** A partition's mailbox is in the log: its view shows that one's counters. */
  #withDurable(view: ActorView): ActorView {
    const children = view.children.map((child) => this.#withDurable(child))
    if (view.address.kind !== "partition") return { ...view, children }
    const { tenant, key } = view.address
    const partition = { tenant, partition: Number(key) }
    return { ...view, children, counters: this.#parts.world.mailboxes.counters(partition) }
  }
}

/** By contracts §6: epochs, guards of every sink, cursors, and only then the log is opened. */
const takeOverAll = Effect.fnUntraced(function* (
  world: World,
  { memory, pulled }: { readonly memory: RootMemory; readonly pulled: PulledBytes },
) {
  const { log, state, sink } = world.ports
  const taken = yield* takeOver({ log, state, sinks: sink.each ?? [sink], shards: allShards })
  const memories = yield* openShards(taken, state, { mailboxes: world.mailboxes, pulled })
  for (const owner of taken.owners) {
    const own = memories.get(owner.shard)
    if (own === undefined) continue
    world.owns(owner)
    memory.shards.set(owner.shard, { owner, memory: own })
  }
})
