/** What durable state of actors does on every adapter of `ActorState`. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { durableEventBytesMax, durableEventsPerPersistMax } from "../../protocols/limits.ts"
import {
  type ActorStateShape,
  type Durable,
  type DurableKind,
  type Ownership,
  openDurable,
  readDurable,
  type StateEntry,
} from "../../runtime/index.ts"
import type { LogWorld, MakeLogWorld } from "../support/log-world.ts"
import { purse, purseShard, purses, storedPurses, third } from "../support/purses.ts"
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

  test("that the first release wrote is read, and gone on with", async () => {
    const at = now()
    const state = at.world.state()
    let [owner] = await run(state.claim([purseShard]))
    while (owner !== undefined && owner.epoch < 4) [owner] = await run(state.claim([purseShard]))
    if (owner === undefined) throw new Error("no epoch was given")
    const entries = storedPurses().map(({ path, value }) => ({ path, value: Buffer.from(value) }))
    await run(state.write(owner, entries))
    await run(at.world.crash)
    const [next] = await run(at.world.state().claim([purseShard]))
    if (next === undefined) throw new Error("no epoch was given")
    for (const [key, expected] of Object.entries(purses)) {
      const durable = await run(openDurable(at.world.state(), next, purse(key), third))
      expect(durable.state).toEqual(expected)
      await run(durable.persist([{ euro: 1, note: "new" }]))
      const view = await run(readDurable(at.world.state(), purseShard, purse(key), third))
      expect(view.state).toEqual({ euro: expected.euro + 1, times: expected.times + 1 })
    }
  })

  test("is seen whole by who looks while its owner writes", async () => {
    const at = now()
    const durable = await at.open()
    await run(durable.persist(["a", "b", "c"]))
    const state = at.world.state()
    /** The snapshot was read; what is listed now may no longer fit it. */
    const whileWriting = (next: () => readonly string[]) => ({
      read: state.read,
      list: (...asked: Parameters<typeof state.list>) =>
        Effect.andThen(
          Effect.orDie(Effect.suspend(() => durable.persist(next()))),
          state.list(...asked),
        ),
    })
    const meanwhile = [["d"], ["e", "f", "g", "h"], ["i"]]
    const looked = whileWriting(() => meanwhile.shift() ?? [])
    const view = await run(readDurable(looked, shard, address, notebook))
    expect(meanwhile).toEqual([])
    expect(view).toEqual({ state: { count: 9, notes: ["g", "h", "i"] }, sequence: 9 })
    const busy = whileWriting(() => ["one", "more", "whole", "tail"])
    const never = Effect.flip(readDurable(busy, shard, address, notebook))
    expect(await run(never)).toMatchObject({ _tag: "Unavailable" })
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
    const real = at.world.state()
    // Only what is written needs to pass the fence; who opened as a former owner is told, too.
    const lenient = {
      ...real,
      write: (owner: Ownership, entries: readonly StateEntry[]) =>
        entries.length === 0 ? Effect.void : real.write(owner, entries),
    }
    for (const state of [real, lenient]) {
      const opened = Effect.flip(openDurable(state, former, address, notebook))
      expect(await run(opened)).toMatchObject({ _tag: "Fenced", epoch: former.epoch })
    }
    expect((await at.look()).state).toEqual({ count: 2, notes: ["a", "b"] })
  })

  test("refuses a second persist at once, and goes on after an interruption", async () => {
    const at = now()
    const real = at.world.state()
    let isMute = false
    const state: ActorStateShape = {
      ...real,
      write: (owner, entries) =>
        Effect.tap(real.write(owner, entries), () => (isMute ? Effect.never : Effect.void)),
    }
    const durable = await run(openDurable(state, at.owner, address, notebook))
    const both = await run(
      Effect.all([Effect.exit(durable.persist(["a"])), Effect.flip(durable.persist(["b"]))], {
        concurrency: 2,
      }),
    )
    expect(both[1]).toMatchObject({ _tag: "LimitExceeded", limit: "durablePersistsAtOnceMax" })
    expect(durable.state.notes).toEqual(["a"])
    isMute = true
    const interrupted = await run(Effect.timeoutOption(durable.persist(["c"]), 20))
    expect(Option.isNone(interrupted)).toBe(true)
    isMute = false
    await run(durable.persist(["c"]))
    expect(durable.state).toEqual({ count: 2, notes: ["a", "c"] })
    expect((await at.open()).state).toEqual(durable.state)
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
