/** Actors of which one acts in the whole cluster, on the owner of their shard. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { describe, expect, it, vi } from "vitest"
import { type RunningSingleton, Singletons, singleton } from "../../actors/singletons.ts"
import { shardCount } from "../../protocols/limits.ts"
import { everySchedule } from "../../protocols/schedule.ts"
import type { ActorRef, ActorType, Ownership } from "../../runtime/index.ts"
import { makeActorWorld } from "../support/actor-world.ts"
import { requestOf } from "../support/embedded-node.ts"
import { actorsOf, source } from "../support/node-world.ts"
import { run } from "../support/run.ts"
import { openScheduledCluster, type ScheduledNode } from "../support/scheduled-cluster.ts"
import { temporaryFolder } from "../support/scoped.ts"
import { WallClock } from "../support/wall-clock.ts"

type ParentMessage =
  | { readonly kind: "owns"; readonly epochs: readonly number[] }
  | { readonly kind: "ended"; readonly running: RunningSingleton }

/** A parent whose node owns shard 0, or not, under the epochs that it is told. */
function makeParent(type: ActorType<string, Ownership>) {
  const world = makeActorWorld()
  const one = { ...singleton(type, { tenant: "demo", key: "one" }, (owner) => owner), shard: 0 }
  let owner: Ownership | undefined
  let ending: readonly string[] = []
  const parent: ActorRef<ParentMessage> = world.spawn<ParentMessage>((context) => {
    const singletons = new Singletons<ParentMessage>({
      context,
      all: new Map([[one.name, one]]),
      ownerOf: (shard) => (shard === 0 ? owner : undefined),
      endedMessage: (running) => ({ kind: "ended", running }),
    })
    return {
      receive: (message) => {
        if (message.kind === "ended") return singletons.ended(message.running)
        for (const epoch of message.epochs) {
          owner = epoch === 0 ? undefined : { shard: 0, epoch }
          ending = singletons.end(0)
          singletons.begin()
        }
      },
    }
  })
  const owns = (...epochs: number[]) => {
    parent.tell({ kind: "owns", epochs })
    world.host.settle()
  }
  const there = () => actorsOf(world.system.view("demo"), type.kind).map(({ state }) => state)
  return { owns, there, ending: () => ending, world }
}

describe("a singleton", () => {
  /** Writes down under which epochs it began and ended. */
  const recorded = (log: string[]): ActorType<string, Ownership> => ({
    kind: "one",
    start: (_, { epoch }) => {
      log.push(`begins ${epoch}`)
      return { receive: () => {}, stopped: () => void log.push(`ends ${epoch}`) }
    },
  })

  it("begins with its shard and ends with it", () => {
    const log: string[] = []
    const { owns, ending } = makeParent(recorded(log))
    expect(log).toEqual([])
    owns(7)
    expect(log).toEqual(["begins 7"])
    owns(0)
    expect(log).toEqual(["begins 7", "ends 7"])
    expect(ending()).toEqual(["demo/one/one"])
    owns(9)
    expect(log.at(-1)).toBe("begins 9")
  })

  it("ends before it begins under a higher epoch, however long its end takes", () => {
    const log: string[] = []
    const busy: ActorType<string, Ownership> = {
      ...recorded(log),
      start: (context, owner) => {
        context.self.tell("work")
        return { ...recorded(log).start(context, owner), receive: () => Effect.sleep(1_000) }
      },
    }
    const { owns, world } = makeParent(busy)
    owns(1)
    owns(0)
    owns(2)
    expect(log).toEqual(["begins 1"])
    world.host.advance(1_000)
    expect(log).toEqual(["begins 1", "ends 1", "begins 2"])
  })

  it("that crashes too often rests until its shard changes hands, and keeps no shard", () => {
    const fails: ActorType<string, Ownership> = {
      kind: "one",
      start: (_, { epoch }) => {
        if (epoch === 1) throw new Error("no")
        return { receive: () => {} }
      },
    }
    const { owns, there, world } = makeParent(fails)
    owns(1)
    world.host.advance(600_000)
    expect(there()).toEqual(["quarantined"])
    owns(0)
    expect(there()).toEqual([])
    owns(2)
    expect(there()).toEqual(["running"])
  })
})

const hourMillis = 3_600_000

const sourcesOf = ({ node }: ScheduledNode) =>
  actorsOf(node.actors(), "schedule").map(({ address }) => address.key)

describe("schedules of nodes that share the shards", () => {
  const names = Array.from({ length: 12 }, (_, n) => `s${n}`)

  it("are each in one place while shards move, and each time is read once", async () => {
    const folder = temporaryFolder()
    const clock = new WallClock()
    const jobs = names.map((name) => source(folder, name, { records: 2 }))
    const schedule = everySchedule(hourMillis, "1h")
    const scheduled = jobs.map((job) => ({ request: requestOf(job), schedule }))
    const joins = await openScheduledCluster(folder, clock, scheduled)
    const nodes: ScheduledNode[] = []
    const join = async (name: string) => void nodes.push(await joins(name))
    /** Each in at most one place now, and, as soon as the shards rest, in just one. */
    const inOnePlace = (hold: () => void = () => {}) =>
      until(() => {
        const all = nodes.flatMap(sourcesOf).sort()
        if (new Set(all).size < all.length) twice.push(all.join())
        expect(all).toEqual(names.toSorted())
        hold()
      })
    const twice: string[] = []
    /** Lets an hour pass: each source is read by somebody, once. */
    const hourPasses = async (hours: number) => {
      clock.advance(hourMillis)
      const read = () => nodes.flatMap(({ readings }) => readings)
      await until(() => expect(read().length).toBe(names.length * hours))
      const times = read().map(({ source: name, dueMillis }) => `${name} ${dueMillis}`)
      expect(new Set(times).size).toBe(times.length)
    }
    const isPlanned = async () => {
      const views = await run(nodes[0]?.node.schedules?.of("demo") ?? never())
      expect(views.map(({ isReading }) => isReading)).not.toContain(true)
      expect(views.map(({ nextMillis }) => (nextMillis ?? 0) > clock.millis)).not.toContain(false)
    }
    const planned = () => until(isPlanned)
    await join("a")
    await inOnePlace()
    await planned()
    await hourPasses(1)
    await planned()
    await join("b")
    const [a, b] = nodes as [ScheduledNode, ScheduledNode]
    await inOnePlace(() => {
      expect(a.open.size + b.open.size).toBe(shardCount)
      expect(sourcesOf(b).length).toBeGreaterThan(0)
    })
    await hourPasses(2)
    expect(b.readings.length).toBeGreaterThan(0)
    await planned()
    await a.close()
    await inOnePlace(() => expect(sourcesOf(b)).toHaveLength(names.length))
    await hourPasses(3)
    expect(twice).toEqual([])
  }, 90_000)

  it("are read by the next owner alone where the one before is paused as it fires", async () => {
    const folder = temporaryFolder()
    const clock = new WallClock()
    const request = requestOf(source(folder, "s", { records: 2 }))
    const schedule = everySchedule(hourMillis, "1h")
    const joins = await openScheduledCluster(folder, clock, [{ request, schedule }])
    const wakes = await run(Deferred.make<void>())
    let isPaused = false
    const late: Exit.Exit<void, unknown>[] = []
    let fires = 0
    const a = await joins("a", {
      put: (put) => (entry, expected, ttlMillis) =>
        isPaused ? Effect.never : put(entry, expected, ttlMillis),
      // What was on its way when the node was paused arrives when it wakes.
      write: (write) => (owner, entries) =>
        Effect.suspend(() => {
          if (!isPaused) return write(owner, entries)
          if (entries.some(({ path }) => path.includes("schedule"))) fires += 1
          const arrives = Effect.andThen(Deferred.await(wakes), write(owner, entries))
          const noted = Effect.onExit(arrives, (exit) => Effect.sync(() => void late.push(exit)))
          return Effect.uninterruptible(noted)
        }),
    })
    const begunAt = clock.millis
    const plannedAt = (nextMillis: number) =>
      until(async () => {
        const views = await run(a.node.schedules?.of("demo") ?? never())
        expect(views).toMatchObject([{ nextMillis, isReading: false }])
      })
    await plannedAt(begunAt + hourMillis)
    isPaused = true
    clock.advance(hourMillis)
    await until(() => expect(fires).toBe(1))
    const b = await joins("b")
    await plannedAt(begunAt + 2 * hourMillis)
    expect(b.readings).toMatchObject([{ dueMillis: begunAt + hourMillis }])
    await run(Deferred.succeed(wakes, undefined))
    await until(() => expect(late.length).toBeGreaterThanOrEqual(fires))
    expect(late.filter((exit) => !JSON.stringify(exit).includes("Fenced"))).toEqual([])
    expect([a.readings, a.node.progress()]).toEqual([[], []])
  }, 60_000)
})

const until = (hold: () => void | Promise<void>) =>
  vi.waitFor(hold, { timeout: 30_000, interval: 5 })

const never = () => {
  throw new Error("The node has no schedules.")
}
