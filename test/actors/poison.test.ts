/** Records on which the program itself fails are set aside after a few tries. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import type { Ports } from "../../actors/index.ts"
import { effectOfEvent } from "../../actors/pipeline/effect-of-event.ts"
import type { SourceEvent } from "../../protocols/event.ts"
import {
  blockEventsMax,
  poisonFailuresMax,
  poisonRestartsMax,
  restartIntensityDefault,
} from "../../protocols/limits.ts"
import { ingestAll, type Job } from "../support/embedded-node.ts"
import { impatient } from "../support/node-faults.ts"
import {
  actorsOf,
  expectDone,
  type NodeSettings,
  outcomeOf,
  settled,
  source,
  undisturbed,
  withNode,
} from "../support/node-world.ts"
import { temporaryFolder } from "../support/scoped.ts"

/** A pipeline with a mistake: it fails on these ordinals, the first `times` times. */
function failing(isPoison: (ordinal: number) => boolean, times = Number.POSITIVE_INFINITY) {
  const tries = new Map<number, number>()
  const effectOf: typeof effectOfEvent = (event: SourceEvent, recipe, digest) => {
    if (isPoison(event.ordinal)) {
      const tried = (tries.get(event.ordinal) ?? 0) + 1
      tries.set(event.ordinal, tried)
      if (tried <= times) throw new TypeError(`cannot read record ${event.ordinal}`)
    }
    return effectOfEvent(event, recipe, digest)
  }
  return { tries, effectOf }
}

const ingested = (folder: string, job: Job, settings: NodeSettings) =>
  withNode(folder, { tenants: ["demo"], ...settings }, (running) =>
    Effect.gen(function* () {
      const reports = yield* ingestAll(running, [job])
      expectDone(reports)
      yield* settled(running)
      const letters = yield* running.ports.reads.deadLetters("demo", {}, { first: 500 })
      const partitions = actorsOf(running.node.actors("demo"), "partition")
      const outcome = yield* outcomeOf(running)
      return { counters: reports[0]?.counters, letters: letters.items, partitions, outcome }
    }),
  )

describe("records on which the pipeline fails", () => {
  it("go to the dead letters, and the rest of their blocks is committed", async () => {
    const folder = temporaryFolder()
    const job = source(folder, "one", { records: 2_000 })
    const { tries, effectOf } = failing((ordinal) => ordinal % 100 === 7)
    const { counters, letters, partitions } = await ingested(folder, job, { node: { effectOf } })
    expect(counters).toMatchObject({ read: 2_000, accepted: 1_980, deadLettered: 20, refused: 0 })
    expect(letters.map(({ ordinal }) => ordinal).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, n) => 100 * n + 7),
    )
    for (const letter of letters) {
      expect(letter).toMatchObject({ reason: "poison", lengthBytes: letter.bytes.length })
      expect(letter.detail).toBe(`cannot read record ${letter.ordinal}`)
    }
    // A block that is given again after a restart is tried again as a whole.
    for (const count of tries.values()) expect(count).toBeGreaterThanOrEqual(poisonFailuresMax)
    expect(partitions.map(({ state }) => state)).toEqual(Array(4).fill("running"))
    expect(Math.max(...partitions.map(({ restarts }) => restarts))).toBeGreaterThan(0)
  })

  it("in every block bring no partition into quarantine", async () => {
    const folder = temporaryFolder()
    const blocks = restartIntensityDefault + 2
    const job = source(folder, "one", { records: blocks * blockEventsMax })
    const { effectOf } = failing((ordinal) => ordinal % blockEventsMax === 0)
    const settings = { partitions: 1, node: { effectOf } }
    const { counters, partitions } = await ingested(folder, job, settings)
    expect(counters).toMatchObject({
      deadLettered: blocks,
      accepted: blocks * (blockEventsMax - 1),
    })
    expect(partitions).toMatchObject([{ state: "running", restarts: poisonRestartsMax }])
  })

  it("only for the sink go to the dead letters, and the others are committed", async () => {
    const folder = temporaryFolder()
    const job = source(folder, "one", { records: 2_000 })
    const effectOf: typeof effectOfEvent = (event, recipe, digest) => {
      const effect = effectOfEvent(event, recipe, digest)
      if (event.ordinal % 500 !== 3) return effect
      const properties = { said: "\ud800" }
      const entities = effect.entities.map((entity) => ({ ...entity, properties }))
      return { ...effect, entities }
    }
    const { counters, letters, partitions } = await ingested(folder, job, { node: { effectOf } })
    expect(counters).toMatchObject({ read: 2_000, accepted: 1_996, deadLettered: 4 })
    expect(letters.map(({ ordinal, reason }) => [ordinal, reason])).toEqual(
      expect.arrayContaining([3, 503, 1_003, 1_503].map((ordinal) => [ordinal, "poison"])),
    )
    expect(partitions.map(({ state }) => state)).toEqual(Array(4).fill("running"))
  })

  it("only together bring their partition into quarantine, and the node goes on", async () => {
    const folder = temporaryFolder()
    const wrap = ({ sink, host, ...ports }: Ports): Ports => ({
      ...ports,
      host: impatient(host),
      sink: {
        ...sink,
        prepare: (effects) => {
          if (effects.records.length > 100) throw new RangeError("too long for the packer")
          return sink.prepare(effects)
        },
      },
    })
    const settings = { partitions: 1, tenants: ["demo", "other"], wrap }
    await withNode(folder, settings, (running) =>
      Effect.gen(function* () {
        const [report] = yield* ingestAll(running, [source(folder, "one", { records: 500 })])
        expect(report).toMatchObject({ phase: "failed", error: { _tag: "Quarantined" } })
        expectDone(yield* ingestAll(running, [source(folder, "one", { records: 50 }, "other")]))
      }),
    )
  })

  it("once are accepted when the partition has begun anew", async () => {
    const folder = temporaryFolder()
    const job = source(folder, "one", { records: 2_000 })
    const whole = await undisturbed([job])
    const { effectOf } = failing((ordinal) => ordinal % 500 === 3, 1)
    const { outcome, letters, partitions } = await ingested(folder, job, { node: { effectOf } })
    expect(outcome).toEqual(whole)
    expect(letters).toEqual([])
    expect(partitions.some(({ restarts }) => restarts > 0)).toBe(true)
  })
})
