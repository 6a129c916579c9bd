/** Every actor of a node crashes in the middle of its work, and nothing is lost or done twice. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { IngestRequest } from "../../actors/api.ts"
import type { Ports } from "../../actors/index.ts"
import type { BlockEffects } from "../../protocols/graph.ts"
import { restartIntensityDefault } from "../../protocols/limits.ts"
import type { PreparedBlock } from "../../stores/index.ts"
import { ingestAll, type Job, requestOf } from "../support/embedded-node.ts"
import { CommitGate, crashing, impatient, until } from "../support/node-faults.ts"
import {
  actorsOf,
  expectDone,
  type Outcome,
  outcomeOf,
  settled,
  source,
  undisturbed,
  withNode,
} from "../support/node-world.ts"
import { run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"

const records = 4_000
const partitions = 2

/** Two sources about the same things, so that what is visible depends on both. */
const twoSources = (folder: string): readonly Job[] => [
  source(folder, "one", { records }),
  source(folder, "two", { records: records / 2 }),
]

/** Ingests both over ports that crash their callers; answers what came of it and who restarted. */
async function disturbed(jobs: readonly Job[], wrap: (ports: Ports) => Ports, kind: string) {
  const folder = temporaryFolder()
  return withNode(folder, { partitions, tenants: ["demo"], wrap }, (running) =>
    Effect.gen(function* () {
      expectDone(yield* ingestAll(running, jobs))
      yield* settled(running)
      const actors = actorsOf(running.node.actors(), kind)
      const restarts = actors.reduce((sum, actor) => sum + actor.restarts, 0)
      return { outcome: yield* outcomeOf(running), restarts }
    }),
  )
}

describe("a crash in the middle", () => {
  const home = mkdtempSync(join(tmpdir(), "intelgraph-supervision-"))
  const jobs = twoSources(home)
  let whole: Outcome
  beforeAll(async () => {
    whole = await undisturbed(jobs, { partitions }, "demo", home)
  })
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  it("of a connector: it goes on from its position, as the same run", async () => {
    const seen = { calls: 0, crashes: 0 }
    const wrap = (ports: Ports) => ({
      ...ports,
      log: crashing(ports.log, "append", [5, 11], seen),
    })
    const { outcome } = await disturbed(jobs, wrap, "connector")
    expect(seen.crashes).toBe(2)
    expect(outcome).toEqual(whole)
  })

  it("of the sink: calls to the store are made again, in order", async () => {
    const releases = new Map<PreparedBlock, number>()
    const wrap = (ports: Ports) => {
      const sink = crashing(ports.sink, "commit", [1, 4, 5])
      const prepare = (effects: BlockEffects): PreparedBlock => {
        const whole = sink.prepare(effects)
        const release = () => {
          releases.set(one, (releases.get(one) ?? 0) + 1)
          whole.release()
        }
        const one = { ...whole, release }
        releases.set(one, 0)
        return one
      }
      return { ...ports, sink: { ...sink, prepare } }
    }
    const { outcome, restarts } = await disturbed(jobs, wrap, "graph-sink")
    expect(restarts).toBe(3)
    expect(outcome).toEqual(whole)
    expect(releases.size).toBeGreaterThan(5)
    // Each once, also where its call was made again.
    expect(new Set(releases.values())).toEqual(new Set([1]))
  })

  it.each(["pull", "acknowledge"] as const)(
    "of the readers of shards, in %s: no delivery is forgotten",
    async (method) => {
      // The first pulls are made at start: 64 of them, one for each shard.
      const at = method === "pull" ? [66, 67, 69] : [1, 3, 4]
      const wrap = (ports: Ports) => ({ ...ports, log: crashing(ports.log, method, at) })
      const { outcome, restarts } = await disturbed(jobs, wrap, "shard")
      expect(restarts).toBe(3)
      expect(outcome).toEqual(whole)
    },
  )

  it.each(["tenant", "node"])("of the %s: its actors begin anew and go on", async (kind) => {
    await withNode(temporaryFolder(), { partitions, tenants: ["demo"] }, (running) =>
      Effect.gen(function* () {
        const { node } = running
        const all = yield* Effect.forkScoped(ingestAll(running, jobs))
        const read = () => node.progress().reduce((sum, { counters }) => sum + counters.read, 0)
        yield* until("some is committed", () => read() > 0)
        expect(read()).toBeLessThan(1.5 * records)
        const request = poisonousFor(kind, requestOf({ ...(jobs[0] as Job), source: "three" }))
        yield* Effect.forkScoped(node.ingest(request))
        const [actor] = actorsOf(node.actors(), kind)
        yield* until("it has crashed", () => actorsOf(node.actors(), kind)[0]?.restarts === 1)
        expect(actor).toBeDefined()
        expectDone(yield* Fiber.join(all))
        yield* settled(running)
        expect(yield* outcomeOf(running)).toEqual(whole)
      }),
    )
  })

  it("that comes again and again: whoever asked is told, and the next ingest runs", async () => {
    const short = [source(temporaryFolder(), "one", { records: 500 })]
    const always = Array.from({ length: restartIntensityDefault + 1 }, (_, n) => n + 1)
    const wrap = (ports: Ports) => ({
      ...ports,
      host: impatient(ports.host),
      sources: crashing(ports.sources, "open", always),
    })
    await withNode(temporaryFolder(), { partitions, tenants: ["demo"], wrap }, (running) =>
      Effect.gen(function* () {
        const [report] = yield* ingestAll(running, short)
        expect(report).toMatchObject({ phase: "failed", error: { _tag: "InvariantBroken" } })
        expectDone(yield* ingestAll(running, short))
      }),
    )
  })

  it("again and again, of a sink: ingests of its tenant fail, and others go on", async () => {
    const folder = temporaryFolder()
    const wrap = (ports: Ports) => ({
      ...ports,
      host: impatient(ports.host),
      sink: {
        ...ports.sink,
        commit: (blocks: Parameters<typeof ports.sink.commit>[0]) => {
          if (blocks.some(({ tenant }) => tenant === "demo")) throw new Error("injected")
          return ports.sink.commit(blocks)
        },
      },
    })
    await withNode(folder, { partitions, tenants: ["demo", "other"], wrap }, (running) =>
      Effect.gen(function* () {
        const short = source(folder, "one", { records: 2_000 })
        for (let again = 0; again < 2; again++) {
          const [report] = yield* ingestAll(running, [short])
          expect(report).toMatchObject({ phase: "failed", error: { _tag: "Quarantined" } })
        }
        expectDone(yield* ingestAll(running, [source(folder, "one", { records: 500 }, "other")]))
      }),
    )
  })

  it("again and again, of a tenant: whoever waits is told, and a drain does not wait", async () => {
    const folder = temporaryFolder()
    const wrap = (ports: Ports) => ({ ...ports, host: impatient(ports.host) })
    await withNode(folder, { partitions, tenants: ["demo"], wrap }, (running) =>
      Effect.gen(function* () {
        const { node } = running
        const good = requestOf(source(folder, "one", { records: 200 }))
        const bad = Array.from({ length: restartIntensityDefault + 1 }, () =>
          poisonousFor("tenant", good),
        )
        yield* Effect.forkScoped(
          Effect.forEach(bad, (request) => node.ingest(request), { concurrency: "unbounded" }),
        )
        const report = yield* node.ingest(good)
        expect(report).toMatchObject({ phase: "failed", error: { _tag: "Quarantined" } })
        expect(yield* node.drain(20_000)).toBe(true)
      }),
    )
  })

  it("again and again, of the reader of a shard: the node says that it cannot go on", async () => {
    const wrap = (ports: Ports) => ({
      ...ports,
      host: impatient(ports.host),
      log: {
        ...ports.log,
        pull: (...args: Parameters<typeof ports.log.pull>) => {
          if (args[0].shard === 7) throw new Error("injected")
          return ports.log.pull(...args)
        },
      },
    })
    await withNode(temporaryFolder(), { partitions, tenants: ["demo"], wrap }, ({ node }) =>
      Effect.gen(function* () {
        const error = yield* node.failed
        expect(error).toMatchObject({ _tag: "Quarantined", mailbox: "system/shard/7" })
      }),
    )
  })
})

it("a node that ends tells whoever waits for an ingest that it was interrupted", async () => {
  const folder = temporaryFolder()
  const gate = new CommitGate()
  gate.close("demo")
  const job = source(folder, "one", { records: 500 })
  // The ingest is awaited outside of the node's scope.
  const waiting = await withNode(folder, { partitions, wrap: gate.wrap }, (running) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkDetach(ingestAll(running, [job]))
      yield* until("a block is at the sink", () => gate.calls.length > 0)
      yield* Effect.addFinalizer(() => Effect.sync(() => gate.open("demo")))
      return fiber
    }),
  )
  const [report] = await run(Fiber.join(waiting))
  expect(report).toMatchObject({ source: "one", phase: "interrupted" })
})

/** A request that crashes the actor of this kind when it looks at it. */
function poisonousFor(kind: string, request: IngestRequest): IngestRequest {
  let looks = 0
  const thrown = () => {
    throw new Error("injected")
  }
  if (kind === "tenant") {
    return Object.defineProperty({ ...request }, "source", { get: thrown })
  }
  // Looked at first by the node, then by the root.
  const look = () => (++looks > 1 ? thrown() : request.tenant)
  return Object.defineProperty({ ...request }, "tenant", { get: look })
}
