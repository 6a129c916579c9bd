/**
 * Nodes that share one state and talk to each other, of which a test says who has which shard, and
 * whether what a node has is read. Their writes and spools are those of a node; what reads is here.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { fileSource } from "../../actors/adapters/file-source.ts"
import type { IngestReport, IngestRequest } from "../../actors/api.ts"
import { DurableMailboxes } from "../../actors/durable-mailboxes.ts"
import { openSpool, type Ports } from "../../actors/index.ts"
import { InterruptedFiles } from "../../actors/interrupted-files.ts"
import { RecipeBook } from "../../actors/recipes.ts"
import { reportOfNothing } from "../../actors/report.ts"
import type { SpoolShape } from "../../actors/spool.ts"
import { World } from "../../actors/world.ts"
import { sourceOf } from "../../actors/write/between.ts"
import { openWrites, type WritesShape } from "../../actors/writes.ts"
import { type Address, shardOfAddress } from "../../protocols/address.ts"
import { Unavailable } from "../../protocols/errors.ts"
import { shardCount } from "../../protocols/limits.ts"
import {
  makeNodeHost,
  openDataDirectory,
  openEmbeddedLog,
  type ShardView,
} from "../../runtime/index.ts"
import { openGraphStore } from "../../stores/index.ts"
import { MemoryLines } from "./memory-lines.ts"
import { run } from "./run.ts"
import { runScoped } from "./scoped.ts"

type Wrap = (parts: { readonly state: Ports["state"]; readonly spool: SpoolShape }) => {
  readonly state?: Ports["state"]
  readonly spool?: SpoolShape
}

export class OwnerNode {
  readonly name: string
  readonly world: World
  /** `not`: what stands in a queue stays there, also where its source has gone. */
  reads: "yes" | "not yet" | "not" = "not yet"
  /** Names of what was read, in this order. */
  readonly read: string[] = []
  readonly #queue = Semaphore.makeUnsafe(1)
  #writes: WritesShape | undefined

  constructor(name: string, world: World) {
    this.name = name
    this.world = world
  }

  get node() {
    return { writes: this.#writes }
  }

  opened(writes: WritesShape): void {
    this.#writes = writes
  }

  /** One at a time, in the order in which they came. */
  ingest(request: IngestRequest): Effect.Effect<IngestReport> {
    const { tenant, source, file, watch } = request
    const shard = shardOfAddress(sourceOf(tenant, source))
    const work = Effect.gen({ self: this }, function* () {
      while (this.reads !== "yes") {
        if (this.reads === "not yet" && this.world.ownerOf(shard) === undefined) break
        yield* Effect.sleep(2)
      }
      if (this.world.ownerOf(shard) === undefined) return reportOfNothing(request, "failed", gone())
      if (yield* watch?.isOver ?? Effect.succeed(false)) {
        return reportOfNothing(request, "skipped", undefined)
      }
      this.read.push(file)
      const report = reportOfNothing(request, "done", undefined)
      yield* watch?.settle(report, undefined) ?? Effect.void
      return report
    })
    return Effect.catch(this.#queue.withPermits(1)(work), (error) =>
      Effect.succeed(reportOfNothing(request, "failed", error)),
    )
  }
}

const gone = () => new Unavailable({ message: "It is elsewhere now.", retryAfterMillis: 1 })

export class WriteOwners {
  readonly #folder: string
  readonly #lines = new MemoryLines(makeNodeHost())
  readonly #nodes = new Map<string, OwnerNode>()
  readonly #shards: ({ readonly node: string; readonly epoch: number } | undefined)[] = []
  #opened: ReturnType<WriteOwners["open"]> | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  private open() {
    return runScoped(
      Effect.gen({ self: this }, function* () {
        const directory = yield* openDataDirectory(join(this.#folder, "data"))
        const { log, state } = yield* openEmbeddedLog(directory)
        const { sink, reads } = yield* openGraphStore({ path: directory.files.graph })
        return { log, state, sink, reads, sources: fileSource, host: makeNodeHost() }
      }),
    )
  }

  /** As `spooled` looks for it. */
  folderOf(name: string): string {
    return join(this.#folder, name)
  }

  async join(name: string, wrap: Wrap = () => ({})): Promise<OwnerNode> {
    this.#opened ??= this.open()
    const shared = await this.#opened
    const { host } = shared
    const spool = await run(openSpool(join(this.folderOf(name), "spool")))
    const ports: Ports = { ...shared, spool, ...wrap({ state: shared.state, spool }) }
    const world = new World({
      ports,
      mailboxes: new DurableMailboxes(),
      recipes: new RecipeBook(),
      onFailure: () => {},
      onUnknownTenant: () => {},
      node: name,
      holderOf: (shard) => this.#shards[shard]?.node,
    })
    const node = new OwnerNode(name, world)
    const opened = Effect.gen({ self: this }, function* () {
      const own = { node: name, incarnation: `${name}-1` }
      return yield* openWrites({
        world,
        spool: ports.spool ?? spool,
        ingest: (request) => node.ingest(request),
        interrupted: new InterruptedFiles(),
        ensureTenant: () => Effect.void,
        others: { peers: yield* this.#lines.open({ own, host }), view: () => this.#viewOf(name) },
      })
    })
    node.opened(await runScoped(opened))
    this.#nodes.set(name, node)
    return node
  }

  /** `seen`: all take the node for its owner, and it does not yet work there. */
  async move(what: Address, to: OwnerNode, how: "owned" | "seen" = "owned"): Promise<void> {
    const shard = shardOfAddress(what)
    const { state } = to.world.ports
    for (const { world } of this.#nodes.values()) world.disowns(shard)
    const [owner] = await run(state.claim([shard]))
    if (owner === undefined) throw new Error("nothing was claimed")
    if (how === "owned") to.world.owns(owner)
    this.#shards[shard] = { node: to.name, epoch: owner.epoch }
  }

  #viewOf(name: string): { readonly shards: readonly ShardView[] } {
    const shards = Array.from({ length: shardCount }, (_, shard): ShardView => {
      const held = this.#shards[shard]
      const share = held?.node
      if (held === undefined) return { shard, holder: undefined, share, phase: undefined }
      const phase = share === name ? "open" : undefined
      const who = { node: held.node, incarnation: `${held.node}-1` }
      return { shard, holder: { kind: "lease", shard, epoch: held.epoch, ...who }, share, phase }
    })
    return { shards }
  }
}
