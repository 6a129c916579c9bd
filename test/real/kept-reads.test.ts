/** Rankings that several nodes keep in one Redis, which goes away and comes back. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import {
  type GraphView,
  openGraphStore,
  openGraphView,
  openRedisCache,
  type RankRequest,
  type RedisCacheOptions,
  withKept,
} from "../../stores/index.ts"
import { type Server, startRedis } from "../servers/index.ts"
import { block, byKey, relates, tenant, thing } from "../stores/records.ts"
import { run } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"

let server: Server
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const request: RankRequest = {
  type: "thing",
  unless: [],
  steps: [{ relationship: "uses", direction: "out", type: "thing" }],
  count: 0,
  first: 9,
}

/** From so many things to one. */
const users = (sequence: number, count: number) =>
  block(
    sequence,
    Array.from({ length: count }, (_, i) => ({
      ...thing(`user ${sequence} ${i}`),
      relationships: [relates(byKey(`user ${sequence} ${i}`), byKey("used"))],
    })),
    { run: { epoch: 1, count: sequence } },
  )

/** A node that reads this graph, counts how often, and tells when Redis is away. */
async function nodeOn<G extends GraphView>(graph: G, options: RedisCacheOptions) {
  const cache = await runScoped(openRedisCache(options))
  const seen = { reads: 0, told: 0 }
  const rank: G["reads"]["rank"] = (...asked) =>
    Effect.suspend(() => {
      seen.reads++
      return graph.reads.rank(...asked)
    })
  const counted = { ...graph, reads: { ...graph.reads, rank } }
  const { reads } = withKept(counted, cache, () => seen.told++)
  const ask = Effect.map(reads.rank(tenant, request), (rows) => rows.length)
  return { seen, ask }
}

async function twoNodes(options: RedisCacheOptions) {
  const path = join(temporaryFolder(), "graph.db")
  const store = await runScoped(openGraphStore({ path }))
  const view = await runScoped(openGraphView(path))
  const nodes = [await nodeOn(store, options), await nodeOn(view, options)] as const
  return { store, nodes }
}

describe("nodes on one Redis", () => {
  it("let one of them read, and see on each what was committed on the other", async () => {
    const { store, nodes } = await twoNodes({ url: server.url, commandMillisMax: 20_000 })
    let committed = 0
    for (const sequence of [1, 2, 3]) {
      await run(store.sink.commit([users(sequence, 2)]))
      committed += 2
      const asking = nodes.flatMap(({ ask }) => [ask, ask, ask])
      const answers = await run(Effect.all(asking, { concurrency: "unbounded" }))
      expect(answers).toEqual(asking.map(() => committed))
      expect(nodes[0].seen.reads + nodes[1].seen.reads).toBe(sequence)
    }
    expect(nodes.map(({ seen }) => seen.told)).toEqual([0, 0])
  })

  it("read for themselves while it is away, say so once, and share again afterwards", async () => {
    const own = await startRedis()
    onTestFinished(() => own.stop())
    const { store, nodes } = await twoNodes({ url: own.url })
    await run(store.sink.commit([users(1, 3)]))
    own.kill()
    for (let i = 0; i < 3; i++) {
      for (const { ask } of nodes) expect(await run(ask)).toBe(3)
    }
    expect(nodes.map(({ seen }) => seen)).toEqual([
      { reads: 3, told: 1 },
      { reads: 3, told: 1 },
    ])
    await own.start()
    const isKept = async () => {
      const before = nodes[1].seen.reads
      for (const { ask } of nodes) await run(ask)
      return nodes[1].seen.reads === before
    }
    await expect.poll(isKept).toBe(true)
    expect(nodes.map(({ seen }) => seen.told)).toEqual([1, 1])
  })
})
