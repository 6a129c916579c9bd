/** Writes over the edge of any node of a cluster, also while nodes come, go and die. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { describe, expect, it } from "vitest"
import { sourceOf } from "../../actors/write/between.ts"
import { keeperOf } from "../../actors/write/keeper.ts"
import { shardOfAddress } from "../../protocols/address.ts"
import { shardCount, writeInlineBytesMax } from "../../protocols/limits.ts"
import { shareOut } from "../../runtime/index.ts"
import type { CallPoint } from "../support/faults.ts"
import { run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"
import { sharedOut, until, WriteCluster, type WriteNode } from "../support/write-cluster.ts"
import {
  receiptOf,
  spooled,
  things,
  took,
  type Written,
  writesOf,
  wrote,
} from "../support/writes.ts"

/** Records that no other write has. */
const linesOf = (name: string, count = 3) =>
  Array.from({ length: count }, (_, n) => ({ id: `${name} ${n}`, of: "p", said: name }))

/** As a client does that is told to ask again. */
const tookAtLast = (node: WriteNode, written: Written): Effect.Effect<void, unknown> =>
  Effect.catchTag(took(node, written), "Unavailable", () =>
    Effect.andThen(Effect.sleep(50), tookAtLast(node, written)),
  )

const over = (node: WriteNode, key: string) =>
  until(async () => expect((await run(receiptOf(node, key)))?.state).toBe("committed"))

/** Its bytes go when its receipt says that it is over. */
const untilNoneSpooled = (cluster: WriteCluster, name: string) =>
  until(() => expect(spooled(cluster.folderOf(name))).toEqual([]))

/** Each of these records came once, in whatever number of readings. */
async function expectEachOnce(node: WriteNode, records: number): Promise<void> {
  const { byType } = await run(node.ports.reads.counts("demo"))
  expect(byType).toContainEqual({ type: "thing", count: records })
  const sources = await run(node.ports.reads.sources("demo"))
  const counters = sources.map((one) => one.counters)
  const sum = (name: "accepted" | "duplicates") => counters.reduce((all, one) => all + one[name], 0)
  expect({ accepted: sum("accepted"), duplicates: sum("duplicates") }).toEqual({
    accepted: records,
    duplicates: 0,
  })
}

const shardOfSource = (source: string) => shardOfAddress(sourceOf("demo", source))
const shardOfReceipts = shardOfAddress(keeperOf("demo"))

/** Sources that are this node's where these two share the shards. */
function sourcesOf(node: string, other: string, count: number): readonly string[] {
  const owners = shareOut([node, other].map((one) => ({ node: one, weight: 1 })))
  const all = Array.from({ length: 1_000 }, (_, n) => `s${n}`)
  return all.filter((source) => owners[shardOfSource(source)] === node).slice(0, count)
}

/** Two nodes of which the second has the receipts of the tenant. */
function twoNames(): readonly [string, string] {
  for (let n = 0; ; n++) {
    const names = ["one", `two-${n}`] as const
    const owners = shareOut(names.map((node) => ({ node, weight: 1 })))
    if (owners[shardOfReceipts] === names[1]) return names
  }
}

async function twoNodes(cluster: WriteCluster) {
  const [first, second] = twoNames()
  const nodes = await Promise.all([cluster.join(first), cluster.join(second)])
  await sharedOut(nodes)
  return nodes
}

describe("writes to any node", () => {
  it("are taken, each once, and told of by all in the same words", async () => {
    const cluster = new WriteCluster(temporaryFolder())
    const nodes = await twoNodes(cluster)
    const [a, b] = nodes
    const sources = [...sourcesOf(a.name, b.name, 3), ...sourcesOf(b.name, a.name, 3)]
    const writes = sources.flatMap((source) => [
      ...nodes.map((node) => ({ to: [node], key: `${source} at ${node.name}`, source })),
      { to: nodes, key: `${source} at both`, source },
    ])
    await run(
      Effect.forEach(
        writes.flatMap(({ to, key, source }) => to.map((node) => ({ node, key, source }))),
        ({ node, key, source }) => tookAtLast(node, { key, source, lines: linesOf(key) }),
        { concurrency: "unbounded" },
      ),
    )
    for (const { key } of writes) {
      const told = await Promise.all(nodes.map((node) => run(receiptOf(node, key))))
      expect(told[0]).toMatchObject({ state: "committed", accepted: 3, read: 3 })
      expect(told[1]).toEqual(told[0])
    }
    await expectEachOnce(a, 3 * writes.length)
    for (const { name } of nodes) await untilNoneSpooled(cluster, name)
  }, 60_000)

  it("are taken in any size, and wait there as here until they are over", async () => {
    const cluster = new WriteCluster(temporaryFolder())
    const [a, b] = await twoNodes(cluster)
    const [ofA = "", ofB = ""] = [sourcesOf(a.name, b.name, 1)[0], sourcesOf(b.name, a.name, 1)[0]]
    const many = things(Math.ceil((2 * writeInlineBytesMax) / 40))
    expect(JSON.stringify(many).length).toBeGreaterThan(writeInlineBytesMax)
    const receipt = await run(wrote(a, { key: "large", source: ofB, lines: many }))
    expect(receipt).toMatchObject({ state: "committed", accepted: many.length })
    const small = await run(wrote(b, { key: "small", source: ofA, lines: things(2) }))
    expect(small).toMatchObject({ state: "committed", accepted: 2 })
    for (const { name } of [a, b]) await untilNoneSpooled(cluster, name)
  }, 60_000)

  it("are a conflict under the key of another one, whose source is wherever it is", async () => {
    const cluster = new WriteCluster(temporaryFolder())
    const [a, b] = await twoNodes(cluster)
    const [ofA = "", ofB = ""] = [sourcesOf(a.name, b.name, 1)[0], sourcesOf(b.name, a.name, 1)[0]]
    await run(wrote(a, { key: "k", source: ofA, lines: things(2) }))
    for (const node of [a, b]) {
      for (const other of [
        { source: ofB, lines: things(2) },
        { source: ofA, lines: things(3) },
      ]) {
        const refused = await run(Effect.flip(took(node, { key: "k", ...other })))
        expect(refused).toMatchObject({ _tag: "Conflict" })
      }
      const none = await run(writesOf(node).receipt("other", "k", 0))
      expect(none).toBeUndefined()
    }
    const same = await run(
      Effect.forEach(
        [ofA, ofB],
        (source) => Effect.result(took(a, { key: "race", source, lines: things(1) })),
        { concurrency: "unbounded" },
      ),
    )
    const lost = same.filter(Result.isFailure).map(({ failure }) => failure._tag)
    expect(lost).toEqual(["Conflict"])
  }, 60_000)

  it("that nobody can take now may be repeated, and are taken once", async () => {
    const cluster = new WriteCluster(temporaryFolder())
    const [a, b] = await twoNodes(cluster)
    const [ofB = ""] = sourcesOf(b.name, a.name, 1)
    b.kill()
    const refused = await run(Effect.flip(took(a, { key: "k", source: ofB, lines: things(2) })))
    expect(refused).toMatchObject({ _tag: "Unavailable" })
    await run(tookAtLast(a, { key: "k", source: ofB, lines: things(2) }))
    await over(a, "k")
    await expectEachOnce(a, 2)
  }, 60_000)
})

describe("a write whose node is killed", () => {
  it("before it is read goes on with the bytes of a repeat, and is not read again", async () => {
    const cluster = new WriteCluster(temporaryFolder())
    const [first, second] = twoNames()
    const [a, b] = [await cluster.join(first), await cluster.join(second, { reads: "nothing" })]
    await sharedOut([a, b])
    const [ofB = ""] = sourcesOf(b.name, a.name, 1)
    const kept = { key: "kept", source: ofB, lines: linesOf("kept") }
    await run(took(a, kept))
    expect(await run(receiptOf(a, "kept", "demo", 0))).toMatchObject({ state: "pending", given: 3 })
    expect(spooled(cluster.folderOf(second))).toHaveLength(1)
    b.kill()
    await until(() => expect(a.open.size).toBe(shardCount))
    expect(await run(receiptOf(a, "kept", "demo", 0))).toMatchObject({ state: "pending" })
    const other = await run(Effect.flip(took(a, { ...kept, lines: linesOf("other") })))
    expect(other).toMatchObject({ _tag: "Conflict" })
    await run(took(a, kept))
    await over(a, "kept")
    await run(wrote(a, { key: "after", source: ofB, lines: linesOf("kept", 1) }))
    const told = await run(receiptOf(a, "kept"))
    const again = await cluster.join(second)
    await sharedOut([a, again])
    await untilNoneSpooled(cluster, second)
    expect(await run(receiptOf(again, "kept"))).toEqual(told)
    const [counted] = await run(again.ports.reads.sources("demo"))
    expect(counted?.counters).toMatchObject({ accepted: 3, duplicates: 1 })
  }, 90_000)

  it("and that nobody repeats goes on where its source is when the node is back", async () => {
    const cluster = new WriteCluster(temporaryFolder())
    const [first, second] = twoNames()
    const [a, b] = [await cluster.join(first), await cluster.join(second, { reads: "nothing" })]
    await sharedOut([a, b])
    const [ofB = ""] = sourcesOf(b.name, a.name, 1)
    await run(took(b, { key: "kept", source: ofB, lines: linesOf("kept") }))
    b.kill()
    await until(() => expect(a.open.size).toBe(shardCount))
    const again = await cluster.join(second)
    await over(again, "kept")
    await untilNoneSpooled(cluster, second)
    await untilNoneSpooled(cluster, first)
    await expectEachOnce(a, 3)
  }, 90_000)
})

describe("a write that waits while its source goes to another node", () => {
  it("is given to that one, with its bytes", async () => {
    const cluster = new WriteCluster(temporaryFolder())
    const [first, second] = twoNames()
    const b = await cluster.join(second, { reads: "nothing" })
    await until(() => expect(b.open.size).toBe(shardCount))
    const [ofA = ""] = sourcesOf(first, second, 1)
    await run(took(b, { key: "small", source: ofA, lines: linesOf("small") }))
    const many = things(Math.ceil((2 * writeInlineBytesMax) / 40))
    await run(took(b, { key: "large", source: ofA, lines: many }))
    const a = await cluster.join(first)
    await over(b, "small")
    await over(b, "large")
    await untilNoneSpooled(cluster, second)
    await expectEachOnce(a, 3 + many.length)
  }, 90_000)
})

describe("a write that another one of its source has overtaken", () => {
  it("is counted once, and changes nothing that a later one wrote", async () => {
    await Promise.all([countedOnce(), countedOnceThroughTwoKills(), leavingWhatIsLater()])
  }, 120_000)

  it("is read once more where the later one was older, or was set aside", async () => {
    await Promise.all([takingWhatIsNewer(), takingWhatIsValid()])
  }, 120_000)
})

const inTheMiddle: CallPoint = { port: "sink", method: "commit", call: 1, when: "after" }
const betweenBlocks: CallPoint = { port: "log", method: "append", call: 3, when: "before" }

/** The first of two nodes is killed while it reads this write, and its source is the other's. */
async function killedReading(kept: Omit<Written, "source">, killAt: CallPoint) {
  const cluster = new WriteCluster(temporaryFolder())
  const [first, second] = twoNames()
  const [a, b] = await Promise.all([cluster.join(first, { killAt }), cluster.join(second)])
  await sharedOut([a, b])
  const [source = ""] = sourcesOf(first, second, 1)
  await run(took(a, { ...kept, source }))
  await until(() => expect(a.isOver()).toBe(true))
  await until(() => expect(b.open.size).toBe(shardCount))
  return { cluster, b, source }
}

async function countedOnce(): Promise<void> {
  const lines = linesOf("kept", 50)
  const { cluster, b, source } = await killedReading({ key: "kept", lines }, inTheMiddle)
  await run(wrote(b, { key: "between", source, lines: linesOf("between") }))
  const kept = await run(wrote(b, { key: "kept", source, lines }))
  expect(kept).toMatchObject({ state: "committed", read: 50, accepted: 50 })
  await expectEachOnce(b, 53)
  await untilNoneSpooled(cluster, b.name)
  // Runs of later writes have numbers of their own.
  const later = await run(wrote(b, { key: "later", source, lines }))
  expect(later).toMatchObject({ read: 50, accepted: 0, duplicates: 50, stale: 0 })
}

async function countedOnceThroughTwoKills(): Promise<void> {
  const lines = linesOf("kept", 50)
  const { cluster, b, source } = await killedReading({ key: "kept", lines }, inTheMiddle)
  await run(wrote(b, { key: "between", source, lines: linesOf("between", 1) }))
  const c = await cluster.join("three", { killAt: { ...betweenBlocks, when: "after" } })
  b.kill()
  await until(() => expect(c.open.size).toBe(shardCount))
  await run(wrote(c, { key: "again", source, lines: linesOf("again", 1) }))
  await run(took(c, { key: "kept", source, lines }))
  await until(() => expect(c.isOver()).toBe(true))
  const d = await cluster.join("four")
  await until(() => expect(d.open.size).toBe(shardCount))
  await run(wrote(d, { key: "once more", source, lines: linesOf("once more", 1) }))
  const kept = await run(wrote(d, { key: "kept", source, lines }))
  expect(kept).toMatchObject({ state: "committed", read: 50, accepted: 50 })
  await expectEachOnce(d, 53)
}

async function leavingWhatIsLater(): Promise<void> {
  const linesSaying = (said: string) => linesOf("kept", 50).map((line) => ({ ...line, said }))
  const early = { key: "kept", lines: linesSaying("early") }
  const { b, source } = await killedReading(early, betweenBlocks)
  await run(wrote(b, { key: "between", source, lines: linesSaying("late") }))
  const told = await run(wrote(b, { ...early, source }))
  const { state, read, accepted, duplicates, stale } = told
  expect(duplicates).toBeGreaterThan(0)
  expect([state, read, accepted + duplicates, stale]).toEqual(["committed", 50, 50, duplicates])
  for (const { id } of early.lines) {
    const [assertion] = await run(b.ports.reads.assertions("demo", "thing", id))
    expect(assertion?.properties).toMatchObject({ said: "late" })
  }
}

async function takingWhatIsNewer(): Promise<void> {
  const dated = (said: string, modified: string) =>
    linesOf("kept", 50).map((line) => ({ ...line, said, modified }))
  const newer = { key: "kept", lines: dated("newer", "2026-02-02T00:00:00Z") }
  const { b, source } = await killedReading(newer, betweenBlocks)
  await run(wrote(b, { key: "between", source, lines: dated("older", "2026-01-01T00:00:00Z") }))
  await expectTaken(b, { ...newer, source }, "newer")
}

async function takingWhatIsValid(): Promise<void> {
  const valid = { key: "kept", lines: linesOf("kept", 50) }
  const { b, source } = await killedReading(valid, betweenBlocks)
  const lines = valid.lines.map((line) => ({ ...line, of: {} }))
  const aside = await run(wrote(b, { key: "between", source, lines }))
  expect(aside).toMatchObject({ read: 50, deadLettered: 50 })
  await expectTaken(b, { ...valid, source }, "kept")
}

/** A repeat of this write leaves all of its records in the graph, and some were there before. */
async function expectTaken(node: WriteNode, written: Written, said: string): Promise<void> {
  const { state, read, accepted, duplicates, stale } = await run(wrote(node, written))
  expect([state, read, accepted + duplicates, stale]).toEqual(["committed", 50, 50, 0])
  expect(Math.min(accepted, duplicates)).toBeGreaterThan(0)
  for (const { id } of linesOf("kept", 50)) {
    const [assertion] = await run(node.ports.reads.assertions("demo", "thing", id))
    expect(assertion?.properties).toMatchObject({ said })
  }
}

type Killed = "the source's" | "the receipts'"

const steps: readonly (readonly [Killed, CallPoint])[] = [
  ["the source's", { port: "arriving", method: "keep", call: 1, when: "before" }],
  ["the source's", { port: "arriving", method: "keep", call: 1, when: "after" }],
  ["the source's", { port: "spool", method: "remove", call: 1, when: "before" }],
  ["the receipts'", { port: "receipts", method: "write", call: 1, when: "before" }],
  ["the receipts'", { port: "receipts", method: "write", call: 1, when: "after" }],
  ["the receipts'", { port: "receipts", method: "write", call: 2, when: "after" }],
]

describe("a write that comes through a third node", () => {
  it("is taken once, whichever of the others is killed at any step of it", async () => {
    await Promise.all(steps.map(([whose, at]) => takenThroughKill(whose, at)))
  }, 180_000)
})

/** Three nodes of which the second has the receipts and the third the source. */
function threeNames(): readonly [readonly [string, string, string], string] {
  for (let n = 0; ; n++) {
    const names = ["one", `two-${n}`, "three"] as const
    const owners = shareOut(names.map((node) => ({ node, weight: 1 })))
    if (owners[shardOfReceipts] !== names[1]) continue
    for (let m = 0; m < 100; m++) {
      if (owners[shardOfSource(`s${m}`)] === names[2]) return [names, `s${m}`]
    }
  }
}

async function takenThroughKill(whose: Killed, at: CallPoint): Promise<void> {
  const cluster = new WriteCluster(temporaryFolder())
  const [[first, second, third], source] = threeNames()
  const killAt = (one: Killed) => (one === whose ? { killAt: at } : {})
  const edge = await cluster.join(first)
  const [receipts, reader] = await Promise.all([
    cluster.join(second, killAt("the receipts'")),
    cluster.join(third, killAt("the source's")),
  ])
  await sharedOut([edge, receipts, reader])
  expect([receipts.open.has(shardOfReceipts), reader.open.has(shardOfSource(source))]).toEqual([
    true,
    true,
  ])
  await run(tookAtLast(edge, { key: "k", source, lines: linesOf("k", 50) }))
  const killed = whose === "the source's" ? reader : receipts
  await until(() => expect(killed.isOver(), JSON.stringify(at)).toBe(true))
  const again = await cluster.join(killed.name)
  await over(edge, "k")
  await run(tookAtLast(again, { key: "k", source, lines: linesOf("k", 50) }))
  await untilNoneSpooled(cluster, second)
  await untilNoneSpooled(cluster, third)
  const told = await run(receiptOf(again, "k"))
  expect(told, JSON.stringify(at)).toMatchObject({ state: "committed", accepted: 50, read: 50 })
  expect(await run(receiptOf(edge, "k"))).toEqual(told)
  await expectEachOnce(edge, 50)
}
