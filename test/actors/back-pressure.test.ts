/** A sink that never answers, and who waits for it: the sender does, and nobody else. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import type { Ports } from "../../actors/index.ts"
import { shardOf } from "../../protocols/address.ts"
import {
  blockEventsMax,
  partitionMailboxBlocksMax,
  pulledBytesMax,
} from "../../protocols/limits.ts"
import { requestOf } from "../support/embedded-node.ts"
import { CommitGate, until } from "../support/node-faults.ts"
import {
  actorsOf,
  expectDone,
  outcomeOf,
  parkedOf,
  settled,
  source,
  tenantsOfOneShard,
  undisturbed,
  untilNone,
  withNode,
} from "../support/node-world.ts"
import { temporaryFolder } from "../support/scoped.ts"

/** More than the mailbox, the sink and the sender's own blocks hold of one partition. */
const records = 10_000

describe("a sink that never answers", () => {
  it("fills the mailbox, stops the reading, and loses nothing when it answers again", async () => {
    const folder = temporaryFolder()
    const job = source(folder, "one", { records })
    const whole = await undisturbed([job], { partitions: 1 })
    const gate = new CommitGate()
    gate.close("demo")
    const settings = { partitions: 1, tenants: ["demo"], wrap: gate.wrap }
    await withNode(folder, settings, (running) =>
      Effect.gen(function* () {
        const { node } = running
        const ingest = yield* Effect.forkScoped(node.ingest(requestOf(job)))
        const refused = () => node.progress()[0]?.refusedBlocks ?? 0
        const offered = () => node.progress()[0]?.offered ?? 0
        yield* until("a block is refused", () => refused() > 0)
        const [atFirst, refusedAtFirst] = [offered(), refused()]
        yield* until("it is refused again and again", () => refused() > refusedAtFirst + 4)
        expect(offered()).toBe(atFirst)
        expect(atFirst).toBeLessThan(records)
        const [partition] = actorsOf(node.actors("demo"), "partition")
        expect(partition?.counters).toMatchObject({
          admitted: partitionMailboxBlocksMax,
          handled: 0,
        })
        expect(partition?.counters.refused).toBeGreaterThan(4)
        expect(node.brokenEquations()).toEqual([])
        const askedOfSink = gate.calls.length

        gate.open("demo")
        expectDone([yield* Fiber.join(ingest)])
        expect(askedOfSink).toBe(1)
        yield* settled(running)
        expect(yield* outcomeOf(running)).toEqual(whole)
      }),
    )
  })

  it("is asked how far it is by one look at a time, while it says nothing", async () => {
    const gate = new CommitGate()
    gate.close("demo")
    let looks = 0
    let answer = () => {}
    const answered = new Promise<void>((resolve) => {
      answer = resolve
    })
    const wrap = (ports: Ports): Ports => {
      const wrapped = gate.wrap(ports)
      const runCounters: Ports["reads"]["runCounters"] = (...of) => {
        looks++
        const counters = wrapped.reads.runCounters(...of)
        return Effect.andThen(
          Effect.promise(() => answered),
          counters,
        )
      }
      return { ...wrapped, reads: { ...wrapped.reads, runCounters } }
    }
    await withNode(temporaryFolder(), { partitions: 1, tenants: ["demo"], wrap }, (running) =>
      Effect.gen(function* () {
        const { node } = running
        const job = source(temporaryFolder(), "one", { records })
        const ingest = yield* Effect.forkScoped(node.ingest(requestOf(job)))
        const refused = () => node.progress()[0]?.refusedBlocks ?? 0
        yield* until("it is asked", () => looks > 0)
        const before = refused()
        yield* until("a block is refused again and again", () => refused() > before + 8)
        expect(looks).toBe(1)
        gate.open("demo")
        answer()
        expectDone([yield* Fiber.join(ingest)])
      }),
    )
  })

  it("does not hold up another tenant, on the same shard neither", async () => {
    const folder = temporaryFolder()
    const [a, b] = tenantsOfOneShard()
    const jobA = source(folder, "one", { records }, a)
    const jobB = source(folder, "one", { records: 4_000 }, b)
    const wholeA = await undisturbed([jobA], { partitions: 1, tenants: [a] }, a)
    const gate = new CommitGate()
    gate.close(a)
    await withNode(folder, { partitions: 1, tenants: [a, b], wrap: gate.wrap }, (running) =>
      Effect.gen(function* () {
        const { node } = running
        const stuck = yield* Effect.forkScoped(node.ingest(requestOf(jobA)))
        const depthOf = (tenant: string) =>
          actorsOf(node.actors(tenant), "partition")[0]?.counters ?? { admitted: 0, handled: 0 }
        yield* until("A waits", () => depthOf(a).admitted === partitionMailboxBlocksMax)
        expectDone([yield* node.ingest(requestOf(jobB))])
        expect(depthOf(a)).toMatchObject({ admitted: partitionMailboxBlocksMax, handled: 0 })
        expect(gate.calls.filter((tenants) => tenants.includes(a))).toEqual([[a]])
        gate.open(a)
        expectDone([yield* Fiber.join(stuck)])
        yield* settled(running)
        expect((yield* outcomeOf(running, a)).hash).toBe(wholeA.hash)
      }),
    )
  })
})

describe("blocks that may not hold up a shard", () => {
  // The pulled blocks of one stuck partition fill this.
  const small = 256 * 1024
  expect(small).toBeLessThan(pulledBytesMax)

  it("are parked, worked before their successors, and removed when they are done", async () => {
    const folder = temporaryFolder()
    const [a, b] = tenantsOfOneShard()
    const jobA = source(folder, "one", { records, padBytes: 100 }, a)
    const jobB = source(folder, "one", { records: 4_000, padBytes: 100 }, b)
    const wholeA = await undisturbed([jobA], { partitions: 1, tenants: [a] }, a)
    const gate = new CommitGate()
    gate.close(a)
    const node = { pulledBytesMax: small }
    await withNode(folder, { partitions: 1, tenants: [a, b], wrap: gate.wrap, node }, (running) =>
      Effect.gen(function* () {
        const countersOfA = () => actorsOf(running.node.actors(a), "partition")[0]?.counters
        const parked = parkedOf(running.ports, shardOf(a, 0))
        const stuck = yield* Effect.forkScoped(running.node.ingest(requestOf(jobA)))
        yield* until("A fills the share", () => (countersOfA()?.refused ?? 0) > 0)
        expect(yield* parked).toEqual([])
        expectDone([yield* running.node.ingest(requestOf(jobB))])
        expect((yield* parked).length).toBeGreaterThan(0)
        expect(countersOfA()?.handled).toBe(0)
        expect(running.node.brokenEquations()).toEqual([])
        gate.open(a)
        expectDone([yield* Fiber.join(stuck)])
        yield* settled(running)
        yield* untilNone(parked)
        expect(yield* outcomeOf(running, a)).toEqual(wholeA)
      }),
    )
  })

  it("are found by the next owner, who works them first", async () => {
    const folder = temporaryFolder()
    const [a, b] = tenantsOfOneShard()
    const jobA = source(folder, "one", { records: 5_000, padBytes: 100 }, a)
    const jobB = source(folder, "one", { records: 2_000, padBytes: 100 }, b)
    const wholeA = await undisturbed([jobA], { partitions: 1, tenants: [a] }, a)
    const gate = new CommitGate()
    gate.close(a)
    const settings = { partitions: 1, tenants: [a, b], node: { pulledBytesMax: small } }
    const listed = await withNode(folder, { ...settings, wrap: gate.wrap }, (running) =>
      Effect.gen(function* () {
        yield* Effect.forkScoped(running.node.ingest(requestOf(jobA)))
        const admitted = () => actorsOf(running.node.actors(a), "partition")[0]?.counters.admitted
        yield* until("A has sent all", () => (admitted() ?? 0) >= 5_000 / blockEventsMax)
        expectDone([yield* running.node.ingest(requestOf(jobB))])
        return yield* parkedOf(running.ports, shardOf(a, 0))
      }),
    )
    expect(listed.length).toBeGreaterThan(0)
    await withNode(folder, settings, (running) =>
      Effect.gen(function* () {
        const counters = () => actorsOf(running.node.actors(a), "partition")[0]?.counters
        expect(counters()?.admitted).toBeGreaterThanOrEqual(listed.length)
        expectDone([yield* running.node.ingest(requestOf(jobA))])
        yield* settled(running)
        yield* untilNone(parkedOf(running.ports, shardOf(a, 0)))
        expect(yield* outcomeOf(running, a)).toEqual(wholeA)
        expect(counters()?.handled).toBe(counters()?.admitted)
      }),
    )
  })
})
