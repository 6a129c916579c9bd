/** Receipts of writes that are not over while too many newer ones are taken. */
import { describe, expect, it } from "vitest"
import type { Ports } from "../../actors/index.ts"
import { encodeStored, numbersPath } from "../../actors/receipt.ts"
import { World } from "../../actors/world.ts"
import { keeperOf, WriteKeeper } from "../../actors/write/keeper.ts"
import type { RecordMessage } from "../../actors/write/messages.ts"
import { shardOfAddress } from "../../protocols/address.ts"
import { noSourceCounters } from "../../protocols/counters.ts"
import { receiptsKeptMax, receiptsWaitMillisMax } from "../../protocols/limits.ts"
import { run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"
import { WriteOwners } from "../support/write-owners.ts"

const receipts = keeperOf("demo")
const shard = shardOfAddress(receipts)

const said = (key: string): RecordMessage => ({
  say: "record",
  key,
  source: "api",
  hash: "ab".repeat(32),
  given: 1,
  recipe: { format: "ndjson", mapping: null },
  node: "a",
  holds: null,
})

/** A keeper of its own, whose wall clock is this far ahead, over the state of a node. */
async function keeping() {
  const a = await new WriteOwners(temporaryFolder()).join("a")
  const { world } = a
  const [owner] = await run(world.ports.state.claim([shard]))
  if (owner === undefined) throw new Error("nothing was claimed")
  let aheadMillis = 0
  const { host, state } = world.ports
  const wallMicros = () => host.wallMicros() + aheadMillis * 1_000
  const ports: Ports = { ...world.ports, host: { ...host, wallMicros } }
  const made = () => {
    const own = new World({
      ports,
      mailboxes: world.mailboxes,
      recipes: world.recipes,
      onFailure: () => {},
      onUnknownTenant: () => {},
      node: "a",
      holderOf: () => "a",
    })
    own.owns(owner)
    return new WriteKeeper(own)
  }
  return {
    made,
    pass: (millis: number) => {
      aheadMillis += millis
    },
    /** As after so many writes more, whose receipts are gone. */
    taken: (next: number) => {
      const value = encodeStored({ next, oldest: 1 })
      return run(state.write(owner, [{ path: numbersPath("demo"), value }]))
    },
    keys: async () => {
      const page = { after: undefined, limit: 100 }
      const [of, numbered] = await Promise.all([
        run(state.list(shard, ["receipt"], page)),
        run(state.list(shard, ["write"], page)),
      ])
      expect(numbered).toHaveLength(of.length)
      return of.map(({ path }) => path[2]).sort()
    },
  }
}

const end = { state: "committed", counters: noSourceCounters, run: null, error: null } as const

/** Two writes wait, and are passed over by the next. */
async function passedOver() {
  const kept = await keeping()
  const before = kept.made()
  for (const key of ["one", "two"]) await run(before.record("demo", said(key)))
  await kept.taken(2 + receiptsKeptMax)
  const keeper = kept.made()
  await run(keeper.record("demo", said("n0")))
  expect(await kept.keys()).toEqual(["n0", "one", "two"])
  return { ...kept, keeper }
}

describe("a write that is passed over before it is over", () => {
  it("is let go when it is over", async () => {
    const { keeper, keys, made } = await passedOver()
    await run(keeper.settle("demo", { say: "settle", key: "two", number: 2, end }))
    expect(await run(keeper.known("demo", "two"))).toMatchObject({ end })
    for (const key of ["n1", "n2"]) await run(keeper.record("demo", said(key)))
    expect(await keys()).toEqual(["n0", "n1", "n2", "one"])
    // Whoever keeps the receipts next knows of those that are left.
    const next = made()
    await run(next.settle("demo", { say: "settle", key: "one", number: 1, end }))
    await run(next.record("demo", said("n3")))
    expect(await keys()).toEqual(["n0", "n1", "n2", "n3"])
  })

  it("is kept as long as it may wait, and given up then", async () => {
    const { keeper, keys, pass } = await passedOver()
    pass(receiptsWaitMillisMax - 60_000)
    for (const key of ["n1", "n2"]) await run(keeper.record("demo", said(key)))
    expect(await run(keeper.numbered("demo", 1))).toMatchObject({ key: "one" })
    expect(await keys()).toEqual(["n0", "n1", "n2", "one", "two"])
    pass(120_000)
    for (const key of ["n3", "n4"]) await run(keeper.record("demo", said(key)))
    expect(await keys()).toEqual(["n0", "n1", "n2", "n3", "n4"])
    // Whoever has its bytes finds that nobody waits for it, and its key is new.
    expect(await run(keeper.numbered("demo", 1))).toBeUndefined()
    const { number } = await run(keeper.record("demo", said("one")))
    expect(number).toBe(2 + receiptsKeptMax + 5)
  })
})
