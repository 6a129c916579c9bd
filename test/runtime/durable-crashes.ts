/**
 * Durable state under writes of unknown outcome, at any point of any story: what was answered is
 * there, once and in order; what was refused never is; nothing that anybody saw goes away.
 */
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  type ActorStateShape,
  type Durable,
  type DurableKind,
  type Ownership,
  openDurable,
  readDurable,
} from "../../runtime/index.ts"
import type { MakeLogWorld } from "../support/log-world.ts"
import { run } from "../support/run.ts"
import { fates, UnsureState } from "../support/unsure-state.ts"

const shard = 11
type Told = { readonly told: readonly string[] }

const kindOf = (eventsPerSnapshotMax: number): DurableKind<Told, string> => ({
  kind: "story",
  version: 1,
  initial: { told: [] },
  apply: ({ told }, event) => ({ told: [...told, event] }),
  eventsPerSnapshotMax,
})

const steps = ["persist", "persist", "reopen", "look", "again", "takeover", "former"] as const

const step = fc.record({
  what: fc.constantFrom(...steps),
  events: fc.integer({ min: 0, max: 4 }),
  fate: fc.constantFrom(...fates, "well" as const, "late" as const),
  readsUntilLate: fc.integer({ min: 0, max: 8 }),
})
type Step = typeof step extends fc.Arbitrary<infer A> ? A : never

/** One actor, its owners, and what everybody was told. */
class Story {
  readonly state: UnsureState
  readonly kind: DurableKind<Told, string>
  readonly address: { tenant: string; kind: string; key: string }
  owner: Ownership = { shard, epoch: 0 }
  durable: Durable<Told, string> | undefined
  former: Durable<Told, string> | undefined
  /** Events that were given and not yet answered, as the sender would give them again. */
  unanswered: readonly string[] = []
  answered: readonly string[] = []
  seen: readonly string[] = []
  readonly refused = new Set<string>()
  #events = 0

  constructor(real: ActorStateShape, key: string, eventsPerSnapshotMax: number) {
    this.state = new UnsureState(real)
    this.kind = kindOf(eventsPerSnapshotMax)
    this.address = { tenant: "demo", kind: this.kind.kind, key }
  }

  async takeOver(): Promise<void> {
    const [owner] = await run(this.state.claim([shard]))
    if (owner === undefined) throw new Error("no epoch was given")
    this.owner = owner
    this.former = this.durable
    await this.open()
  }

  /** As an actor that begins anew: what its former life was told is all that it does not know. */
  async open(): Promise<void> {
    this.unanswered = []
    const opening = openDurable(this.state, this.owner, this.address, this.kind)
    this.durable = await run(Effect.orElseSucceed(opening, () => undefined))
    if (this.durable !== undefined) this.saw(this.durable.state.told)
  }

  async persist(events: readonly string[]): Promise<void> {
    const durable = this.durable
    if (durable === undefined) return this.open()
    const before = durable.state.told
    const failure = await run(failureOf(durable.persist(events)))
    const after = durable.state.told
    if (failure === undefined) {
      this.saw(after)
      this.answered = [...this.answered, ...events]
      // No events make sure what became of those before.
      if (events.length > 0) expect(after).toEqual([...before, ...events])
      this.unanswered = []
      return
    }
    expect(failure._tag).toBe("Unavailable")
    if (failure.next?.startsWith("Decide anew") === true) {
      for (const event of events) this.refused.add(event)
      this.unanswered = []
      this.saw(after)
    } else {
      expect(after).toEqual(before)
      this.unanswered = events
    }
  }

  async persistAsFormer(events: readonly string[]): Promise<void> {
    for (const event of events) this.refused.add(event)
    if (this.former === undefined || events.length === 0) return
    expect(await run(failureOf(this.former.persist(events)))).toBeDefined()
  }

  async look(): Promise<void> {
    const looking = readDurable(this.state, shard, this.address, this.kind)
    const view = await run(Effect.orElseSucceed(looking, () => undefined))
    if (view !== undefined) this.saw(view.state.told)
  }

  saw(told: readonly string[]): void {
    expect(told.slice(0, this.seen.length)).toEqual(this.seen)
    this.seen = told
    expect(new Set(told).size).toBe(told.length)
    expect(told.filter((event) => this.refused.has(event))).toEqual([])
    const answered = new Set(this.answered)
    expect(told.filter((event) => answered.has(event))).toEqual(this.answered)
  }

  fresh = (count: number) => Array.from({ length: count }, () => `e${++this.#events}`)

  async take({ what, events, fate, readsUntilLate }: Step): Promise<void> {
    this.state.fate = fate
    this.state.readsUntilLate = readsUntilLate
    if (what === "persist") await this.persist(this.fresh(events))
    else if (what === "again") await this.persist(this.unanswered)
    else if (what === "reopen") await this.open()
    else if (what === "takeover") await this.takeOver()
    else if (what === "former") await this.persistAsFormer(this.fresh(events))
    else await this.look()
  }

  /** Everything is well again: what is there is what a new owner goes on from. */
  async end(): Promise<void> {
    this.state.fate = "well"
    await this.takeOver()
    await this.persist(this.fresh(2))
    await this.look()
    expect(this.seen).toEqual(this.durable?.state.told)
  }
}

/** `runs`: stories that are tried. */
export function durableCrashes(name: string, make: MakeLogWorld, runs: number): void {
  describe(`${name}: durable state of an actor, when outcomes are unknown`, () => {
    test("has what was answered, once and in order, and nothing that was refused", async () => {
      const world = await run(make())
      let key = 0
      const story = fc.record({
        eventsPerSnapshotMax: fc.integer({ min: 1, max: 6 }),
        steps: fc.array(step, { minLength: 10, maxLength: 40 }),
      })
      const property = fc.asyncProperty(story, async ({ eventsPerSnapshotMax, steps: taken }) => {
        const now = new Story(world.state(), String(key++), eventsPerSnapshotMax)
        await now.takeOver()
        for (const one of taken) await now.take(one)
        await now.end()
      })
      try {
        await fc.assert(property, { numRuns: runs })
      } finally {
        await run(world.close)
      }
    })
  })
}

const failureOf = <E>(effect: Effect.Effect<void, E>): Effect.Effect<E | undefined> =>
  Effect.match(effect, { onFailure: (error) => error, onSuccess: () => undefined })
