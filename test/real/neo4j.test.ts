/** The graph store in Neo4j: the port's conformance suite, and what is of this adapter alone. */
import * as Effect from "effect/Effect"
import fc from "fast-check"
import neo4j, { type Plan, type Session } from "neo4j-driver"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import type { BlockEffects } from "../../protocols/graph.ts"
import { blockEventsMax } from "../../protocols/limits.ts"
import { edgesByEnds, edgesById } from "../../stores/adapters/neo4j/columns.ts"
import { driverOf, transact } from "../../stores/adapters/neo4j/connection.ts"
import { ReadStore } from "../../stores/adapters/neo4j/read-store.ts"
import { neo4jFormat } from "../../stores/adapters/neo4j/schema.ts"
import { metadataOf } from "../../stores/adapters/neo4j/takeover.ts"
import { type Neo4jOptions, openNeo4jGraph, openNeo4jView } from "../../stores/index.ts"
import { type Server, startNeo4j } from "../servers/index.ts"
import { choices, chooser, priorities, readings, schedule } from "../stores/arbitrary.ts"
import { graphConformance } from "../stores/graph-conformance.ts"
import { GraphModel, hashOfVisible } from "../stores/model.ts"
import {
  block,
  byAlias,
  byKey,
  record,
  relates,
  retract,
  tenant,
  thing,
} from "../stores/records.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"

let server: Server
beforeAll(async () => {
  // A suite for all stores commits 50,000 records at once, twelve times what a node does.
  server = await startNeo4j({ heapMebibytes: 1_536 })
})
afterAll(() => server?.stop())

const optionsOf = (store: string) => ({
  url: server.url,
  user: server.user ?? "",
  password: server.password ?? "",
  store,
})

graphConformance({
  name: "Neo4j",
  open: (path) => openNeo4jGraph(optionsOf(path)),
  // A history takes seconds here: the feed is read while writers are kept out.
  histories: 6,
})

let stores = 0
const freshName = () => `own ${stores++}`
const opened = (name: string) => runScoped(openNeo4jGraph(optionsOf(name)))

describe("several nodes on one Neo4j", () => {
  it("write for one tenant at the same time, and make one graph with one feed", async () => {
    const name = freshName()
    const nodes = [await opened(name), await opened(name), await opened(name)]
    const told: number[] = []
    for (const [i, node] of nodes.entries()) node.feed.watch(tenant, () => void told.push(i))
    const lanes = nodes.map((_, partition) => laneOf(partition))
    await run(
      Effect.forEach(
        nodes,
        (node, i) => Effect.forEach(lanes[i] ?? [], (one) => node.sink.commit([one])),
        { concurrency: nodes.length },
      ),
    )
    const alone = await opened(freshName())
    for (const one of lanes.flat()) await run(alone.sink.commit([one]))
    const all = [...nodes, alone]
    const hashes = await run(Effect.forEach(all, ({ reads }) => reads.graphHash(tenant)))
    expect(new Set(hashes).size).toBe(1)
    const counts = await run(Effect.forEach(all, ({ reads }) => reads.counts(tenant)))
    for (const one of counts) expect(one).toEqual(counts.at(-1))
    await expect.poll(() => new Set(told).size, { timeout: 10_000 }).toBe(nodes.length)
  })

  it("leave the graph of the definition, whatever is read and in whatever order", async () => {
    const { sink, reads } = await opened(freshName())
    let tenants = 0
    await fc.assert(
      fc.asyncProperty(readings, priorities, choices, async (runs, settings, numbers) => {
        const name = `random-${tenants++}`
        const calls = schedule(runs, chooser(numbers))
        const model = new GraphModel()
        for (const one of calls.flat()) model.commit(one)
        for (const { source, priority } of settings) model.configureSource(source, priority)
        for (const call of calls) {
          const { length } = await run(sink.commit(call.map((one) => ({ ...one, tenant: name }))))
          expect(length).toBe(call.length)
        }
        for (const { source, priority } of settings) {
          await run(sink.configureSource(name, source, { priority }))
        }
        expect(await run(reads.graphHash(name))).toBe(hashOfVisible(model.visible()))
      }),
      { numRuns: 5, endOnFailure: true },
    )
  })
})

describe("a writer that keeps what it has written", () => {
  it.each([
    ["of the server, and makes the same graph as one that never does", newLaneOf],
    ["what claims a name that the transaction before it has claimed", sharingLaneOf],
    ["what is of types that come up with it", growingLaneOf],
  ])("decides ahead %s", async (_, laneOfPartition) => {
    const counts = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))
    const busy = await runScoped(openNeo4jGraph({ ...optionsOf(freshName()), counts }))
    const lanes = [0, 1].map(laneOfPartition)
    await commitLanes(busy, lanes)
    expect(counts[1]).toBeGreaterThan(0)
    await expectSameGraph(busy, lanes)
  })

  it("asks anew where another node has written, or moved a source, in between", async () => {
    const name = freshName()
    const [first, second] = [await opened(name), await opened(name)]
    const lanes = [0, 1, 2].map(longLaneOf)
    const [one = [], two = [], three = []] = lanes
    const priority = { priority: 3 }
    for (const [i, turn] of one.entries()) {
      const [beside, other] = [two[i], three[i]]
      const asked = [turn, ...(beside === undefined ? [] : [beside])].map((own) =>
        first.sink.commit([own]),
      )
      const others = other === undefined ? [] : [second.sink.commit([other])]
      await run(Effect.all([...asked, ...others], { concurrency: "unbounded", discard: true }))
      await run(second.sink.configureSource(tenant, "source 0", priority))
    }
    const alone = await expectSameGraph(first, lanes, priority)
    const counts = await run(Effect.forEach([first, alone], ({ reads }) => reads.counts(tenant)))
    expect(counts[0]).toEqual(counts[1])
  })

  it.each([
    ["", longLaneOf],
    [", also with types that the next one brings", growingLaneOf],
  ])("goes on where its transaction was ended in the middle%s", async (_, laneOfPartition) => {
    const name = freshName()
    const store = await opened(name)
    const lanes = [0, 1].map(laneOfPartition)
    const ending = endWriters(name)
    await commitLanes(store, lanes)
    expect(await ending()).toBeGreaterThan(0)
    await expectSameGraph(store, lanes)
  })
})

describe("a writer that stands still", () => {
  it("holds no guard against a higher epoch", async () => {
    const name = freshName()
    const store = await opened(name)
    const { shard } = block(1, [])
    await run(store.sink.commit([block(1, [thing("a")], { epoch: 4 })]))
    await withSession(async (session) => {
      const metadata = metadataOf(name, [{ shard, epoch: 4 }])
      const transaction = await session.beginTransaction({ metadata })
      const lock = "MATCH (g:_Guard {store: $name, shard: $shard}) SET g._lock = true"
      await transaction.run(lock, { name, shard })
      const begin = performance.now()
      await run(store.sink.guard("log", [{ shard, epoch: 5 }]))
      expect(performance.now() - begin).toBeLessThan(takeoverMillisMax)
      await expect(transaction.commit()).rejects.toThrow()
    })
    const late = await run(store.sink.commit([block(2, [thing("b")], { epoch: 4 })]))
    expect(late).toEqual([{ kind: "fenced", current: 5 }])
  })

  it("holds up no guard of a shard that is not its own", async () => {
    const name = freshName()
    const store = await opened(name)
    await run(store.sink.guard("log", [{ shard: 3, epoch: 4 }]))
    await withSession(async (session) => {
      const transaction = await session.beginTransaction()
      await transaction.run("MATCH (s:_Store {name: $name}) SET s._lock = true", { name })
      const begin = performance.now()
      await run(store.sink.guard("log", [{ shard: 7, epoch: 1 }]))
      expect(performance.now() - begin).toBeLessThan(takeoverMillisMax)
      await transaction.rollback()
    })
  })

  it("lets the higher of two epochs of a shard through that come together", async () => {
    const store = await opened(freshName())
    const asked = [4, 5, 6].map((epoch) =>
      store.sink.guard("log", [{ shard: 3, epoch }]).pipe(
        Effect.as("guarded"),
        Effect.catch(({ _tag }) => Effect.succeed(_tag)),
      ),
    )
    const [first, second, highest] = await run(Effect.all(asked, { concurrency: "unbounded" }))
    expect(highest).toBe("guarded")
    for (const lower of [first, second]) expect(["guarded", "Fenced"]).toContain(lower)
  })

  it("holds up no commits when it came to its locks under an epoch that had passed", async () => {
    const name = freshName()
    const [owner, other] = [await opened(name), await opened(name)]
    const { shard } = block(1, [])
    await run(owner.sink.guard("log", [{ shard, epoch: 5 }]))
    await run(owner.sink.commit([block(1, [thing("a")], { epoch: 5 })]))
    await withSession(async (session) => {
      const transaction = await session.beginTransaction({
        metadata: metadataOf(name, [{ shard, epoch: 4 }]),
      })
      const locks = `MATCH (g:_Guard {store: $name}) SET g._lock = true
        WITH count(g) AS guards MATCH (t:_Tenant {store: $name}) SET t._lock = true`
      await transaction.run(locks, { name })
      const elsewhere = block(1, [thing("b")], { partition: 1 })
      const commits = [
        owner.sink.commit([block(2, [thing("c")], { epoch: 5 })]),
        other.sink.commit([elsewhere]),
      ]
      const begin = performance.now()
      const outcomes = await run(Effect.all(commits, { concurrency: "unbounded" }))
      expect(outcomes).toMatchObject([[{ kind: "applied" }], [{ kind: "applied" }]])
      expect(performance.now() - begin).toBeLessThan(standingMillisMax)
      await expect(transaction.commit()).rejects.toThrow()
    })
  }, 60_000)

  it("holds up no guard by commits of the new owner that wait for it", async () => {
    const name = freshName()
    const store = await opened(name)
    const { shard } = block(1, [])
    await run(store.sink.commit([block(1, [thing("a")])]))
    await withSession(async (session) => {
      const metadata = metadataOf(name, [{ shard: shard + 1, epoch: 4 }])
      const transaction = await session.beginTransaction({ metadata })
      const lock = "MATCH (t:_Tenant {store: $name}) SET t._lock = true"
      await transaction.run(lock, { name })
      const waits = run(store.sink.commit([block(2, [thing("b")])]))
      await expect.poll(() => isBlocked(name), { timeout: takeoverMillisMax }).toBe(true)
      const begin = performance.now()
      await run(store.sink.guard("log", [{ shard: shard + 1, epoch: 5 }]))
      expect(performance.now() - begin).toBeLessThan(takeoverMillisMax)
      expect(await waits).toMatchObject([{ kind: "applied" }])
      await expect(transaction.commit()).rejects.toThrow()
    })
  })

  it("lets guards that come together through, but for the one that is behind", async () => {
    const store = await opened(freshName())
    await run(store.sink.guard("log", [{ shard: 3, epoch: 7 }]))
    const asked = [1, 2, 3, 4].map((shard) =>
      run(Effect.exit(store.sink.guard("log", [{ shard, epoch: 5 }]))),
    )
    const tags = (await Promise.all(asked)).map(({ _tag }) => _tag)
    expect(tags).toEqual(["Success", "Success", "Failure", "Success"])
    const late = await run(store.sink.guard("log", [{ shard: 4, epoch: 4 }]).pipe(Effect.flip))
    expect(late).toMatchObject({ _tag: "Fenced", shard: 4, current: 5 })
  })
})

describe("a Neo4j that goes away", () => {
  it("makes commits unavailable until it is back, and each block counts once", async () => {
    const store = await opened(freshName())
    await run(store.sink.commit([block(1, [thing("a")])]))
    server.kill()
    const failure = await run(Effect.flip(store.sink.commit([block(2, [thing("b")])])))
    expect(failure).toMatchObject({ _tag: "Unavailable" })
    const read = await run(Effect.flip(store.reads.counts(tenant)))
    expect(read).toMatchObject({ _tag: "Unavailable" })
    await server.start()
    await expect
      .poll(() => run(Effect.exit(store.sink.commit([block(2, [thing("b")])]))), {
        timeout: 60_000,
      })
      .toMatchObject({ _tag: "Success" })
    expect(await run(store.reads.counts(tenant))).toMatchObject({ entities: 2 })
  })
})

describe("a transaction", () => {
  it("says why it failed, also where what came after it was heard first", async () => {
    const driver = driverOf({ ...optionsOf(freshName()), database: "neo4j" })
    const reading = { mode: "READ", timeoutMillis: 10_000, keep: false } as const
    const failed = transact(driver, "neo4j", reading, async (cypher) => {
      cypher.send("RETURN r / 0", [1])
      await cypher.rows("RETURN 1").catch(() => undefined)
      return cypher.rows("RETURN 1")
    })
    const code = "Neo.ClientError.Statement.ArithmeticError"
    await expect(failed).rejects.toMatchObject({ code })
    await driver.close()
  })
})

describe("a graph in Neo4j", () => {
  it("shows other tools types as labels, and relationships by their names", async () => {
    const store = await opened(freshName())
    const type = `odd \`${Date.now()}\``
    const said = record("pair", {
      entities: [{ type, key: "a", aliases: [], properties: { name: "A" } }],
      relationships: [relates(byKey("a", type), byKey("b", "_Tenant"), { type: "is`odd" })],
    })
    await run(store.sink.commit([block(1, [said])]))
    await withSession(async (session) => {
      const found = await session.run(
        `MATCH (a:$($type))-[e]->(b) UNWIND labels(b) AS label WITH a, e, b, label ORDER BY label
         RETURN a.key, type(e), collect(label), b.key`,
        { type },
      )
      const [row] = found.records
      expect(row?.keys.map((key) => row.get(key))).toEqual([
        "a",
        "is`odd",
        ["_Entity", "_Other", "_Stub"],
        "b",
      ])
    })
  })

  it("is read beside its writers without making anything", async () => {
    const name = freshName()
    const view = await runScoped(openNeo4jView(optionsOf(name)))
    expect(await run(view.reads.tenants)).toEqual([])
    const store = await opened(name)
    await run(store.sink.commit([block(1, [thing("a")])]))
    expect(await run(view.reads.counts(tenant))).toMatchObject({ entities: 1 })
    expect((await run(view.feed.position(tenant))).sequences).toEqual([1])
  })

  it("is read where it is written, of the servers that an address leads to", async () => {
    const writing = (url: string) => {
      const store = new ReadStore({ ...optionsOf(freshName()), url, database: "neo4j" })
      onTestFinished(() => store.close())
      return run(Effect.exit(store.plain((cypher) => cypher.rows("CREATE (n:_Tried) RETURN 1"))))
    }
    // What is asked of any server is refused a write; what reads is rolled back in any case.
    expect(await writing(server.url)).toMatchObject({ _tag: "Failure" })
    expect(await writing(server.url.replace("bolt:", "neo4j:"))).toMatchObject({ _tag: "Success" })
    await withSession(async (session) => {
      expect((await session.run("MATCH (n:_Tried) RETURN n")).records).toEqual([])
    })
  })

  it("says what is wrong when it is opened, and never the password", async () => {
    const refused = (more: Partial<Neo4jOptions>) =>
      run(Effect.flip(Effect.scoped(openNeo4jGraph({ ...optionsOf("refused"), ...more }))))
    const failures = [
      [await refused({ password: "no-such-secret" }), "DataDirectoryRefused", "do not fit"],
      [await refused({ database: "nowhere" }), "DataDirectoryRefused", "no such database"],
      [await refused({ url: "bolt://127.0.0.1:1" }), "Unavailable", "127.0.0.1:1"],
      [await refused({ url: "http://localhost" }), "Invalid", "bolt://"],
    ] as const
    for (const [failure, tag, words] of failures) {
      expect(failure._tag).toBe(tag)
      expect(failure.message).toContain(words)
      expect(JSON.stringify(failure)).not.toContain("no-such-secret")
    }
  })

  it("goes on with what format 1 has written", async () => {
    const name = freshName()
    const links = [relates(byKey("a"), byKey("b")), relates(byKey("a"), byKey("c"))]
    const first = [thing("a"), record("links", { relationships: links })]
    const later = [
      record("links", { relationships: links.slice(0, 1) }),
      record("more", { relationships: links.slice(0, 1) }),
    ]
    const alone = await opened(freshName())
    await run(Effect.scoped(committedTo(name, block(1, first))))
    await withSession((session) =>
      session.run(
        `MATCH (s:_Store {name: $name}) SET s.format = 1
         WITH s MATCH (t:_Tenant {store: $name}) MATCH (n:_Entity {tenant: t.id})-[e]->(:_Entity)
         SET e.discriminator = coalesce(e.discriminator, ''),
           e.derived = coalesce(e.derived, 0), e.links = coalesce(e.links, 1)`,
        { name },
      ),
    )
    const store = await opened(name)
    const second = block(2, later, { firstOrdinal: 10 })
    await run(store.sink.commit([second]))
    for (const one of [block(1, first), second]) await run(alone.sink.commit([one]))
    const hashes = await run(Effect.forEach([store, alone], (one) => one.reads.graphHash(tenant)))
    expect(hashes[0]).toBe(hashes[1])
    expect(await run(store.reads.counts(tenant))).toMatchObject({ relationships: 1 })
    await withSession(async (session) => {
      const found = await session.run("MATCH (s:_Store {name: $name}) RETURN s.format", { name })
      expect(found.records[0]?.get(0).toNumber()).toBe(neo4jFormat)
    })
  })

  it("is looked up by seeks, also while the server has not counted what was written", async () => {
    const { sink } = await opened(freshName())
    const things = Array.from({ length: blockEventsMax }, (_, i) => thing(`k${i}`))
    await run(sink.commit([block(1, things)]))
    const plans = await withSession(async (session) => {
      const found: string[][] = []
      for (const text of [edgesById, edgesByEnds]) {
        const explained = `EXPLAIN CYPHER replan=force UNWIND $batch.rows AS r ${text}`
        const parameters = { batch: { rows: [] }, tenant: 1 }
        const { summary } = await session.run(explained, parameters)
        found.push(summary.plan === false ? [] : operatorsOf(summary.plan))
      }
      return found
    })
    for (const operators of plans) {
      expect(operators.filter((name) => /Scan|Join/.test(name))).toEqual([])
      expect(operators.filter((name) => name.startsWith("NodeUniqueIndexSeek"))).toHaveLength(2)
      expect(operators).toContain("Expand(Into)")
    }
  })

  it("refuses a newer format by name", async () => {
    const name = freshName()
    await run(Effect.scoped(openNeo4jGraph(optionsOf(name))))
    await withSession((session) =>
      session.run("MATCH (s:_Store {name: $name}) SET s.format = 99", { name }),
    )
    const failure = await run(Effect.flip(Effect.scoped(openNeo4jGraph(optionsOf(name)))))
    expect(failure).toMatchObject({ _tag: "DataDirectoryRefused", reason: "newer-format" })
    expect(failure.message).toContain("format 99")
  })
})

const committedTo = (name: string, one: BlockEffects) =>
  openNeo4jGraph(optionsOf(name)).pipe(Effect.flatMap(({ sink }) => sink.commit([one])))

/** What a takeover may take at most here; a lock that is waited for lasts two minutes. */
const takeoverMillisMax = 20_000

/** A third of what the server lets a transaction live, on a machine that is busy. */
const standingMillisMax = 40_000

async function withSession<A>(use: (session: Session) => PromiseLike<A>): Promise<A> {
  const { url, user = "", password = "" } = server
  const driver = neo4j.driver(url, neo4j.auth.basic(user, password))
  try {
    return await use(driver.session({ database: "neo4j" }))
  } finally {
    await driver.close()
  }
}

const operatorsOf = ({ operatorType, children }: Plan): string[] => [
  operatorType.replace(/@.*/, ""),
  ...children.flatMap(operatorsOf),
]

type Opened = Awaited<ReturnType<typeof opened>>
type Lanes = readonly (readonly BlockEffects[])[]

/** All lanes at the same time, the blocks of each one after the other. */
const commitLanes = ({ sink }: Opened, lanes: Lanes): Promise<void> =>
  run(
    Effect.forEach(
      lanes,
      (lane) => Effect.forEach(lane, (one) => sink.commit([one]), { discard: true }),
      { concurrency: lanes.length, discard: true },
    ),
  )

/** As one store alone that is written block by block; answers that one. */
async function expectSameGraph(
  { reads }: Opened,
  lanes: Lanes,
  source0?: { readonly priority: number },
): Promise<Opened> {
  const alone = await opened(freshName())
  for (const one of lanes.flat()) await run(alone.sink.commit([one]))
  if (source0 !== undefined) await run(alone.sink.configureSource(tenant, "source 0", source0))
  expect(await run(reads.graphHash(tenant))).toBe(await run(alone.reads.graphHash(tenant)))
  return alone
}

/** Ends a transaction of the store whenever one is seen, three times at most; answers how often. */
function endWriters(store: string): () => Promise<number> {
  let isOver = false
  const ended = withSession(async (session) => {
    let count = 0
    while (!isOver && count < 3) {
      const { records } = await session.run(
        `SHOW TRANSACTIONS YIELD transactionId, metaData, elapsedTime
         WHERE metaData.intelgraphStore = $store AND elapsedTime.milliseconds > 20
         RETURN transactionId`,
        { store },
      )
      const ids = records.map((record) => record.get("transactionId"))
      if (ids.length > 0) await session.run("TERMINATE TRANSACTIONS $ids", { ids })
      count += ids.length
    }
    return count
  })
  return () => {
    isOver = true
    return ended
  }
}

/** Of one source, in blocks as large as they may be: things said once, each joined to another. */
const newLaneOf = (partition: number): readonly BlockEffects[] =>
  Array.from({ length: 6 }, (_, i) => {
    const keyOf = (at: number) => `${partition} ${at}`
    const own = Array.from({ length: blockEventsMax / 2 }, (_, j) => i * blockEventsMax + j)
    const things = own.map((at) => thing(keyOf(at), { i }))
    const links = own.map((at) => {
      const to = byKey(keyOf(Math.max(0, i - 1) * blockEventsMax))
      return record(`link ${keyOf(at)}`, { relationships: [relates(byKey(keyOf(at)), to)] })
    })
    return block(i + 1, [...things, ...links], {
      ...{ partition, shard: partition },
      firstOrdinal: i * blockEventsMax,
    })
  })

/** As `newLaneOf`, with a type of relationships that each block is the first to have. */
const growingLaneOf = (partition: number): readonly BlockEffects[] =>
  newLaneOf(partition).map((own, i) => ({
    ...own,
    records: own.records.map((one) => {
      const type = `kind ${partition} ${i}`
      return { ...one, relationships: one.relationships.map((link) => ({ ...link, type })) }
    }),
  }))

/** As `newLaneOf`; where two take turns, each block claims and names what the one before claims. */
const sharingLaneOf = (partition: number): readonly BlockEffects[] =>
  newLaneOf(partition).map((own, i) => {
    const turn = 2 * i + partition
    const claiming = [turn - 1, turn].map((shared, j) => {
      const key = `${partition} claims ${i} ${j}`
      return thing(key, { i }, { aliases: [{ scheme: "id", value: `${shared}` }] })
    })
    // By an alias that only the block before claims, of which nobody claims anything later.
    const linking = [turn - 1].filter((before) => before >= 0)
    const links = linking.map((before) => {
      const to = byAlias(`own ${before}`)
      return record(`by alias ${turn}`, { relationships: [relates(byKey(`${partition} 0`), to)] })
    })
    const named = thing(`own ${turn}`, {}, { aliases: [{ scheme: "id", value: `own ${turn}` }] })
    const more = [...claiming, ...links, named]
    return { ...own, records: [...own.records.slice(0, -more.length), ...more] }
  })

/** Blocks as large as they may be: things that partitions share in part, and what joins them. */
const longLaneOf = (partition: number): readonly BlockEffects[] =>
  Array.from({ length: 4 }, (_, i) => {
    const own = Array.from({ length: blockEventsMax / 2 }, (_, j) => {
      const key = `k${partition * 600 + i * 150 + j}`
      return thing(key, { n: partition, i }, { aliases: [{ scheme: "id", value: key }] })
    })
    const links = own.map(({ recordKey }, j) => {
      const to = j % 9 === 0 ? byAlias(`k${j * 7}`) : byKey(`k${j * 11}`)
      const relationships = [relates(byKey(recordKey), to, { derived: j % 5 === 0 })]
      return record(`${partition}: ${recordKey}`, { relationships })
    })
    return block(i + 1, [...own, ...links], {
      ...{ partition, shard: partition, source: `source ${partition}` },
      firstOrdinal: i * blockEventsMax,
    })
  })

/** Whether a transaction of that store waits for another one. */
const isBlocked = (store: string): Promise<boolean> =>
  withSession(async (session) => {
    const { records } = await session.run(
      `SHOW TRANSACTIONS YIELD metaData, status WHERE metaData.intelgraphStore = $store
       RETURN status`,
      { store },
    )
    return records.some((record) => String(record.get("status")).startsWith("Blocked"))
  })

/** What a partition brings: entities that all share, links by key, changes and retractions. */
const laneOf = (partition: number): readonly BlockEffects[] =>
  Array.from({ length: 8 }, (_, i) => {
    const own = Array.from({ length: 10 }, (_, j) =>
      thing(`k${(i * 7 + j) % 40}`, { n: partition }),
    )
    const links = own.map((_, j) => relates(byKey(`k${j}`), byKey(`k${(i + j) % 40}`)))
    const said = record(`links ${i % 3}`, { relationships: links })
    const gone = i % 4 === 3 ? [retract(`k${i}`)] : []
    return block(i + 1, [...own, said, ...gone], {
      partition,
      shard: partition,
      source: `source ${partition}`,
      firstOrdinal: i * 100,
    })
  })
