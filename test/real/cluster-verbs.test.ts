/** The verbs over a cluster, on nodes that share the shards and talk over a real server. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest"
import { clusterAnswer } from "../../cli/cluster/asked.ts"
import type { Member } from "../../cli/cluster/member.ts"
import { type ClusterStatus, isSilent, serveCluster } from "../../cli/cluster/over.ts"
import { openSocket } from "../../cli/node-socket.ts"
import { shardCount } from "../../protocols/limits.ts"
import { openBroker } from "../../runtime/adapters/jetstream/connection.ts"
import { makeNodeHost, openPeers, openRegister, runPlacement } from "../../runtime/index.ts"
import { type Server, startNats } from "../servers/index.ts"
import { openEmbeddedNode } from "../support/embedded-node.ts"
import { begin, command } from "../support/in-process.ts"
import { logName } from "../support/jetstream-world.ts"
import { closeScope, openScope, run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"

const patient = { timeout: 90_000, interval: 100 }

/** A node with a folder from which commands reach it; its actors have a log of their own. */
async function openMember(servers: string, name: string, node: string) {
  const folder = temporaryFolder()
  const dataDir = join(folder, "intelgraph-data")
  const scope = openScope()
  onTestFinished(() => closeScope(scope))
  const opened = Effect.gen(function* () {
    const { broker } = yield* openBroker({ servers })
    const host = makeNodeHost()
    const own = { node, incarnation: `i-${node}` }
    const peers = yield* openPeers(broker, { own, name, host })
    const register = yield* openRegister(broker, { name })
    const work = { open: () => Effect.succeed(1), close: () => Effect.void }
    const placement = yield* runPlacement({ ...own, weight: 1, register, work, host })
    const { node: actors } = yield* openEmbeddedNode(dataDir, { tenants: ["demo", `of-${node}`] })
    const member: Member = { name: node, peers, placement, node: actors }
    yield* serveCluster(member)
    yield* openSocket(dataDir, (request) => clusterAnswer(member, request) ?? Effect.void)
    return member
  })
  const member = await run(Scope.provide(opened, scope))
  const json = async (...words: readonly string[]) => {
    const { code, out } = await command(folder, ...words, "--json")
    return { code, value: JSON.parse(out) }
  }
  return { member, folder, json, end: () => closeScope(scope) }
}

describe("a cluster of nodes", { timeout: 240_000 }, () => {
  let server: Server | undefined
  beforeAll(async () => {
    server = await startNats()
  })
  afterAll(() => server?.stop())

  async function three() {
    const name = logName()
    const open = (node: string) => openMember(server?.url ?? "", name, node)
    const nodes = { a: await open("a"), b: await open("b"), c: await open("c") }
    const whole = async () => {
      const { code, value } = await nodes.a.json("cluster", "status")
      const { nodes: seen, free }: ClusterStatus = value
      expect([code, free, seen.map(({ node }) => node)]).toEqual([0, [], ["a", "b", "c"]])
      const open = seen.map((one) => (isSilent(one) ? 0 : one.open))
      expect(open.every((count) => count > 0)).toBe(true)
      expect(open.reduce((sum, count) => sum + count, 0)).toBe(shardCount)
    }
    await vi.waitFor(whole, patient)
    return nodes
  }

  const heldBy = (status: ClusterStatus, node: string) =>
    status.shards.filter((one) => one.node === node).length

  test("is seen alike, and its actors found, from each of them", async () => {
    const { a, b, c } = await three()
    for (const from of [b, c]) {
      const isAlike = async () => {
        const { value }: { readonly value: ClusterStatus } = await from.json("cluster", "status")
        expect([value.nodes.map(({ node }) => node), value.free]).toEqual([["a", "b", "c"], []])
      }
      await vi.waitFor(isAlike, patient)
    }
    const { value } = await a.json("actor", "get", "of-c/tenant/of-c")
    expect(value.actors).toMatchObject([{ node: "c", state: "running" }])
    const every = (await b.json("actor", "ls", "--tenant", "demo", "--kind", "tenant")).value
    expect(every.actors.map(({ node }: { readonly node: string }) => node)).toEqual(["a", "b", "c"])
  })

  test("is ordered through any of them, and watched meanwhile", async () => {
    const { a, b, c } = await three()
    const watch = begin(a.folder, "cluster", "watch")
    await vi.waitFor(() => expect(watch.err()).toMatch(/Watching/), patient)
    expect((await command(c.folder, "node", "cordon", "b")).code).toBe(0)
    await vi.waitFor(() => expect(watch.out()).toMatch(/^node b: cordoned$/m), patient)
    const before = heldBy((await a.json("cluster", "status")).value, "b")
    expect(before).toBeGreaterThan(0)
    expect((await command(c.folder, "node", "serve", "b")).code).toBe(0)
    await vi.waitFor(() => expect(watch.out().match(/^node b: serves$/gm)).toHaveLength(2), patient)

    const drained = await command(a.folder, "node", "drain", "b", "--wait", "--json")
    expect([drained.code, JSON.parse(drained.out)]).toEqual([
      0,
      { node: "b", order: "drain", shards: 0 },
    ])
    await vi.waitFor(() => expect(watch.out()).toMatch(/^node b is gone$/m), patient)
    const isTakenOver = async () => {
      const { value }: { readonly value: ClusterStatus } = await a.json("cluster", "status")
      expect([heldBy(value, "a") + heldBy(value, "c"), value.free]).toEqual([shardCount, []])
    }
    await vi.waitFor(isTakenOver, patient)
    expect(watch.out()).toMatch(/^shard \d+: b -> [ac], epoch 1$|^shard \d+: nobody -> [ac]/m)
    await run(b.member.placement?.left ?? Effect.void)
    watch.interrupt()
    expect((await watch.ended).code).toBe(0)
  })

  test("is told of with a node that has just gone, and without it later", async () => {
    const { a, c } = await three()
    await c.end()
    const silent = await command(a.folder, "cluster", "status")
    if (silent.code === 1) expect(silent.err).toMatch(/^intelgraph: Without the node c: /m)
    const whole = async () => {
      const { code, value } = await a.json("cluster", "status")
      expect([code, value.nodes.length, value.free]).toEqual([0, 2, []])
    }
    await vi.waitFor(whole, patient)
  })
})
