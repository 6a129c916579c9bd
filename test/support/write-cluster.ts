/**
 * Nodes of one process that share the shards of one log and one graph and talk to each other, each
 * with a spool of its own. One that is killed says and does nothing any more, in the middle of
 * whatever it does; another one of its name may begin on what it left.
 */
import { join } from "node:path"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { expect, onTestFinished, vi } from "vitest"
import { fileSource } from "../../actors/adapters/file-source.ts"
import { makeNode, openSpool, type Ports, type ShardEvent } from "../../actors/index.ts"
import type { SpoolShape } from "../../actors/spool.ts"
import { shardCount } from "../../protocols/limits.ts"
import {
  makeNodeHost,
  openDataDirectory,
  openEmbeddedLog,
  type Register,
} from "../../runtime/index.ts"
import { openGraphStore } from "../../stores/index.ts"
import type { EmbeddedNode } from "./embedded-node.ts"
import { type CallPoint, watched } from "./faults.ts"
import { MemoryLines } from "./memory-lines.ts"
import { MemoryRegister } from "./memory-register.ts"
import { closeScope, openScope, run } from "./run.ts"
import { runScoped } from "./scoped.ts"

export interface WriteNode extends EmbeddedNode {
  readonly name: string
  /** Shards whose actors work here. */
  readonly open: ReadonlySet<number>
  readonly close: () => Promise<void>
  readonly kill: () => void
  readonly isOver: () => boolean
}

interface Joining {
  /** Never comes to the records of a file. */
  readonly reads?: "nothing"
  /** Is killed at this call. */
  readonly killAt?: CallPoint
}

type See = (point: CallPoint) => Effect.Effect<void>

export const until = (hold: () => void | Promise<void>) =>
  vi.waitFor(hold, { timeout: 60_000, interval: 20 })

/** Everything is somebody's, and nobody has less than half of an even part. */
export const sharedOut = (nodes: readonly WriteNode[]) =>
  until(() => {
    expect(nodes.reduce((sum, { open }) => sum + open.size, 0)).toBe(shardCount)
    const least = Math.min(...nodes.map(({ open }) => open.size))
    expect(least).toBeGreaterThan(shardCount / nodes.length / 2)
  })

/** Nodes of the test that runs. One that was killed takes its time: they end together. */
const ending = new Set<() => Promise<void>>()

async function endAll(): Promise<void> {
  const all = [...ending]
  ending.clear()
  await Promise.all(all.map((end) => end()))
}

export class WriteCluster {
  readonly #folder: string
  readonly #lines = new MemoryLines(makeNodeHost())
  readonly #register = new MemoryRegister()
  #opened: ReturnType<WriteCluster["open"]> | undefined
  #incarnations = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The log and the graph that all share. */
  private open() {
    return runScoped(
      Effect.gen({ self: this }, function* () {
        const directory = yield* openDataDirectory(join(this.#folder, "data"))
        const { log, state } = yield* openEmbeddedLog(directory)
        const { sink, reads, feed } = yield* openGraphStore({ path: directory.files.graph })
        return { log, state, sink, reads, feed }
      }),
    )
  }

  /** As `spooled` looks for it. */
  folderOf(name: string): string {
    return join(this.#folder, name)
  }

  async join(name: string, { reads, killAt }: Joining = {}): Promise<WriteNode> {
    this.#opened ??= this.open()
    const shared = await this.#opened
    const own = { node: name, incarnation: `${name}-${++this.#incarnations}` }
    const life = { isOver: false }
    const forgotten = Deferred.makeUnsafe<void>()
    const hangs = Effect.andThen(Deferred.await(forgotten), Effect.die("It was killed."))
    const see: See = (point) =>
      Effect.suspend(() => {
        if (isSame(point, killAt)) kill()
        return life.isOver ? hangs : Effect.void
      })
    const kill = () => {
      life.isOver = true
      this.#lines.vanish(own)
    }
    const open = new Set<number>()
    const shards = ({ event, shard }: ShardEvent) => {
      if (event === "opened") open.add(shard)
      if (event === "closed") open.delete(shard)
    }
    const scope = openScope()
    // What hangs has files open.
    ending.add(() => {
      Deferred.doneUnsafe(forgotten, Effect.void)
      return closeScope(scope)
    })
    onTestFinished(endAll)
    const host = makeNodeHost()
    const made = Effect.gen({ self: this }, function* () {
      const peers = yield* this.#lines.open({ own, host })
      const spool = yield* openSpool(join(this.folderOf(name), "spool"))
      const ports: Ports = {
        host,
        log: watched("log", shared.log, see),
        state: watchedState(shared.state, see),
        sink: watched("sink", shared.sink, see),
        reads: watched("reads", shared.reads, see),
        sources: reads === "nothing" ? readingNothing : fileSource,
        spool: watchedSpool(spool, see),
      }
      const register: Register = watched("register", this.#register, see)
      const cluster = { ...own, weight: 1, register, peers }
      const node = yield* makeNode(ports, { tenants: [], watch: { shards }, cluster })
      return { node, ports: { ...ports, reads: shared.reads }, feed: shared.feed }
    })
    const running = await run(Scope.provide(made, scope))
    return {
      ...running,
      name,
      open,
      kill,
      isOver: () => life.isOver,
      close: () => closeScope(scope),
    }
  }
}

const readingNothing: Ports["sources"] = {
  ...fileSource,
  open: (spec, placeOf) =>
    Effect.map(fileSource.open(spec, placeOf), (source) => ({ ...source, next: Effect.never })),
}

const isSame = (point: CallPoint, other: CallPoint | undefined): boolean =>
  other !== undefined &&
  point.port === other.port &&
  point.method === other.method &&
  point.when === other.when &&
  point.call === other.call

/** Writes of receipts are counted apart, as the port `receipts`. */
function watchedState(state: Ports["state"], see: See): Ports["state"] {
  const all = watched("state", state, see)
  const receipts = watched("receipts", state, see)
  return {
    claim: (shards) => all.claim(shards),
    read: (shard, path) => all.read(shard, path),
    list: (shard, prefix, page) => all.list(shard, prefix, page),
    write: (owner, entries) => {
      const isReceipt = entries.some(({ path }) => path[0] === "receipt")
      return (isReceipt ? receipts : all).write(owner, entries)
    },
  }
}

function watchedSpool(spool: SpoolShape, see: See): SpoolShape {
  const seen = watched("spool", spool, see)
  let arrivals = 0
  return {
    pathOf: (kept) => spool.pathOf(kept),
    has: (kept) => spool.has(kept),
    kept: () => spool.kept(),
    bytesOf: (kept) => seen.bytesOf(kept),
    remove: (kept) => seen.remove(kept),
    receive: (tenant) =>
      Effect.map(seen.receive(tenant), (arriving) => {
        const call = ++arrivals
        // Each has methods of its own; they are counted together.
        return watched("arriving", arriving, (point) => see({ ...point, call }))
      }),
  }
}
