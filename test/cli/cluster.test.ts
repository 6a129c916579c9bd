import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import type { IntelNode } from "../../actors/index.ts"
import type { ActorRow } from "../../cli/cluster/actor-rows.ts"
import { clusterAnswer } from "../../cli/cluster/asked.ts"
import { changesOf } from "../../cli/cluster/changes.ts"
import type { Member } from "../../cli/cluster/member.ts"
import {
  actorsOver,
  type ClusterStatus,
  clusterStatus,
  orderNode,
  serveCluster,
} from "../../cli/cluster/over.ts"
import { byDepth, byName, byWork, rated } from "../../cli/cluster/rated.ts"
import { openSocket } from "../../cli/node-socket.ts"
import { forests } from "../../cli/verbs/actor-tree.ts"
import { peerFrameBytesMax, shardCount } from "../../protocols/limits.ts"
import { type ActorView, makeNodeHost } from "../../runtime/index.ts"
import { placementThatShows, viewOfShares } from "../support/cluster-members.ts"
import { intelgraph, start } from "../support/command.ts"
import { openEmbeddedNode } from "../support/embedded-node.ts"
import { begin, command } from "../support/in-process.ts"
import { MemoryLines } from "../support/memory-lines.ts"
import { closeScope, openScope, run } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"

/** Members that talk to each other, each with actors of its own. */
async function members(
  names: readonly string[],
  tenantsOf: (name: string) => readonly string[],
  actorsOf: (name: string, node: IntelNode) => ActorView = (_, node) => node.actors(),
) {
  const lines = new MemoryLines(makeNodeHost())
  const opened = await Promise.all(
    names.map(async (name) => {
      const own = { node: name, incarnation: "i" }
      const peers = await runScoped(lines.open({ own, host: makeNodeHost() }))
      const { node: opened } = await runScoped(
        openEmbeddedNode(join(temporaryFolder(), "data"), { tenants: tenantsOf(name) }),
      )
      const node: IntelNode = {
        ...opened,
        brokenEquations: () => opened.brokenEquations(),
        actors: (tenant) => (tenant === undefined ? actorsOf(name, opened) : opened.actors(tenant)),
      }
      const placement = placementThatShows(() => viewOfShares(name, names))
      const member = { name, peers, placement, node } satisfies Member
      await runScoped(serveCluster(member))
      return member
    }),
  )
  return { lines, members: opened }
}

const failureOf = <A, E>(effect: Effect.Effect<A, E>) => run(Effect.flip(effect))

describe("a cluster, through one of its nodes", { timeout: 90_000 }, () => {
  it("says of every node what that tells of itself", async () => {
    const { members: all } = await members(["a", "b", "c"], () => ["demo"])
    for (const one of all) {
      const status = await run(clusterStatus(one))
      expect(status).toMatchObject({ seenFrom: one.name, free: [] })
      expect(status.nodes.map(({ node }) => node)).toEqual(["a", "b", "c"])
      const open = status.nodes.map((each) => ("why" in each ? 0 : each.open))
      expect(open.reduce((sum, count) => sum + count, 0)).toBe(shardCount)
      for (const each of status.nodes) {
        expect(each).toMatchObject({ standing: "serves", brokenEquations: [] })
      }
    }
  })

  it("names a node that does not answer, and tells of the others", async () => {
    const { lines, members: all } = await members(["a", "b"], () => ["demo"])
    const [a, b] = all
    if (a === undefined || b === undefined) throw new Error("no members")
    lines.vanish(b.peers.own)
    const status = await run(clusterStatus(a))
    expect(status.nodes).toMatchObject([{ node: "a" }, { node: "b", why: /not there/ }])
    const seen = await run(actorsOver(a, undefined))
    expect(new Set(seen.actors.map(({ node }) => node))).toEqual(new Set(["a"]))
    expect(seen.silent).toMatchObject([{ node: "b", why: /not there/ }])
  })

  it("shows the actors of all nodes, or of one tenant", async () => {
    const { members: all } = await members(["a", "b"], (name) => ["demo", `of-${name}`])
    const [a] = all
    if (a === undefined) throw new Error("no members")
    const seen = await run(actorsOver(a, undefined))
    const nodesOf = (address: string) =>
      seen.actors.filter((row) => row.address === address).map(({ node }) => node)
    expect(nodesOf("demo/tenant/demo")).toEqual(["a", "b"])
    expect(nodesOf("of-b/tenant/of-b")).toEqual(["b"])
    const ofTenant = await run(actorsOver(a, "of-b"))
    const shown = ofTenant.actors.filter(({ tenant }) => tenant !== "system")
    expect(new Set(shown.map(({ tenant, node }) => `${node} ${tenant}`))).toEqual(
      new Set(["b of-b"]),
    )
  })

  it("shows more actors than one message holds", async () => {
    const many = Array.from({ length: 5_000 }, (_, n) => `${n}${"ü".repeat(150)}`)
    const { members: all } = await members(
      ["a", "b"],
      () => ["demo"],
      (name, node) =>
        name === "a" ? node.actors() : { ...node.actors(), children: many.map(actorView) },
    )
    const [a] = all
    if (a === undefined) throw new Error("no members")
    const seen = await run(actorsOver(a, undefined))
    const told = seen.actors.filter(({ node }) => node === "b")
    expect(JSON.stringify(told).length).toBeGreaterThan(peerFrameBytesMax)
    // Those, their root, and the requests of other nodes.
    expect(told).toHaveLength(many.length + 2)
    expect(told.at(-1)).toMatchObject({ address: "system/peers/b", inTurn: 1 })
    expect(seen.untold).toBe(0)
  })

  it("brings an order to the node that it names", async () => {
    const { members: all } = await members(["a", "b"], () => ["demo"])
    const [a, b] = all
    if (a === undefined || b === undefined) throw new Error("no members")
    await run(orderNode(a, "b", "drain"))
    await run(orderNode(a, "a", "cordon"))
    await run(orderNode(b, "b", "serve"))
    expect([a.placement.orders, b.placement.orders]).toEqual([["cordon"], ["drain", "serve"]])
    expect(await failureOf(orderNode(a, "c", "drain"))).toMatchObject({ _tag: "NotFound" })
    expect(await failureOf(orderNode(a, "b", "leave"))).toMatchObject({ _tag: "Invalid" })
    const alone = { ...a, placement: undefined, peers: undefined }
    expect(await failureOf(orderNode(alone, "a", "drain"))).toMatchObject({ _tag: "Conflict" })
  })
})

const counters = {
  offered: 0,
  admitted: 0,
  refused: 0,
  handled: 0,
  deadLettered: 0,
  expired: 0,
  shed: 0,
  queued: 0,
  stashed: 0,
  parked: 0,
  inTurn: 0,
}

const actorView = (key: string): ActorView => ({
  address: { tenant: "demo", kind: "many", key },
  state: "running",
  restarts: 0,
  counters,
  lastError: undefined,
  children: [],
})

const row = (address: string, rest: Partial<ActorRow> = {}): ActorRow => ({
  node: "a",
  address,
  tenant: "demo",
  kind: "x",
  level: 0,
  state: "running",
  restarts: 0,
  lastError: null,
  depth: 0,
  inTurn: 0,
  parked: 0,
  handled: 0,
  refused: 0,
  deadLettered: 0,
  expired: 0,
  shed: 0,
  ...rest,
})

describe("rows of actors", () => {
  it("have rates between two looks, and none below nothing", () => {
    const before = [row("one", { handled: 100 }), row("two", { handled: 50, refused: 9 })]
    const after = [
      row("one", { handled: 300 }),
      row("two", { handled: 10, refused: 10 }),
      row("new", { handled: 7 }),
    ]
    expect(
      rated(before, after, 2_000).map(({ address, handledPerSecond, refusedPerSecond }) => [
        address,
        handledPerSecond,
        refusedPerSecond,
      ]),
    ).toEqual([
      ["one", 100, 0],
      ["two", 0, 0.5],
      ["new", 3.5, 0],
    ])
  })

  it("are in the order that is asked for, by name where nothing else tells them apart", () => {
    const rows = rated(
      [],
      [
        row("b"),
        row("a"),
        row("full", { depth: 3, handled: 5 }),
        row("parked", { parked: 4 }),
        row("busy", { handled: 9 }),
      ],
      1_000,
    )
    const names = (order: typeof byWork) => [...rows].sort(order).map(({ address }) => address)
    expect(names(byWork)).toEqual(["busy", "full", "a", "b", "parked"])
    expect(names(byDepth)).toEqual(["parked", "full", "a", "b", "busy"])
    expect(names(byName)).toEqual(["a", "b", "busy", "full", "parked"])
  })

  it("are trees again, node by node", () => {
    const rows = [
      row("root"),
      row("one", { level: 1 }),
      row("leaf", { level: 2 }),
      row("two", { level: 1 }),
      row("root", { node: "b" }),
    ]
    const [a, b] = forests(rows)
    expect(a).toMatchObject({
      node: "a",
      actors: [
        {
          address: "root",
          children: [{ address: "one", children: [{ address: "leaf" }] }, { address: "two" }],
        },
      ],
    })
    expect(b).toMatchObject({ node: "b", actors: [{ address: "root", children: [] }] })
  })
})

describe("what changes in a cluster", () => {
  const status = (nodes: readonly string[], free = 0): ClusterStatus => ({
    seenFrom: "a",
    nodes: nodes.map((node) => ({ node, standing: "serves", weight: 1, why: "" })),
    shards: viewOfShares("a", nodes, free).shards.map(({ shard, holder }) => ({
      shard,
      node: holder?.node ?? null,
      epoch: holder?.epoch ?? null,
    })),
    free: [],
  })

  it("is at first who is there, and which shards nobody has", () => {
    expect(changesOf(undefined, status(["a", "b"], 1))).toEqual([
      { kind: "node", node: "a", standing: "silent" },
      { kind: "node", node: "b", standing: "silent" },
      { kind: "shard", shard: 0, from: null, to: null, epoch: null },
    ])
  })

  it("is then who came and went, and each shard that moved", () => {
    expect(changesOf(status(["a", "b"]), status(["a", "b"]))).toEqual([])
    const changes = changesOf(status(["a", "b"]), status(["a", "c"], 1))
    expect(changes.slice(0, 4)).toEqual([
      { kind: "node", node: "c", standing: "silent" },
      { kind: "node-gone", node: "b" },
      { kind: "shard", shard: 0, from: "a", to: null, epoch: null },
      { kind: "shard", shard: 1, from: "b", to: "c", epoch: 1 },
    ])
    expect(changes).toHaveLength(3 + shardCount / 2)
  })
})

const patient = { timeout: 30_000, interval: 20 }

/** A node that is alone, in this process, with a socket that commands find. */
async function aloneIn(folder: string) {
  const dataDir = join(folder, "intelgraph-data")
  const { node } = await runScoped(openEmbeddedNode(dataDir, { tenants: ["demo"] }))
  const member: Member = { name: "alone", node, placement: undefined, peers: undefined }
  const scope = openScope()
  onTestFinished(() => closeScope(scope))
  const answered = openSocket(dataDir, (request) => clusterAnswer(member, request) ?? Effect.void)
  await run(Scope.provide(answered, scope))
  return { member, dataDir, answered, end: () => closeScope(scope) }
}

describe("the verbs over a cluster", { timeout: 90_000 }, () => {
  it("work on one node that is alone", async () => {
    const folder = temporaryFolder()
    await aloneIn(folder)
    const json = async (...words: readonly string[]) => {
      const ended = await command(folder, ...words, "--json")
      expect([words, ended.code, ended.err]).toEqual([words, 0, ""])
      return JSON.parse(ended.out)
    }
    expect(await json("cluster", "status")).toMatchObject({
      nodes: [{ node: "alone", open: shardCount, brokenEquations: [] }],
      free: [],
    })
    const { actors } = await json("actor", "ls", "--kind", "partition", "--tenant", "demo")
    expect(actors.map(({ address }: ActorRow) => address)).toContain("demo/partition/0")
    expect(await json("actor", "get", "demo/tenant/demo")).toMatchObject({
      actors: [{ state: "running", kind: "tenant" }],
    })
    expect((await json("actor", "tree")).nodes[0]).toMatchObject({ node: "alone" })
    for (const verb of ["actor", "mailbox"]) {
      const top = await json(verb, "top", "--first", "3")
      expect(top.actors).toHaveLength(3)
      expect(top.more).toBeGreaterThan(60)
    }
  })

  it("show a person what they show a program", async () => {
    const folder = temporaryFolder()
    await aloneIn(folder)
    const shown: readonly (readonly [RegExp, readonly string[]])[] = [
      [
        /^one node, seen from alone\n.*every shard has an owner\nequations hold\n$/s,
        ["cluster", "status"],
      ],
      [/alone +demo\/partition\/0 +running/, ["actor", "ls"]],
      [
        /^demo\/tenant\/demo on alone: running\n {2}restarts 0\n/,
        ["actor", "get", "demo/tenant/demo"],
      ],
      [/^node alone\n {2}system.root.root /, ["actor", "tree"]],
      [/^node +mailbox +state +depth/, ["mailbox", "top"]],
    ]
    for (const [pattern, words] of shown) {
      const { code, out } = await command(folder, ...words)
      expect([words, code, out]).toEqual([words, 0, expect.stringMatching(pattern)])
    }
  })

  it("say in one sentence what is wrong", async () => {
    const folder = temporaryFolder()
    const none = await command(folder, "cluster", "status")
    expect([none.code, none.out]).toEqual([1, ""])
    expect(none.err).toMatch(/^intelgraph: No node runs on .*Start it with/)
    await aloneIn(folder)
    const refusals: readonly (readonly [number, RegExp, readonly string[]])[] = [
      [1, /no node "b"; there is alone/, ["node", "drain", "b"]],
      [1, /is alone/, ["node", "cordon", "alone"]],
      [1, /no actor demo\/partition\/x/, ["actor", "get", "demo/partition/x"]],
      [2, /is not tenant\/kind\/key/, ["actor", "get", "nonsense"]],
      [2, /--over is "soon"/, ["actor", "top", "--over", "soon"]],
      [2, /--first/, ["mailbox", "top", "--first", "0"]],
      [2, /--state is "dead"; it is one of running, /, ["actor", "ls", "--state", "dead"]],
    ]
    for (const [code, pattern, words] of refusals) {
      const ended = await command(folder, ...words)
      expect([words, ended.code, ended.err]).toEqual([words, code, expect.stringMatching(pattern)])
      expect([ended.out, ended.err.match(/\n\s+at /)]).toEqual(["", null])
    }
  })

  it("go on watching over a node that ends and comes back", async () => {
    const folder = temporaryFolder()
    const { answered, end } = await aloneIn(folder)
    const watch = begin(folder, "cluster", "watch")
    await vi.waitFor(() => expect(watch.err()).toMatch(/Watching/), patient)
    await end()
    await vi.waitFor(() => expect(watch.err()).toMatch(/No node runs/), patient)
    await runScoped(answered)
    const told = begin(folder, "cluster", "watch", "--first", "1", "--json")
    expect(JSON.parse((await told.ended).out)).toEqual({
      kind: "node",
      node: "alone",
      standing: "serves",
    })
    watch.interrupt()
    const ended = await watch.ended
    expect([ended.code, ended.out]).toEqual([0, "node alone: serves\n"])
    expect(ended.err.match(/No node runs/g)).toHaveLength(1)
  })

  it("are answered by a node that is started", async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, "intelgraph.yaml"), "version: 1\ngateway: {port: 0}\n")
    const node = start({ folder }, "start")
    await node.says(/GraphQL/)
    const status = await intelgraph({ folder }, "cluster", "status", "--json")
    expect([status.code, JSON.parse(status.out).nodes.length]).toEqual([0, 1])
    expect((await intelgraph({ folder }, "node", "drain", "alone")).code).toBe(1)
    const audit = await intelgraph({ folder }, "audit", "--json")
    expect(audit.out).toMatch(/"action":"node order","what":"drain alone","outcome":"failed"/)
    node.child.kill("SIGINT")
    expect((await node.ended).code).toBe(0)
  })
})
