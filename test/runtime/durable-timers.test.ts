/** Durable timers of an actor on the embedded state, whoever owns its shard and whoever wakes. */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, expect, it, onTestFinished } from "vitest"
import {
  type ActorStateShape,
  afterTimerEvent,
  type Durable,
  type DurableKind,
  type DurableTimers,
  dueTimers,
  noTimers,
  openDurable,
  type TimerEvent,
} from "../../runtime/index.ts"
import { makeEmbeddedWorld } from "../support/embedded-world.ts"
import { run } from "../support/run.ts"

type Bells = { readonly timers: DurableTimers; readonly rung: readonly string[] }
type BellEvent = TimerEvent | { readonly kind: "rung"; readonly bell: string }

/** Rings a bell for each timer; what it rang is in the group of the firing. */
const bells: DurableKind<Bells, BellEvent> = {
  kind: "bells",
  version: 1,
  initial: { timers: noTimers, rung: [] },
  apply: (state, event) =>
    event.kind === "rung"
      ? { ...state, rung: [...state.rung, event.bell] }
      : { ...state, timers: afterTimerEvent(state.timers, event) },
  eventsPerSnapshotMax: 8,
}

const address = { tenant: "demo", kind: "bells", key: "tower" }

async function openState(): Promise<ActorStateShape> {
  const world = await run(makeEmbeddedWorld())
  onTestFinished(() => run(world.close))
  return world.state()
}

/** One owner of the shard after the other; each stays there and may look again. */
class Owners {
  readonly #state: ActorStateShape
  readonly #all: Durable<Bells, BellEvent>[] = []
  /** Bells that somebody heard: rung by an owner whose record was taken. */
  readonly heard: string[] = []

  constructor(state: ActorStateShape) {
    this.#state = state
  }

  async takeOver(): Promise<void> {
    const [owner] = await run(this.#state.claim([3]))
    if (owner === undefined) throw new Error("no epoch was given")
    this.#all.push(await run(openDurable(this.#state, owner, address, bells)))
  }

  get last(): Durable<Bells, BellEvent> {
    const last = this.#all.at(-1)
    if (last === undefined) throw new Error("nobody owns the shard")
    return last
  }

  set(name: string, dueMillis: number): Promise<void> {
    return run(this.last.persist([{ kind: "timer set", name, dueMillis }]))
  }

  /** The owner rings what is due for it: only once that is recorded. */
  async look(which: number, nowMillis: number): Promise<"rang" | "fenced"> {
    const durable = this.#all[which % this.#all.length] ?? this.last
    const due = dueTimers(durable.state.timers, nowMillis)
    const rings = due.map(({ name, dueMillis }) => `${name} ${dueMillis}`)
    const events = due.flatMap((timer, n): readonly BellEvent[] => [
      { kind: "timer fired", ...timer },
      { kind: "rung", bell: rings[n] ?? "" },
    ])
    const recorded = durable.persist(events).pipe(
      Effect.as("rang" as const),
      Effect.catchTag("Fenced", () => Effect.succeed("fenced" as const)),
    )
    const outcome = await run(recorded)
    if (outcome === "rang") this.heard.push(...rings)
    return outcome
  }
}

describe("durable timers on the state", () => {
  it("fire once, at their time or late, and not by an old owner that wakes", async () => {
    const owners = new Owners(await openState())
    await owners.takeOver()
    await owners.set("one", 1_000)
    await owners.set("two", 2_000)
    await owners.look(0, 1_000)
    expect(owners.heard).toEqual(["one 1000"])
    await owners.takeOver()
    expect(await owners.look(0, 9_000)).toBe("fenced")
    expect(owners.heard).toEqual(["one 1000"])
    expect(await owners.look(1, 9_000)).toBe("rang")
    await owners.takeOver()
    expect(await owners.look(2, 9_000)).toBe("rang")
    expect(owners.heard).toEqual(["one 1000", "two 2000"])
    expect(owners.last.state).toEqual({ timers: [], rung: owners.heard })
  })

  it("ring each bell once, whatever order owners come, wake and look in", async () => {
    const state = await openState()
    const step = fc.oneof(
      fc.record({ kind: fc.constant("set" as const), in: fc.integer({ min: 0, max: 50 }) }),
      fc.record({ kind: fc.constant("look" as const), which: fc.nat(5) }),
      fc.record({ kind: fc.constant("pass" as const), millis: fc.integer({ min: 0, max: 30 }) }),
      fc.record({ kind: fc.constant("take over" as const) }),
    )
    let now = 0
    let timers = 0
    const rung: string[] = []
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const owners = new Owners(state)
        await owners.takeOver()
        const expected: string[] = []
        for (const one of steps) {
          if (one.kind === "take over") await owners.takeOver()
          else if (one.kind === "pass") now += one.millis
          else if (one.kind === "look") await owners.look(one.which, now)
          else {
            const name = `bell ${timers++}`
            expected.push(`${name} ${now + one.in}`)
            await owners.set(name, now + one.in)
          }
        }
        now += 100
        await owners.takeOver()
        const last = owners.last
        await owners.look(steps.filter(({ kind }) => kind === "take over").length + 1, now)
        expect(owners.heard.toSorted()).toEqual(expected.toSorted())
        rung.push(...owners.heard)
        expect(last.state).toEqual({ timers: [], rung })
      }),
      { numRuns: 25 },
    )
  })
})
