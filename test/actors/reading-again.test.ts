/** Sources that are read again by their schedules: once for each time, whatever happens between. */
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import type { Ports, ScheduledReading } from "../../actors/index.ts"
import { shardOfConnector } from "../../actors/partition.ts"
import { everySchedule } from "../../protocols/schedule.ts"
import {
  type EmbeddedNode,
  type Job,
  openEmbeddedNode,
  requestOf,
} from "../support/embedded-node.ts"
import { source } from "../support/node-world.ts"
import { closeScope, openScope, run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"
import { WallClock } from "../support/wall-clock.ts"

const hourMillis = 3_600_000
const hourly = everySchedule(hourMillis, "1h")

interface Life extends EmbeddedNode {
  readonly readings: readonly ScheduledReading[]
  readonly close: () => Promise<void>
}

/** A node on the folder whose wall clock the test moves, with the schedule of one source. */
async function live(
  folder: string,
  clock: WallClock,
  job: Job,
  wrap: (ports: Ports) => Ports = (ports) => ports,
): Promise<Life> {
  const scope = openScope()
  const close = () => closeScope(scope)
  onTestFinished(close)
  const readings: ScheduledReading[] = []
  const opened = openEmbeddedNode(join(folder, "data"), {
    tenants: ["demo"],
    wrap: (ports) => wrap({ ...ports, host: clock.makeHost() }),
    node: { watch: { readings: (reading) => readings.push(reading) } },
  })
  const running = await run(Scope.provide(opened, scope))
  await run(begun(running, job))
  return { ...running, readings, close }
}

const begun = ({ node }: EmbeddedNode, job: Job) =>
  Effect.orDie(
    node.schedules?.begin([{ request: requestOf(job), schedule: hourly }]) ?? Effect.void,
  )

const until = (hold: () => void | Promise<void>) =>
  vi.waitFor(hold, { timeout: 20_000, interval: 5 })

const viewOf = async ({ node }: EmbeddedNode) => {
  const [view] = await run(Effect.orDie(node.schedules?.of("demo") ?? Effect.succeed([])))
  return view
}

/** It has a next time, and reads nothing. */
const rests = (life: Life, nextMillis: number) =>
  until(async () =>
    expect(await viewOf(life)).toMatchObject({
      schedule: "every 1h",
      nextMillis,
      isReading: false,
    }),
  )

/** Other content in the source's file. */
const rewrite = (folder: string, { file }: Job, records: number) =>
  copyFileSync(source(folder, "other", { records }).file, file)

const phases = ({ readings }: Life) => readings.map(({ report }) => report.phase)

describe("a source with a schedule", { timeout: 60_000 }, () => {
  it("is read again when due: what changed is taken, what did not is skipped", async () => {
    const [folder, clock] = [temporaryFolder(), new WallClock()]
    const begunAt = clock.millis
    const job = source(folder, "s", { records: 3 })
    const life = await live(folder, clock, job)
    await rests(life, begunAt + hourMillis)
    clock.advance(hourMillis)
    await until(() => expect(phases(life)).toEqual(["done"]))
    await rests(life, begunAt + 2 * hourMillis)
    clock.advance(hourMillis)
    await until(() => expect(phases(life)).toEqual(["done", "skipped"]))
    await rests(life, begunAt + 3 * hourMillis)
    rewrite(folder, job, 5)
    clock.advance(hourMillis)
    await until(() => expect(phases(life)).toEqual(["done", "skipped", "done"]))
    const counts = await run(life.ports.reads.counts("demo"))
    expect(counts.byType).toContainEqual({ type: "thing", count: 5 })
    expect((await viewOf(life))?.last).toMatchObject({ phase: "done", endedMillis: clock.millis })
  })

  it("is read once, late, for all times that passed while no node was there", async () => {
    const [folder, clock] = [temporaryFolder(), new WallClock()]
    const begunAt = clock.millis
    const job = source(folder, "s", { records: 3 })
    const first = await live(folder, clock, job)
    await rests(first, begunAt + hourMillis)
    await first.close()
    clock.advance(5 * hourMillis + 1)
    const second = await live(folder, clock, job)
    await rests(second, begunAt + 6 * hourMillis)
    expect(second.readings).toMatchObject([{ dueMillis: begunAt + hourMillis }])
    await second.close()
    const third = await live(folder, clock, job)
    await rests(third, begunAt + 6 * hourMillis)
    clock.advance(hourMillis)
    await until(() => expect(third.readings).toHaveLength(1))
    expect(third.readings).toMatchObject([{ dueMillis: begunAt + 6 * hourMillis }])
  })

  it("is read by the next node where the one that began it did not end it", async () => {
    const [folder, clock] = [temporaryFolder(), new WallClock()]
    const begunAt = clock.millis
    const job = source(folder, "s", { records: 3 })
    const hanging = await live(folder, clock, job, (ports) => ({
      ...ports,
      sources: { ...ports.sources, open: () => Effect.never },
    }))
    await rests(hanging, begunAt + hourMillis)
    clock.advance(hourMillis)
    await until(async () => expect((await viewOf(hanging))?.isReading).toBe(true))
    await hanging.close()
    expect(hanging.readings).toEqual([])
    const next = await live(folder, clock, job)
    await rests(next, begunAt + 2 * hourMillis)
    expect(next.readings).toMatchObject([{ dueMillis: begunAt + hourMillis }])
    expect(phases(next)).toEqual(["done"])
  })

  it("has one reading at a time, and one more for all that came due meanwhile", async () => {
    const [folder, clock] = [temporaryFolder(), new WallClock()]
    const begunAt = clock.millis
    const job = source(folder, "s", { records: 3 })
    const gate = await run(Deferred.make<void>())
    let opened = 0
    const life = await live(folder, clock, job, (ports) => ({
      ...ports,
      sources: {
        ...ports.sources,
        open: (spec, placeOf) =>
          Effect.suspend(() => {
            opened += 1
            return Effect.andThen(Deferred.await(gate), ports.sources.open(spec, placeOf))
          }),
      },
    }))
    await rests(life, begunAt + hourMillis)
    clock.advance(hourMillis)
    await until(() => expect(opened).toBe(1))
    clock.advance(3 * hourMillis)
    await run(Deferred.succeed(gate, undefined))
    await rests(life, begunAt + 5 * hourMillis)
    expect([opened, ...phases(life)]).toEqual([2, "done", "skipped"])
  })

  it("is not read by an owner that was replaced and does not know it", async () => {
    const [folder, clock] = [temporaryFolder(), new WallClock()]
    const begunAt = clock.millis
    const job = source(folder, "s", { records: 3 })
    const old = await live(folder, clock, job)
    await rests(old, begunAt + hourMillis)
    await run(old.ports.state.claim([shardOfConnector("demo/connector/s")]))
    clock.advance(hourMillis)
    expect(await run(old.node.failed)).toMatchObject({ _tag: "Fenced" })
    expect([old.readings, old.node.progress()]).toEqual([[], []])
    expect(await viewOf(old)).toMatchObject({ nextMillis: begunAt + hourMillis, isReading: false })
  })

  it("tries its file again at the next time where it could not be read", async () => {
    const [folder, clock] = [temporaryFolder(), new WallClock()]
    const begunAt = clock.millis
    const there = source(folder, "s", { records: 3 })
    const gone = { ...there, file: join(folder, "not-yet.ndjson") }
    const life = await live(folder, clock, gone)
    await rests(life, begunAt + hourMillis)
    clock.advance(hourMillis)
    await until(() => expect(phases(life)).toEqual(["failed"]))
    await rests(life, begunAt + 2 * hourMillis)
    rewrite(folder, gone, 2)
    clock.advance(hourMillis)
    await until(() => expect(phases(life)).toEqual(["failed", "done"]))
  })
})
