/** A node whose graph is in two stores: one that is away holds senders up, and loses nothing. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import type { Ports } from "../../actors/index.ts"
import { shardOf } from "../../protocols/address.ts"
import { Unavailable } from "../../protocols/errors.ts"
import {
  blockEventsMax,
  partitionMailboxBlocksMax,
  sinkCreditBlocks,
} from "../../protocols/limits.ts"
import {
  type GraphSinkShape,
  type GraphStore,
  openGraphStore,
  withBeside,
} from "../../stores/index.ts"
import { block, thing } from "../stores/records.ts"
import { openEmbeddedNode, requestOf } from "../support/embedded-node.ts"
import { parkFirst, until } from "../support/node-faults.ts"
import {
  actorsOf,
  expectDone,
  outcomeOf,
  parkedOf,
  settled,
  source,
  undisturbed,
  untilNone,
  withNode,
} from "../support/node-world.ts"
import { run } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"

const one = { partitions: 1, tenants: ["demo"] }
/** More than the mailbox, the sink and the sender's own blocks hold of one partition. */
const records = 10_000
const fewRecords = 3_000
/** On a busy machine a node takes its time. */
const testMillisMax = 90_000

const openBeside = (folder: string) => runScoped(openGraphStore({ path: `${folder}/beside.db` }))

/** A store that is away while the switch says so. */
const awayWhile = (sink: GraphSinkShape, isAway: () => boolean): GraphSinkShape => ({
  ...sink,
  commit: (blocks) =>
    Effect.suspend(() =>
      isAway()
        ? Effect.fail(new Unavailable({ message: "injected", retryAfterMillis: 1 }))
        : sink.commit(blocks),
    ),
})

type Part = "asked" | "beside"

/** Both stores beneath a node, one of them away while the switch says so. */
const inBoth =
  (beside: GraphStore, who: Part, isAway: () => boolean) =>
  (ports: Ports): Ports =>
    who === "beside"
      ? withBeside(ports, awayWhile(beside.sink, isAway))
      : withBeside({ ...ports, sink: awayWhile(ports.sink, isAway) }, beside.sink)

/** How far each of the two is. */
const placesIn = ({ sink }: Ports) =>
  Effect.forEach(sink.each ?? [], (each) =>
    Effect.map(each.cursors(), (cursors) =>
      cursors.map(({ partition, sequence }) => ({ partition, sequence })),
    ),
  )

/** What both must agree on when all is done. */
const expectSame = (ports: Ports, beside: GraphStore) =>
  Effect.gen(function* () {
    const [asked, other] = yield* placesIn(ports)
    expect(other).toEqual(asked)
    expect(yield* beside.reads.graphHash("demo")).toBe(yield* ports.reads.graphHash("demo"))
    const countersOf = (reads: GraphStore["reads"]) =>
      Effect.map(reads.sources("demo"), (all) =>
        all.map(({ counters }) => ({ ...counters, replayed: 0 })),
      )
    expect(yield* countersOf(beside.reads)).toEqual(yield* countersOf(ports.reads))
  })

describe("a graph in two stores", { timeout: testMillisMax }, () => {
  it.each<Part>(["asked", "beside"])("holds senders up while the %s one is away", async (who) => {
    const folder = temporaryFolder()
    const job = source(folder, "one", { records })
    const whole = await undisturbed([job], one)
    const beside = await openBeside(folder)
    let isAway = true
    await withNode(folder, { ...one, wrap: inBoth(beside, who, () => isAway) }, (running) =>
      Effect.gen(function* () {
        const { node, ports } = running
        const ingest = yield* Effect.forkScoped(node.ingest(requestOf(job)))
        const refused = () => node.progress()[0]?.refusedBlocks ?? 0
        yield* until("a block is refused", () => refused() > 4)
        const [partition] = actorsOf(node.actors("demo"), "partition")
        expect(partition?.counters).toMatchObject({
          admitted: partitionMailboxBlocksMax,
          handled: 0,
        })
        expect(yield* ports.reads.tenants).toEqual([])
        const [ahead] = yield* beside.sink.cursors()
        expect(ahead?.sequence ?? 0).toBeLessThanOrEqual(sinkCreditBlocks)
        isAway = false
        expectDone([yield* Fiber.join(ingest)])
        yield* settled(running)
        expect(yield* outcomeOf(running)).toEqual(whole)
        yield* expectSame(ports, beside)
      }),
    )
  })

  it.each<Part>(["asked", "beside"])(
    "goes on from both after an end with the %s one away",
    async (who) => {
      const folder = temporaryFolder()
      const job = source(folder, "one", { records: fewRecords })
      const whole = await undisturbed([job], one)
      const beside = await openBeside(folder)
      let calls = 0
      // From the second call on, which has what came during the first.
      const wrap = inBoth(beside, who, () => ++calls > 1)
      await withNode(folder, { ...one, wrap }, ({ node, ports }) =>
        Effect.gen(function* () {
          yield* Effect.forkScoped(node.ingest(requestOf(job)))
          const admitted = () => actorsOf(node.actors("demo"), "partition")[0]?.counters.admitted
          const all = Math.ceil(fewRecords / blockEventsMax)
          yield* until("all is sent", () => (admitted() ?? 0) >= all && calls > 3)
          const [ofAsked, ofBeside] = (yield* placesIn(ports)).map((list) => list[0]?.sequence)
          // The other is asked first, and takes what the asked one does not.
          if (who === "asked") expect(ofBeside).toBeGreaterThan(ofAsked ?? 0)
          else expect(ofBeside).toBe(ofAsked)
        }),
      )
      const both = inBoth(beside, who, () => false)
      const shard = shardOf("demo", 0)
      // The lowest block is parked: where the asked one was away, only the other has it.
      const parking = (ports: Ports) => parkFirst(shard)(both(ports))
      await withNode(folder, { ...one, wrap: parking }, (running) =>
        Effect.gen(function* () {
          expectDone([yield* running.node.ingest(requestOf(job))])
          yield* settled(running)
          yield* untilNone(parkedOf(running.ports, shard))
          expect(yield* outcomeOf(running)).toEqual(whole)
          yield* expectSame(running.ports, beside)
        }),
      )
    },
  )

  it("does not start where one of them is ahead of the log, or knows nothing of it", async () => {
    const folder = temporaryFolder()
    const ahead = await openBeside(temporaryFolder())
    await run(ahead.sink.commit([block(99, [thing("a")], { epoch: 0 })]))
    const opening = (beside: GraphStore) =>
      openEmbeddedNode(`${folder}/data`, { ...one, wrap: inBoth(beside, "beside", () => false) })
    expect(await run(Effect.flip(Effect.scoped(opening(ahead))))).toMatchObject({
      _tag: "LogDamaged",
      message: expect.stringMatching(/has applied block 99 of demo\/0, and the log ends at 0/),
    })
    const job = source(folder, "one", { records: 100 })
    await withNode(folder, one, (running) =>
      Effect.gen(function* () {
        expectDone([yield* running.node.ingest(requestOf(job))])
        yield* settled(running)
      }),
    )
    const fresh = await openBeside(folder)
    expect(await run(Effect.flip(Effect.scoped(opening(fresh))))).toMatchObject({
      _tag: "LogDamaged",
      message: expect.stringMatching(/has given up block 1 of demo\/0 .* this graph has none/),
    })
  })
})
