/** Durable state as it is stored: versions of a kind, snapshots and tails, and damage. */
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Json } from "../../protocols/canonical.ts"
import {
  type ActorStateShape,
  type DurableKind,
  type Ownership,
  openDurable,
  readDurable,
} from "../../runtime/index.ts"
import { makeEmbeddedWorld } from "../support/embedded-world.ts"
import type { LogWorld } from "../support/log-world.ts"
import {
  type First,
  first,
  purse,
  purseShard,
  second,
  storedPurses,
  third,
  writePurses,
} from "../support/purses.ts"
import { run, runExit } from "../support/run.ts"

const shard = 3
let world: LogWorld | undefined
let state: ActorStateShape
let owner: Ownership
let keys = 0
beforeAll(async () => {
  world = await run(makeEmbeddedWorld())
  state = world.state()
  await claim()
})
afterAll(() => world && run(world.close))

async function claim(): Promise<void> {
  const [claimed] = await run(state.claim([shard]))
  if (claimed === undefined) throw new Error("no epoch was given")
  owner = claimed
}
const newAddress = () => purse(String(keys++))

/** Persists groups under one kind, each with a new life of the actor, and gives the state. */
async function live<S extends Json, E extends Json>(
  kind: DurableKind<S, E>,
  address: ReturnType<typeof newAddress>,
  groups: readonly (readonly E[])[],
): Promise<S> {
  for (const group of groups) {
    const durable = await run(openDurable(state, owner, address, kind))
    await run(durable.persist(group))
    const { state: stored } = await run(readDurable(state, shard, address, kind))
    expect(stored).toEqual(durable.state)
    expect(Object.entries(stored as object)).toEqual(Object.entries(durable.state as object))
  }
  return (await run(openDurable(state, owner, address, kind))).state
}

const perSnapshot = fc.integer({ min: 1, max: 7 })
const amounts = fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 4 }), {
  maxLength: 6,
})

describe("durable state", () => {
  test("is what all of its events come to, however they were cut and snapshots fell", async () => {
    const property = fc.asyncProperty(amounts, perSnapshot, async (groups, most) => {
      const told: DurableKind<{ readonly [amount: string]: number }, number> = {
        kind: "purse",
        version: 1,
        initial: {},
        apply: (now, amount) => ({ ...now, [`n${amount}`]: (now[`n${amount}`] ?? 0) + 1 }),
        eventsPerSnapshotMax: most,
      }
      const all = groups.flat().reduce(told.apply, told.initial)
      expect(await live(told, newAddress(), groups)).toEqual(all)
    })
    await fc.assert(property, { numRuns: 30 })
  })

  test("of older versions is what it would be, had it always been of this one", async () => {
    const property = fc.asyncProperty(amounts, amounts, perSnapshot, async (old, newer, most) => {
      const address = newAddress()
      await live({ ...first, eventsPerSnapshotMax: most }, address, old)
      const cents = newer.map((group) => group.map((amount) => ({ cents: amount * 100 })))
      await live({ ...second, eventsPerSnapshotMax: most }, address, cents)
      const now = await run(openDurable(state, owner, address, third))
      const sum = [...old, ...newer].flat().reduce((a, b) => a + b, 0)
      const { euro, times } = now.state
      expect(euro).toBe(sum)
      await run(now.persist([{ euro: 1, note: "new" }]))
      const after = await run(readDurable(state, shard, address, third))
      expect(after.state).toEqual({ euro: sum + 1, times: times + 1 })
      expect(after.sequence).toBe([...old, ...newer].flat().length + 1)
    })
    await fc.assert(property, { numRuns: 20 })
  })

  test("is stored as the first release stored it", async () => {
    const fresh = await run(makeEmbeddedWorld())
    try {
      await run(writePurses(fresh.state()))
      const page = { after: undefined, limit: 1000 }
      const all = await run(fresh.state().list(purseShard, [], page))
      const texts = all.map(({ path, value }) => ({
        path,
        value: String(Buffer.from(value ?? [])),
      }))
      expect(texts).toEqual(storedPurses())
    } finally {
      await run(fresh.close)
    }
  })

  test("of a newer version or format is refused by name", async () => {
    for (const eventsPerSnapshotMax of [1, 64]) {
      const address = newAddress()
      await live({ ...second, eventsPerSnapshotMax }, address, [[{ cents: 5 }]])
      const of = `The state of demo/purse/${address.key}`
      const opened = await run(Effect.flip(openDurable(state, owner, address, first)))
      expect(opened).toMatchObject({
        _tag: "InvariantBroken",
        message: `${of} has version 2, newer than this program's 1.`,
      })
      const [entry] = await stored(address)
      await rewrite(entry, (text) => text.replace('"format":1', '"format":2'))
      const looked = await run(Effect.flip(readDurable(state, shard, address, second)))
      expect(looked).toMatchObject({ _tag: "InvariantBroken" })
      expect(looked.message).toContain("format 2")
    }
  })

  test("of a kind that cannot read its older versions does not open", async () => {
    const { upcastSnapshot: _, ...without } = second
    const opens = async <S extends Json, E extends Json>(kind: DurableKind<S, E>, name: string) => {
      const address = { ...newAddress(), kind: name }
      return String(await runExit(openDurable(state, owner, address, kind)))
    }
    expect(await opens(without, "purse")).toContain("no upcaster of version 1")
    expect(await opens({ ...first, version: 0 }, "purse")).toContain("has version 0")
    expect(await opens({ ...first, eventsPerSnapshotMax: 0 }, "purse")).toContain("every 1 to 512")
    expect(await opens(first, "sack")).toContain("no state of the kind purse")
  })
})

const stored = ({ tenant, kind, key }: ReturnType<typeof newAddress>) =>
  run(state.list(shard, ["durable", tenant, kind, key], { after: undefined, limit: 1000 }))

async function rewrite(
  entry: Awaited<ReturnType<typeof stored>>[number] | undefined,
  change: (text: string) => string | undefined,
): Promise<void> {
  if (entry?.value === undefined) throw new Error("there is nothing to change")
  const text = change(Buffer.from(entry.value).toString("utf8"))
  const value = text === undefined ? undefined : Buffer.from(text, "utf8")
  await run(state.write(owner, [{ path: entry.path, value }]))
}

describe("damaged durable state", () => {
  test.each([
    ["an event that is missing", 2, () => undefined, /Record 2 of .* is missing/],
    ["an event that is another's", 1, (text: string) => text.replace('e":1', 'e":7'), /it is 7/],
    ["bytes that are no record", 2, (text: string) => text.slice(1), /cannot be read/],
    ["a record without a value", 3, (text: string) => text.replace("value", "v"), /cannot be read/],
    ["a snapshot that is none", 0, () => "{}", /cannot be read/],
  ] as const)("is told: %s", async (_what, at, change, message) => {
    const address = newAddress()
    if (at === 0) await live({ ...first, eventsPerSnapshotMax: 1 }, address, [[1]])
    else await live(first, address, [[1, 2], [3], [4]])
    const entries = await stored(address)
    await rewrite(entries[Math.max(0, at - 1)], change)
    const opened = await run(Effect.flip(openDurable(state, owner, address, first)))
    expect(opened).toMatchObject({ _tag: "LogDamaged", partition: `demo/purse/${address.key}` })
    expect(opened.message).toMatch(message)
  })

  test("is told where an owner that was fenced wrote last", async () => {
    const address = newAddress()
    await claim()
    await live(first, address, [[1], [2]])
    const last = (await stored(address)).at(-1)
    await rewrite(last, (text) => text.replace(/"epoch":\d+/, '"epoch":1'))
    const opened = await run(Effect.flip(openDurable(state, owner, address, first)))
    expect(opened.message).toMatch(/is of an owner that was fenced/)
  })
})

describe("durable state of actors", () => {
  test("stores no event that cannot be applied", async () => {
    const address = newAddress()
    const strict = {
      ...first,
      apply: ({ amount }: First, paid: number) => {
        if (paid > 9) throw new Error("too much")
        return { amount: amount + paid }
      },
    }
    const durable = await run(openDurable(state, owner, address, strict))
    expect(String(await runExit(durable.persist([1, 10])))).toContain("too much")
    expect(await stored(address)).toEqual([])
    await run(durable.persist([2]))
    expect(durable.state).toEqual({ amount: 2 })
  })

  test("refuses an address that no actor has", async () => {
    for (const wrong of [{ key: "x".repeat(1025) }, { key: "\ud800" }, { tenant: "a.b" }]) {
      const looked = readDurable(state, shard, { ...newAddress(), ...wrong }, first)
      expect(await run(Effect.flip(looked))).toMatchObject({ _tag: "Invalid" })
    }
  })

  test("refuses a state that no record holds, and takes what makes it smaller", async () => {
    const address = newAddress()
    type Texts = { readonly texts: readonly string[] }
    const kind: DurableKind<Texts, string | null> = {
      kind: "purse",
      version: 1,
      initial: { texts: [] },
      apply: ({ texts }, text) => ({ texts: text === null ? [] : [...texts, text] }),
    }
    const durable = await run(openDurable(state, owner, address, kind))
    const large = "x".repeat(250_000)
    for (let i = 0; i < 4; i++) await run(durable.persist([large]))
    const refused = await run(Effect.flip(durable.persist([large])))
    expect(refused).toMatchObject({ _tag: "LimitExceeded", limit: "stateValueBytesMax" })
    expect(durable.sequence).toBe(4)
    await run(durable.persist([large, null]))
    expect((await stored(address)).map(({ path }) => path.at(-1))).toEqual(["snapshot"])
    expect((await run(readDurable(state, shard, address, kind))).state).toEqual({ texts: [] })
  })
})
