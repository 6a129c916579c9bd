/** The schedules of contracts §13 that one node can show, played on a whole node. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import type { Ports } from "../../actors/index.ts"
import { shardOf } from "../../protocols/address.ts"
import { decodeBlock } from "../../protocols/block.ts"
import { Unavailable } from "../../protocols/errors.ts"
import { pulledBytesMax } from "../../protocols/limits.ts"
import type { Delivery, MessageLogShape, Offer } from "../../runtime/index.ts"
import { type EmbeddedNode, ingestAll, type Job, requestOf } from "../support/embedded-node.ts"
import { crashing, impatient, parkFirst, until } from "../support/node-faults.ts"
import {
  actorsOf,
  expectDone,
  outcomeOf,
  parkedOf,
  type Said,
  settled,
  source,
  sourceOf,
  undisturbed,
  untilNone,
  withNode,
} from "../support/node-world.ts"
import { temporaryFolder } from "../support/scoped.ts"

const one = { partitions: 1, tenants: ["demo"] }
const always = (job: Job): Job => ({ ...job, again: "always" })

const saidBy = ({ ports }: EmbeddedNode, key: string) =>
  Effect.map(ports.reads.entity("demo", "thing", key), (entity) => entity?.properties.said)

describe("schedule 2", () => {
  it("blocks that are handed back return highest first", async () => {
    const folder = temporaryFolder()
    const job = source(folder, "one", { records: 5_000, padBytes: 100 })
    const whole = await undisturbed([job], one)
    await sendOnly(folder, job)
    const seen = { handedBack: 0, outOfOrder: 0 }
    const wrap = (ports: Ports) => ({
      ...ports,
      host: impatient(ports.host),
      log: contrary(ports.log, seen),
    })
    // Room for one block: all others of a pull are handed back.
    const node = { pulledBytesMax: 150_000 }
    await withNode(folder, { ...one, wrap, node }, (running) =>
      Effect.gen(function* () {
        expectDone(yield* ingestAll(running, [job]))
        yield* settled(running)
        expect(yield* outcomeOf(running)).toEqual(whole)
      }),
    )
    expect(seen.handedBack).toBeGreaterThan(0)
    expect(seen.outOfOrder).toBeGreaterThan(0)
  })

  it("blocks whose handing back fails come again all the same", async () => {
    const folder = temporaryFolder()
    const job = source(folder, "one", { records: 5_000, padBytes: 100 })
    const whole = await undisturbed([job], one)
    await sendOnly(folder, job)
    let failures = 0
    const wrap = ({ log, ...ports }: Ports): Ports => ({
      ...ports,
      log: {
        ...log,
        handBack: (owner, blocks) => {
          if (++failures % 2 === 0) return log.handBack(owner, blocks)
          // After a while, when a pull may be under way.
          const failure = new Unavailable({ message: "injected", retryAfterMillis: 1 })
          return Effect.delay(Effect.fail(failure), 50)
        },
      },
    })
    const node = { pulledBytesMax: 150_000 }
    await withNode(folder, { ...one, wrap, node }, (running) =>
      Effect.gen(function* () {
        expectDone(yield* ingestAll(running, [job]))
        yield* settled(running)
        expect(yield* outcomeOf(running)).toEqual(whole)
      }),
    )
    expect(failures).toBeGreaterThan(0)
  })
})

describe("schedule 3", () => {
  it("a connector begins anew within its epoch, some answers unseen", async () => {
    const folder = temporaryFolder()
    const job = source(folder, "one", { records: 5_000 })
    const whole = await undisturbed([job], one)
    const offers: Offer[] = []
    const wrap = (ports: Ports) => {
      const append = (offer: Offer) => {
        offers.push(offer)
        return ports.log.append(offer)
      }
      return { ...ports, log: crashing({ ...ports.log, append }, "append", [3, 6]) }
    }
    await withNode(folder, { ...one, wrap }, (running) =>
      Effect.gen(function* () {
        expectDone(yield* ingestAll(running, [job]))
        yield* settled(running)
        expect(yield* outcomeOf(running)).toEqual(whole)
      }),
    )
    const incarnations = offers.map(({ block }) => decodeBlock(block).header.incarnation)
    expect(new Set(incarnations.map(({ epoch }) => epoch)).size).toBe(1)
    expect(new Set(incarnations.map(({ start }) => start))).toEqual(new Set([1, 2, 3]))
  })
})

describe("schedule 4", () => {
  it("F1 is cut short, F2 is ingested, a late copy of F1 comes, and F1 comes back", async () => {
    const folder = temporaryFolder()
    const first = always(source(folder, "one", { records: 4_000, said: "first" }))
    const second = always(source(folder, "one", { records: 4_000, said: "second" }))
    const late: Offer[] = []
    const cut = (ports: Ports) => ({ ...ports, log: cutShort(ports.log, 4, late) })
    await withNode(folder, { ...one, wrap: cut }, (running) =>
      Effect.gen(function* () {
        yield* Effect.forkScoped(running.node.ingest(requestOf(first)))
        yield* until("a block of F1 is on its way for ever", () => late.length > 0)
        yield* settled(running)
      }),
    )
    await withNode(folder, one, (running) =>
      Effect.gen(function* () {
        const { node, ports } = running
        expectDone(yield* ingestAll(running, [second]))
        expect(yield* saidBy(running, "thing 2000")).toBe("second 0")
        yield* settled(running)
        const before = yield* outcomeOf(running)

        for (const offer of late) yield* ports.log.append(offer)
        const handled = () => actorsOf(node.actors("demo"), "partition")[0]?.counters.handled ?? 0
        const now = handled()
        yield* until("the late copy is handled", () => handled() > now)
        yield* settled(running)
        expect(yield* outcomeOf(running)).toEqual(before)

        const [back] = yield* ingestAll(running, [first])
        expect(back?.counters).toMatchObject({ read: 4_000, accepted: 4_000, duplicates: 0 })
        yield* settled(running)
        const { hash } = yield* outcomeOf(running)
        const alone = yield* Effect.promise(() => undisturbed([first], one))
        expect(hash).toBe(alone.hash)
      }),
    )
  })
})

describe("schedule 5", () => {
  const version = (n: number): Said => ({ id: "x", said: `v${n}`, modified: `2024-01-0${n}` })

  it.each([
    ["in one file", [[3, 1, 2]]],
    ["in a file each", [[3], [1], [2]]],
  ])("versions 3, 1, 2 of a record come %s", async (_, files) => {
    const folder = temporaryFolder()
    await withNode(folder, one, (running) =>
      Effect.gen(function* () {
        for (const versions of files) {
          const job = sourceOf(folder, "one", versions.map(version))
          expectDone(yield* ingestAll(running, [always(job)]))
        }
        yield* settled(running)
        const { counters } = yield* outcomeOf(running)
        expect(counters).toMatchObject([{ read: 3, accepted: 1, duplicates: 2, stale: 2 }])
        expect(yield* saidBy(running, "x")).toBe("v3")
      }),
    )
  })
})

describe("schedule 6", () => {
  it("block 1 is parked while 2 is in the mailbox, and the owner dies", async () => {
    const folder = temporaryFolder()
    const job = source(folder, "one", { records: 5_000, padBytes: 100 })
    const whole = await undisturbed([job], one)
    await sendOnly(folder, job)
    const shard = shardOf("demo", 0)
    await withNode(folder, { ...one, wrap: parkFirst(shard) }, (running) =>
      Effect.gen(function* () {
        expectDone(yield* ingestAll(running, [job]))
        yield* settled(running)
        yield* untilNone(parkedOf(running.ports, shard))
        expect(yield* outcomeOf(running)).toEqual(whole)
      }),
    )
  })
})

describe("schedule 9", () => {
  it("an owner commits and dies before it acknowledges", async () => {
    const folder = temporaryFolder()
    const job = source(folder, "one", { records: 4_000 })
    const whole = await undisturbed([job], one)
    let committed = 0
    const deaf = (ports: Ports): Ports => ({
      ...ports,
      log: { ...ports.log, acknowledge: () => Effect.never },
    })
    const before = await withNode(folder, { ...one, wrap: deaf }, (running) =>
      Effect.gen(function* () {
        expectDone(yield* ingestAll(running, [job]))
        return yield* running.ports.log.tails
      }),
    )
    expect(before[0]?.pending).toBeGreaterThanOrEqual(4_000 / 512)
    const counting = (ports: Ports): Ports => ({
      ...ports,
      sink: {
        ...ports.sink,
        commit: (blocks) => {
          committed += blocks.length
          return ports.sink.commit(blocks)
        },
      },
    })
    await withNode(folder, { ...one, wrap: counting }, (running) =>
      Effect.gen(function* () {
        yield* settled(running)
        expect(yield* outcomeOf(running)).toEqual(whole)
        const [skipped] = yield* ingestAll(running, [job])
        expect(skipped?.phase).toBe("skipped")
      }),
    )
    // The cursor told: the blocks were acknowledged without another commit.
    expect(committed).toBe(0)
  })
})

/** A node that only sends: ten blocks at least are left in its log. */
const sendOnly = (folder: string, job: Job): Promise<void> => {
  const silent = (ports: Ports): Ports => ({
    ...ports,
    sink: { ...ports.sink, commit: () => Effect.never },
  })
  return withNode(folder, { ...one, wrap: silent }, (running) =>
    Effect.gen(function* () {
      yield* Effect.forkScoped(running.node.ingest(requestOf(job)))
      const admitted = () => actorsOf(running.node.actors(), "partition")[0]?.counters.admitted
      yield* until("all is sent", () => (admitted() ?? 0) >= 10)
    }),
  )
}

/** Delivers more than it is asked for, and again what is handed back, the highest first. */
function contrary(log: MessageLogShape, seen: { handedBack: number; outOfOrder: number }) {
  const away: Delivery[] = []
  const known = new Map<number, Delivery>()
  return {
    ...log,
    pull: (owner) =>
      Effect.suspend(() => {
        const next = away.shift()
        if (next === undefined) return log.pull(owner, pulledBytesMax)
        if (away.some(({ sequence }) => sequence < next.sequence)) seen.outOfOrder++
        return Effect.succeed([next])
      }).pipe(
        Effect.tap((deliveries) =>
          Effect.sync(() => {
            for (const delivery of deliveries) known.set(delivery.sequence, delivery)
          }),
        ),
      ),
    handBack: (_owner, blocks) =>
      Effect.sync(() => {
        seen.handedBack += blocks.length
        const back = blocks.flatMap(({ sequence }) => known.get(sequence) ?? [])
        away.push(...back.sort((a, b) => b.sequence - a.sequence))
      }),
  } satisfies MessageLogShape
}

/** From the n-th on, appends are never answered nor stored; they are kept for later. */
function cutShort(log: MessageLogShape, from: number, late: Offer[]): MessageLogShape {
  let appends = 0
  return {
    ...log,
    append: (offer) =>
      Effect.suspend(() => {
        if (++appends < from) return log.append(offer)
        late.push(offer)
        return Effect.never
      }),
  }
}
