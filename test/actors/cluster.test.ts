/** Nodes of one process that share the shards of one log and one graph. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { fileSource } from "../../actors/adapters/file-source.ts"
import { makeNode, openSpool, type Ports, type ShardEvent } from "../../actors/index.ts"
import { shardOfConnector } from "../../actors/partition.ts"
import { formatAddress } from "../../protocols/address.ts"
import { LogDamaged, Unavailable } from "../../protocols/errors.ts"
import { shardCount } from "../../protocols/limits.ts"
import { makeNodeHost, openDataDirectory, openEmbeddedLog, shareOut } from "../../runtime/index.ts"
import { openGraphStore } from "../../stores/index.ts"
import { type EmbeddedNode, ingestAll } from "../support/embedded-node.ts"
import { MemoryRegister } from "../support/memory-register.ts"
import { outcomeOf, settled, source, undisturbed } from "../support/node-world.ts"
import { closeScope, openScope, run } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"
import { receiptOf, things, took, wrote } from "../support/writes.ts"

interface Joined extends EmbeddedNode {
  /** Shards whose actors work here. */
  readonly open: ReadonlySet<number>
  /** Shards that were given up for good. */
  readonly broken: ReadonlySet<number>
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
  const damaged: { shard: number | undefined } = { shard: undefined }
  let incarnations = 0
  /** `reads`: what it reads of the bytes of writes; `away`: reads of the state that fail first. */
  const joined = async (node: string, reads?: "nothing", away = 0): Promise<Joined> => {
    const scope = openScope()
    const open = new Set<number>()
    const broken = new Set<number>()
    const shards = ({ event, shard }: ShardEvent) => {
      if (event === "opened") open.add(shard)
      if (event === "closed") open.delete(shard)
      if (event === "broken") broken.add(shard)
    }
    const { sink, feed } = shared
    const log: Ports["log"] = {
      ...shared.log,
      pull: (owner, most) =>
        owner.shard === damaged.shard ? Effect.fail(isDamaged) : shared.log.pull(owner, most),
    }
    let failures = away
    const state: Ports["state"] = {
      ...shared.state,
      read: (shard, path) =>
        Effect.suspend(() =>
          failures-- > 0 ? Effect.fail(isAway) : shared.state.read(shard, path),
        ),
    }
    const sources: Ports["sources"] =
      reads === "nothing" ? { ...fileSource, open: () => Effect.never } : fileSource
    const made = Effect.gen(function* () {
      const spool = yield* openSpool(join(folder, `spool-${node}`))
      const ports: Ports = {
        host: makeNodeHost(),
        log,
        state,
        sink,
        reads: shared.reads,
        sources,
        spool,
      }
      const incarnation = `${node}-${++incarnations}`
      const cluster = { node, incarnation, weight: 1, register }
      const options = { tenants: [{ tenant: "demo" }], watch: { shards }, cluster }
      return { node: yield* makeNode(ports, options), ports, feed }
    })
    onTestFinished(() => closeScope(scope))
    return {
      ...(await run(Scope.provide(made, scope))),
      open,
      broken,
      close: () => closeScope(scope),
    }
  }
  return { join: joined, damaged }
}

const isDamaged = new LogDamaged({ partition: "", sequence: 0, message: "It is damaged." })
const isAway = new Unavailable({ message: "It is away.", retryAfterMillis: 1 })

const byNumber = (a: number, b: number) => a - b

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

  it("wait where the state is away while they start", async () => {
    const folder = temporaryFolder()
    const cluster = await openCluster(folder)
    const { node, open } = await cluster.join("a", undefined, 5)
    await until(() => expect(open.size).toBe(shardCount))
    expect(node.actors("demo").children).toHaveLength(1)
  }, 60_000)

  it("go on without a shard whose log is damaged, until somebody has mended it", async () => {
    const folder = temporaryFolder()
    const cluster = await openCluster(folder)
    cluster.damaged.shard = 7
    const others = Array.from({ length: shardCount }, (_, shard) => shard).filter((n) => n !== 7)
    const a = await cluster.join("a")
    await until(() => expect([...a.open].sort(byNumber)).toEqual(others))
    const b = await cluster.join("b")
    await until(() => expect(b.open.size).toBeGreaterThan(shardCount / 3))
    await until(() => expect([...a.open, ...b.open].sort(byNumber)).toEqual(others))
    expect([[...a.broken], [...b.broken]]).toEqual([[7], []])
    await a.close()
    await until(() => expect([...b.open].sort(byNumber)).toEqual(others))
    await until(() => expect([...b.broken]).toEqual([7]))
    cluster.damaged.shard = undefined
    b.node.placement?.order("serve")
    await until(() => expect(b.open.size).toBe(shardCount))
  }, 60_000)

  it("take a write where all that it needs is, and elsewhere say where", async () => {
    const folder = temporaryFolder()
    const cluster = await openCluster(folder)
    const [a, b] = await Promise.all([cluster.join("a"), cluster.join("b")])
    await sharedOut(a, b)
    const sources = Array.from({ length: 12 }, (_, n) => `s${n}`)
    const answers = await run(
      Effect.forEach(
        sources.flatMap((name) => [a, b].map((node) => ({ name, node }))),
        ({ name, node }) =>
          took(node, { key: name, source: name, lines: things(3) }).pipe(
            Effect.as("taken"),
            Effect.catch(({ message }) => Effect.succeed(message)),
          ),
      ),
    )
    const refused = answers.filter((answer) => answer !== "taken")
    expect([refused.length > 0, refused.length < answers.length]).toEqual([true, true])
    for (const message of refused) expect(message).toMatch(/^Shard \d+ is node [ab]'s now\.$/)
  }, 60_000)

  it("keep a write that one took and did not read, whoever takes the next", async () => {
    const folder = temporaryFolder()
    const cluster = await openCluster(folder)
    const { other, source: from } = takerBeside("first")
    const first = await cluster.join("first")
    await until(() => expect(first.open.size).toBe(shardCount))
    const line = (id: string) => ({ source: from, key: id, lines: [{ id, said: id, of: "p" }] })
    await run(wrote(first, line("before")))
    const hanging = await cluster.join(other, "nothing")
    await until(() => expect(hanging.open.has(shardOfSource(from))).toBe(true))
    await until(() => expect(hanging.open.has(shardOfWrites)).toBe(true))
    await run(took(hanging, line("kept")))
    expect(await run(Effect.flip(took(first, line("no"))))).toMatchObject({ _tag: "Unavailable" })
    await hanging.close()
    await until(() => expect(first.open.size).toBe(shardCount))
    await run(wrote(first, line("after")))
    expect((await run(receiptOf(first, "kept")))?.state).toBe("pending")
    expect(await run(Effect.flip(took(first, { ...line("kept"), text: "{}" })))).toMatchObject({
      _tag: "Conflict",
    })
    const again = await cluster.join(other)
    await vi.waitFor(
      async () => expect((await run(receiptOf(again, "kept")))?.state).toBe("committed"),
      { timeout: 30_000, interval: 50 },
    )
    const counts = await run(again.ports.reads.counts("demo"))
    expect(counts.byType).toContainEqual({ type: "thing", count: 3 })
  }, 90_000)
})

const shardOfSource = (key: string) =>
  shardOfConnector(formatAddress({ tenant: "demo", kind: "connector", key }))
const shardOfWrites = shardOfConnector(formatAddress({ tenant: "demo", kind: "writes", key: "" }))

/** A node beside this one that gets the tenant's writes, and a source that it gets as well. */
function takerBeside(node: string): { readonly other: string; readonly source: string } {
  for (let n = 0; ; n++) {
    const other = `other-${n}`
    const owners = shareOut([node, other].map((one) => ({ node: one, weight: 1 })))
    if (owners[shardOfWrites] !== other) continue
    for (let m = 0; m < 50; m++) {
      if (owners[shardOfSource(`s${m}`)] === other) return { other, source: `s${m}` }
    }
  }
}
