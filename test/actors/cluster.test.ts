/** Nodes of one process that share the shards of one log and one graph. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { fileSource } from "../../actors/adapters/file-source.ts"
import { makeNode, openSpool, type Ports, type ShardEvent } from "../../actors/index.ts"
import { shardCount } from "../../protocols/limits.ts"
import { makeNodeHost, openDataDirectory, openEmbeddedLog } from "../../runtime/index.ts"
import { openGraphStore } from "../../stores/index.ts"
import { type EmbeddedNode, ingestAll } from "../support/embedded-node.ts"
import { MemoryRegister } from "../support/memory-register.ts"
import { outcomeOf, settled, source, undisturbed } from "../support/node-world.ts"
import { closeScope, openScope, run } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"
import { things, took } from "../support/writes.ts"

interface Joined extends EmbeddedNode {
  /** Shards whose actors work here. */
  readonly open: ReadonlySet<number>
  readonly close: () => Promise<void>
}

/** One log and one graph, and whoever joins. */
async function openCluster(folder: string) {
  const shared = await runScoped(
    Effect.gen(function* () {
      const directory = yield* openDataDirectory(join(folder, "data"))
      const { log, state } = yield* openEmbeddedLog(directory)
      const store = yield* openGraphStore({ path: directory.files.graph })
      return { log, state, ...store }
    }),
  )
  const register = new MemoryRegister()
  const joined = async (node: string): Promise<Joined> => {
    const scope = openScope()
    const open = new Set<number>()
    const shards = ({ event, shard }: ShardEvent) => {
      if (event === "opened") open.add(shard)
      if (event === "closed") open.delete(shard)
    }
    const { log, state, sink, reads, feed } = shared
    const made = Effect.gen(function* () {
      const spool = yield* openSpool(join(folder, `spool-${node}`))
      const ports: Ports = {
        host: makeNodeHost(),
        log,
        state,
        sink,
        reads,
        sources: fileSource,
        spool,
      }
      const cluster = { node, incarnation: `${node}-1`, weight: 1, register }
      const options = { tenants: [{ tenant: "demo" }], watch: { shards }, cluster }
      return { node: yield* makeNode(ports, options), ports, feed }
    })
    onTestFinished(() => closeScope(scope))
    return {
      ...(await run(Scope.provide(made, scope))),
      open,
      close: () => closeScope(scope),
    }
  }
  return { join: joined }
}

const until = (hold: () => void) => vi.waitFor(hold, { timeout: 30_000, interval: 10 })

/** Both have their part, and nobody a shard of the other. */
const sharedOut = (a: Joined, b: Joined) =>
  until(() => {
    expect(a.open.size + b.open.size).toBe(shardCount)
    expect(Math.min(a.open.size, b.open.size)).toBeGreaterThan(shardCount / 3)
  })

describe("nodes that share the shards", () => {
  it("make the graph of one node, each its part, and one goes on when the other goes", async () => {
    const folder = temporaryFolder()
    const jobs = ["one", "two", "three", "four"].map((name) =>
      source(folder, name, { records: 3_000, padBytes: 200 }),
    )
    const expected = await undisturbed(jobs)
    const cluster = await openCluster(folder)
    const [a, b] = await Promise.all([cluster.join("a"), cluster.join("b")])
    await sharedOut(a, b)
    const slow = jobs.map((job) => ({ ...job, ratePerSecondMax: 2_000 }))
    const byA = run(ingestAll(a, slow))
    const byB = run(ingestAll(b, slow))
    await until(() => expect(a.node.progress().length).toBe(jobs.length))
    await until(() => expect(a.node.progress().some(({ offered }) => offered > 500)).toBe(true))
    await b.close()
    await until(() => expect(a.open.size).toBe(shardCount))
    expect((await byB).map(({ phase }) => phase)).not.toContain("failed")
    const phases = (await byA).map(({ phase }) => phase)
    expect(phases.every((phase) => phase === "done" || phase === "skipped")).toBe(true)
    await run(settled(a))
    expect(await run(outcomeOf(a))).toEqual(expected)
  }, 60_000)

  it("say who takes a write that is another one's", async () => {
    const folder = temporaryFolder()
    const cluster = await openCluster(folder)
    const [a, b] = await Promise.all([cluster.join("a"), cluster.join("b")])
    await sharedOut(a, b)
    const told = await run(
      Effect.forEach([a, b], (node) =>
        Effect.flip(took(node, { key: "k", lines: things(3) })).pipe(
          Effect.catch(() => Effect.succeed({ message: "taken" })),
        ),
      ),
    )
    const refused = told.filter(({ message }) => message !== "taken")
    expect(refused.length).toBeGreaterThan(0)
    for (const { message } of refused) expect(message).toMatch(/^Shard \d+ is node [ab]'s now\.$/)
  }, 60_000)
})
