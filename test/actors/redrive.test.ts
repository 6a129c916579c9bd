/** Dead letters that are sent again through a node: what stays, what goes, and what is counted. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { nothingRedriven, type Ports, type RedriveRequest, redrive } from "../../actors/index.ts"
import { readMapping } from "../../actors/mapping/document.ts"
import { effectOfEvent } from "../../actors/pipeline/effect-of-event.ts"
import { noSourceCounters } from "../../protocols/counters.ts"
import { Unavailable } from "../../protocols/errors.ts"
import type { DeadLetter } from "../../stores/index.ts"
import { type EmbeddedNode, ingestAll } from "../support/embedded-node.ts"
import {
  expectDone,
  mapping,
  outcomeOf,
  settled,
  sourceOf,
  withNode,
} from "../support/node-world.ts"
import { temporaryFolder } from "../support/scoped.ts"

/** By this mapping none of the things can be read; by `mapping` all can. */
const wrong = mapping.replace("$.said,", "{path: $.said, as: number},")

const all = { ids: [], sources: [], reasons: [], fingerprints: [] }

const request = (more: Partial<RedriveRequest> = {}): RedriveRequest => ({
  tenant: "demo",
  selection: all,
  recipeOf: () => Effect.succeed({ format: "ndjson", mapping: readMapping(mapping) }),
  edit: undefined,
  dryRun: false,
  ...more,
})

const things = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ id: `thing ${n}`, said: `word ${n}` }))

/** A node whose only source was set aside whole, and those who look at it. */
const withLetters = <A>(
  settings: Parameters<typeof withNode>[1],
  count: number,
  use: (world: {
    readonly running: EmbeddedNode
    readonly send: (more?: Partial<RedriveRequest>) => ReturnType<typeof redrive>
    readonly letters: Effect.Effect<readonly DeadLetter[], unknown>
    readonly gone: string[]
  }) => Effect.Effect<A, unknown>,
) => {
  const folder = temporaryFolder()
  const job = { ...sourceOf(folder, "one", things(count)), mapping: wrong, maxBadShare: 1 }
  return withNode(folder, { tenants: ["demo"], ...settings }, (running) =>
    Effect.gen(function* () {
      expectDone(yield* ingestAll(running, [job]))
      const gone: string[] = []
      const watch = {
        told: () => undefined,
        gone: (of: readonly DeadLetter[]) => void gone.push(...of.map(({ id }) => id)),
      }
      const letters = Effect.map(
        running.ports.reads.deadLetters("demo", {}, { first: 500 }),
        ({ items }) => items,
      )
      const answer = yield* use({
        running,
        send: (more) => redrive(running, request(more), watch),
        letters,
        gone,
      })
      yield* settled(running)
      yield* outcomeOf(running)
      return answer
    }),
  )
}

describe("dead letters that are sent again", () => {
  it("are gone in pages when their records are taken, and counted as a run of their own", () =>
    withLetters({}, 300, ({ running, send, letters, gone }) =>
      Effect.gen(function* () {
        const before = yield* letters
        expect(before).toHaveLength(300)
        const report = yield* send()
        const counters = { ...noSourceCounters, read: 300, accepted: 300 }
        expect(report).toEqual({ ...nothingRedriven, selected: 300, taken: 300, counters })
        expect(yield* letters).toEqual([])
        expect([...gone].sort()).toEqual(before.map(({ id }) => id).sort())
        const [source] = yield* running.ports.reads.sources("demo")
        expect(source?.counters).toMatchObject({ read: 600, accepted: 300, deadLettered: 300 })
        expect(yield* send()).toEqual(nothingRedriven)
      }),
    ))

  it("stay with their place and the new reason when the program fails on them", () => {
    const effectOf: typeof effectOfEvent = (event, recipe, digest) => {
      if (recipe.mapping !== undefined && Buffer.from(event.bytes).includes("word 1")) {
        const { said } = JSON.parse(Buffer.from(event.bytes).toString()) as { said: string }
        const effect = effectOfEvent(event, recipe, digest)
        if (said === "word 1" && effect.deadLetter === undefined) throw new TypeError("a mistake")
      }
      return effectOfEvent(event, recipe, digest)
    }
    return withLetters({ node: { effectOf } }, 5, ({ send, letters, gone }) =>
      Effect.gen(function* () {
        const before = yield* letters
        const report = yield* send()
        expect(report).toMatchObject({
          selected: 5,
          taken: 4,
          stayed: 1,
          letters: [{ reason: "poison", detail: "a mistake" }],
          counters: { read: 5, accepted: 4, deadLettered: 1 },
        })
        const old = before.find(({ bytes }) => Buffer.from(bytes).includes("word 1"))
        const [left, ...none] = yield* letters
        expect(none).toEqual([])
        const fingerprint = left?.fingerprint
        expect(left).toEqual({ ...old, reason: "poison", detail: "a mistake", fingerprint })
        expect(fingerprint).not.toBe(old?.fingerprint)
        expect(gone).toHaveLength(4)
      }),
    )
  })

  it("are kept until they are let go, and then are duplicates that go", () => {
    let failing = true
    const wrap = (ports: Ports): Ports => ({
      ...ports,
      sink: {
        ...ports.sink,
        settleDeadLetters: (tenant, changes) =>
          failing && changes.length > 0
            ? Effect.fail(new Unavailable({ retryAfterMillis: 1, message: "Not now." }))
            : ports.sink.settleDeadLetters(tenant, changes),
      },
    })
    return withLetters({ wrap }, 5, ({ running, send, letters, gone }) =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(send())).toMatchObject({ _tag: "Unavailable" })
        expect([yield* letters, gone]).toMatchObject([{ length: 5 }, []])
        expect((yield* running.ports.reads.counts("demo")).byType).toContainEqual({
          type: "thing",
          count: 5,
        })
        failing = false
        expect(yield* send()).toMatchObject({ taken: 5, counters: { duplicates: 5, accepted: 0 } })
        expect([yield* letters, gone]).toMatchObject([[], { length: 5 }])
      }),
    )
  })

  it("all stay where it is not known which of them failed again", () => {
    const effectOf: typeof effectOfEvent = (event, recipe, digest) => {
      const effect = effectOfEvent(event, recipe, digest)
      if (event.ordinal === 2 && effect.deadLetter === undefined) throw new TypeError("a mistake")
      return effect
    }
    const wrap = (ports: Ports): Ports => ({
      ...ports,
      reads: { ...ports.reads, deadLettersOfRun: () => Effect.succeed([]) },
    })
    return withLetters({ wrap, node: { effectOf } }, 5, ({ send, letters, gone }) =>
      Effect.gen(function* () {
        const before = yield* letters
        expect(yield* send()).toMatchObject({
          taken: 0,
          stayed: 5,
          letters: Array(5).fill({ reason: "not-known" }),
        })
        expect((yield* letters).slice(0, 5)).toEqual(before)
        expect(gone).toEqual([])
      }),
    )
  })

  it("change nothing when it is only asked what would become of them", () =>
    withLetters({}, 5, ({ running, send, letters, gone }) =>
      Effect.gen(function* () {
        const before = yield* letters
        const report = yield* send({ dryRun: true })
        expect(report).toEqual({ ...nothingRedriven, selected: 5, taken: 5 })
        expect([yield* letters, gone]).toEqual([before, []])
        const [source] = yield* running.ports.reads.sources("demo")
        expect(source?.counters).toMatchObject({ read: 5, deadLettered: 5 })
      }),
    ))
})
