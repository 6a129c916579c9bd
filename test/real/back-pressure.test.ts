/**
 * The figures of back-pressure, which take time: ten seconds with a sink that never answers, and
 * the pace of one tenant beside another whose sink is stuck.
 */
import { memoryUsage } from "node:process"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import { partitionMailboxBlocksMax, partitionsDefault } from "../../protocols/limits.ts"
import { requestOf } from "../support/embedded-node.ts"
import { CommitGate, until } from "../support/node-faults.ts"
import {
  actorsOf,
  expectDone,
  outcomeOf,
  settled,
  source,
  tenantsOfOneShard,
  undisturbed,
  withNode,
} from "../support/node-world.ts"
import { temporaryFolder } from "../support/scoped.ts"

const stuckMillis = 10_000
const mebibyte = 1024 ** 2

describe("a sink that never answers, for ten seconds", () => {
  it("stops the reading, takes no more memory, and loses nothing", async () => {
    const folder = temporaryFolder()
    const job = source(folder, "one", { records: 60_000, padBytes: 500 })
    const whole = await undisturbed([job])
    const gate = new CommitGate()
    gate.close("demo")
    await withNode(folder, { tenants: ["demo"], wrap: gate.wrap }, (running) =>
      Effect.gen(function* () {
        const { node } = running
        const ingest = yield* Effect.forkScoped(node.ingest(requestOf(job)))
        const progress = () => node.progress()[0]
        const full = partitionsDefault * partitionMailboxBlocksMax
        yield* until("every mailbox is full", () => progress()?.mailboxDepth === full)
        yield* Effect.sleep(1_000)
        const before = { offered: progress()?.offered, bytes: memoryUsage().rss }
        const refused = progress()?.refusedBlocks ?? 0
        yield* Effect.sleep(stuckMillis)
        expect(progress()?.offered).toBe(before.offered)
        expect(progress()?.refusedBlocks).toBeGreaterThan(refused)
        expect(memoryUsage().rss - before.bytes).toBeLessThan(16 * mebibyte)
        expect(node.brokenEquations()).toEqual([])
        gate.open("demo")
        expectDone([yield* Fiber.join(ingest)])
        yield* settled(running)
        expect(yield* outcomeOf(running)).toEqual(whole)
      }),
    )
  })
})

describe("a tenant beside one whose sink is stuck, on the same shard", () => {
  it("keeps at least 80 % of the pace that it has alone", async () => {
    const [a, b] = tenantsOfOneShard()
    const once = async (beside: boolean): Promise<number> => {
      const folder = temporaryFolder()
      const jobA = source(folder, "one", { records: 20_000 }, a)
      const jobB = source(folder, "one", { records: 20_000 }, b)
      const gate = new CommitGate()
      gate.close(a)
      const settings = { partitions: 1, tenants: [a, b], wrap: gate.wrap }
      return withNode(folder, settings, ({ node }) =>
        Effect.gen(function* () {
          if (beside) {
            yield* Effect.forkScoped(node.ingest(requestOf(jobA)))
            const depth = () => actorsOf(node.actors(a), "partition")[0]?.counters.refused ?? 0
            yield* until("A is refused", () => depth() > 0)
          }
          const from = performance.now()
          expectDone([yield* node.ingest(requestOf(jobB))])
          return performance.now() - from
        }),
      )
    }
    await once(false)
    const [alone, beside]: [number[], number[]] = [[], []]
    for (let round = 0; round < 5; round++) {
      const order = round % 2 === 0 ? [false, true] : [true, false]
      for (const stuck of order) (stuck ? beside : alone).push(await once(stuck))
    }
    const ratio = median(alone) / median(beside)
    console.info(`pace beside a stuck tenant: ${ratio.toFixed(2)} of the pace alone`)
    expect(ratio).toBeGreaterThanOrEqual(0.8)
  })
})

const median = (values: readonly number[]): number =>
  [...values].sort((x, y) => x - y)[Math.floor(values.length / 2)] ?? Number.NaN
