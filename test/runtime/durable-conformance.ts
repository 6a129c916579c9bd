/** What durable state of actors does on every adapter of `ActorState`. */
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { durableEventBytesMax, durableEventsPerPersistMax } from "../../protocols/limits.ts"
import {
  type Durable,
  type DurableKind,
  type Ownership,
  openDurable,
  readDurable,
} from "../../runtime/index.ts"
import type { LogWorld, MakeLogWorld } from "../support/log-world.ts"
import { run } from "../support/run.ts"

const shard = 9
type Notes = { readonly count: number; readonly notes: readonly string[] }

/** Keeps the last three notes, and how many there were. */
const notebook: DurableKind<Notes, string> = {
  kind: "notebook",
  version: 1,
  initial: { count: 0, notes: [] },
  apply: ({ count, notes }, note) => ({ count: count + 1, notes: [...notes, note].slice(-3) }),
  eventsPerSnapshotMax: 4,
}
const address = { tenant: "demo", kind: "notebook", key: "a/b ü" }

class Subject {
  readonly world: LogWorld
  owner: Ownership = { shard, epoch: 0 }

  constructor(world: LogWorld) {
    this.world = world
  }

  async claim(): Promise<Ownership> {
    const [claimed] = await run(this.world.state().claim([shard]))
    if (claimed === undefined) throw new Error("no epoch was given")
    this.owner = claimed
    return claimed
  }

  open = (owner = this.owner): Promise<Durable<Notes, string>> =>
    run(openDurable(this.world.state(), owner, address, notebook))

  look = () => run(readDurable(this.world.state(), shard, address, notebook))

  /** Last names of the records that are stored. */
  async stored(): Promise<readonly (string | undefined)[]> {
    const page = { after: undefined, limit: 1000 }
    const all = await run(this.world.state().list(shard, [], page))
    return all.map(({ path }) => path.at(-1))
  }
}

export function durableConformance(name: string, make: MakeLogWorld): void {
  describe(`${name}: durable state of an actor`, () => {
    let subject: Subject | undefined
    beforeEach(async () => {
      subject = new Subject(await run(make()))
      await subject.claim()
    })
    afterEach(async () => {
      if (subject !== undefined) await run(subject.world.close)
    })
    const now = () => {
      if (subject === undefined) throw new Error("a test has its own state")
      return subject
    }
    lives(now)
    refusals(now)
  })
}

function lives(now: () => Subject): void {
  test("is what was persisted, through a crash and with another owner", async () => {
    const at = now()
    const durable = await at.open()
    expect(durable.state).toEqual(notebook.initial)
    await run(durable.persist(["a", "b"]))
    expect(durable.state).toEqual({ count: 2, notes: ["a", "b"] })
    await run(at.world.crash)
    expect(await at.look()).toEqual({ state: { count: 2, notes: ["a", "b"] }, sequence: 2 })
    await at.claim()
    const next = await at.open()
    await run(next.persist(["c"]))
    expect((await at.open()).state).toEqual({ count: 3, notes: ["a", "b", "c"] })
  })

  test("has a snapshot in place of its events when there are enough of them", async () => {
    const at = now()
    const durable = await at.open()
    for (const note of ["a", "b", "c"]) await run(durable.persist([note]))
    expect((await at.stored()).map(Number)).toEqual([1, 2, 3])
    await run(durable.persist(["d", "e"]))
    expect(await at.stored()).toEqual(["snapshot"])
    await run(durable.persist(["f"]))
    expect((await at.stored()).map(Number)).toEqual([6, Number.NaN])
    await run(at.world.crash)
    expect(await at.look()).toEqual({ state: { count: 6, notes: ["d", "e", "f"] }, sequence: 6 })
  })

  test("is a snapshot alone where there is one for each event", async () => {
    const at = now()
    const kind = { ...notebook, eventsPerSnapshotMax: 1 }
    const durable = await run(openDurable(at.world.state(), at.owner, address, kind))
    for (const note of ["a", "b", "c", "d"]) {
      await run(durable.persist([note]))
      expect(await at.stored()).toEqual(["snapshot"])
    }
    const { state } = await at.look()
    expect(state).toEqual({ count: 4, notes: ["b", "c", "d"] })
  })
}

function refusals(now: () => Subject): void {
  test("changes nothing for an owner that is fenced", async () => {
    const at = now()
    const former = at.owner
    const durable = await at.open()
    await run(durable.persist(["a"]))
    await at.claim()
    expect(await run(Effect.flip(durable.persist(["lost"])))).toMatchObject({ _tag: "Fenced" })
    expect(durable.state.count).toBe(1)
    const next = await at.open()
    await run(next.persist(["b"]))
    expect(await run(Effect.flip(durable.persist(["lost"])))).toMatchObject({ _tag: "Fenced" })
    const opened = Effect.flip(openDurable(at.world.state(), former, address, notebook))
    expect(await run(opened)).toMatchObject({ _tag: "Fenced" })
    expect((await at.look()).state).toEqual({ count: 2, notes: ["a", "b"] })
  })

  test("refuses what is too large or too much, and stores none of it", async () => {
    const at = now()
    const durable = await at.open()
    const refused = (events: readonly string[]) => run(Effect.flip(durable.persist(events)))
    expect(await refused(["a", "x".repeat(durableEventBytesMax)])).toMatchObject({
      _tag: "LimitExceeded",
      limit: "durableEventBytesMax",
    })
    const many = Array.from({ length: durableEventsPerPersistMax + 1 }, String)
    expect(await refused(many)).toMatchObject({ limit: "durableEventsPerPersistMax" })
    expect(await refused(["a", "\ud800"])).toMatchObject({ _tag: "Invalid" })
    expect(await at.stored()).toEqual([])
    expect(durable.sequence).toBe(0)
    await run(durable.persist(many.slice(1)))
    expect((await at.look()).sequence).toBe(durableEventsPerPersistMax)
  })
}
