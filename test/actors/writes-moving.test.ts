/** Writes that wait while their source goes from one node to another, step by step. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import type { Ports } from "../../actors/index.ts"
import type { SpoolShape } from "../../actors/spool.ts"
import { sourceOf } from "../../actors/write/between.ts"
import { keeperOf } from "../../actors/write/keeper.ts"
import { MailboxFull, Unavailable } from "../../protocols/errors.ts"
import { retryMillisMax } from "../../protocols/limits.ts"
import { watched } from "../support/faults.ts"
import { run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"
import { until } from "../support/write-cluster.ts"
import { WriteOwners } from "../support/write-owners.ts"
import { receiptOf, spooled, thing, took } from "../support/writes.ts"

const source = sourceOf("demo", "api")
const receipts = keeperOf("demo")
const write = (n: number) => ({ key: `k${n}`, lines: [thing(1, `said ${n}`)] })
const named = (count: number) => Array.from({ length: count }, (_, n) => `write:k${n}`)

/** Refuses what arrives as long as `isFull` says so of the arrivals before it. */
function filling(isFull: (before: number) => boolean) {
  const cameAtMillis: number[] = []
  const full = new MailboxFull({
    mailbox: "demo/spool",
    limit: "bytes",
    message: "No room.",
    retryAfterMillis: 1,
  })
  const wrap = ({ spool }: { readonly spool: SpoolShape }) => ({
    spool: new Proxy(spool, {
      get: (target, name) =>
        name !== "receive"
          ? Reflect.get(target, name).bind(target)
          : (tenant: string) =>
              Effect.suspend(() => {
                cameAtMillis.push(performance.now())
                return isFull(cameAtMillis.length - 1) ? Effect.fail(full) : target.receive(tenant)
              }),
    }),
  })
  return { cameAtMillis, wrap }
}

/** The answer to this write of the state is lost; what it said is stored. */
function losing(at: number) {
  let writes = 0
  return ({ state }: { readonly state: Ports["state"] }) => {
    const write: Ports["state"]["write"] = (owner, entries) =>
      Effect.andThen(
        state.write(owner, entries),
        Effect.suspend(() => (++writes === at ? Effect.fail(noAnswer()) : Effect.void)),
      )
    return { state: { ...state, write } }
  }
}

/** What this write of the state said is stored, and its answer waits; it is read meanwhile. */
function holding(at: number) {
  const held = {
    stored: Deferred.makeUnsafe<void>(),
    answered: Deferred.makeUnsafe<void>(),
    reads: 0,
  }
  let writes = 0
  const wrap = ({ state }: { readonly state: Ports["state"] }) => {
    const write: Ports["state"]["write"] = (owner, entries) =>
      Effect.andThen(
        state.write(owner, entries),
        Effect.suspend(() => {
          if (++writes !== at) return Effect.void
          return Effect.andThen(
            Deferred.succeed(held.stored, undefined),
            Deferred.await(held.answered),
          )
        }),
      )
    const read: Ports["state"]["read"] = (shard, path) =>
      Effect.tap(state.read(shard, path), () => {
        if (Deferred.isDoneUnsafe(held.stored)) held.reads++
        return Effect.void
      })
    return { state: { ...state, write, read } }
  }
  return { held, wrap }
}

const noAnswer = () => new Unavailable({ message: "No answer.", retryAfterMillis: 1 })

/** How often kept bytes were opened to be given away. */
const counting =
  (offers: { count: number }) =>
  ({ spool }: { readonly spool: SpoolShape }) => ({
    spool: watched("spool", spool, ({ method, when }) => {
      if (method === "bytesOf" && when === "after") offers.count++
    }),
  })

describe("writes that wait while their source goes to another node", () => {
  it("are read there in the order in which they were taken, even if one is refused", async () => {
    const nodes = new WriteOwners(temporaryFolder())
    const { wrap } = filling((before) => before < 2)
    const [a, b] = [await nodes.join("a"), await nodes.join("b", wrap)]
    await nodes.move(receipts, b)
    await nodes.move(source, a)
    for (let n = 0; n < 5; n++) await run(took(a, write(n)))
    b.reads = "yes"
    await nodes.move(source, b)
    await until(() => expect(b.read).toHaveLength(5))
    expect(b.read).toEqual(named(5))
    await until(() => expect(spooled(nodes.folderOf("a"))).toEqual([]))
  })

  it("are read in that order where the source comes back before they left", async () => {
    const nodes = new WriteOwners(temporaryFolder())
    const { wrap, cameAtMillis } = filling(() => true)
    const [a, b] = [await nodes.join("a"), await nodes.join("b", wrap)]
    await nodes.move(receipts, a)
    await nodes.move(source, a)
    for (let n = 0; n < 5; n++) await run(took(a, write(n)))
    await nodes.move(source, b)
    await until(() => expect(cameAtMillis.length).toBeGreaterThan(0))
    await nodes.move(source, a)
    a.reads = "yes"
    await run(took(a, write(5)))
    await until(() => expect(a.read).toHaveLength(6))
    expect(a.read).toEqual(named(6))
    expect(b.read).toEqual([])
  })

  it("are offered less and less often to a node that refuses them", async () => {
    const nodes = new WriteOwners(temporaryFolder())
    const { wrap, cameAtMillis } = filling((before) => before < 3)
    const [a, b] = [await nodes.join("a"), await nodes.join("b", wrap)]
    await nodes.move(receipts, b)
    await nodes.move(source, a)
    await run(took(a, write(0)))
    b.reads = "yes"
    await nodes.move(source, b)
    await until(() => expect(b.read).toEqual(named(1)))
    const [first = 0, second = 0, third = 0, fourth = 0] = cameAtMillis
    // Timers may end a moment early.
    expect(third - second).toBeGreaterThan(2 * retryMillisMax - 10)
    expect(fourth - third).toBeGreaterThan(4 * retryMillisMax - 10)
    expect(fourth - first).toBeGreaterThan(7 * retryMillisMax - 30)
  })

  it("do not bring their bytes to a node that cannot take them", async () => {
    const nodes = new WriteOwners(temporaryFolder())
    const offers = { count: 0 }
    const { wrap, cameAtMillis } = filling(() => false)
    const [a, b] = [await nodes.join("a", counting(offers)), await nodes.join("b", wrap)]
    await nodes.move(receipts, b)
    await nodes.move(source, a)
    await run(took(a, write(0)))
    await nodes.move(source, b, "seen")
    await until(() => expect(offers.count).toBeGreaterThan(1))
    expect(cameAtMillis).toEqual([])
    b.reads = "yes"
    await nodes.move(source, b)
    await until(() => expect(b.read).toEqual(named(1)))
  })
})

describe("a write that two nodes have", () => {
  it("is named by its receipt where it is when the other one lets it go", async () => {
    const nodes = new WriteOwners(temporaryFolder())
    const [a, b, c] = [await nodes.join("a"), await nodes.join("b"), await nodes.join("c")]
    await nodes.move(receipts, a)
    await nodes.move(source, c)
    c.reads = "not"
    await run(took(c, write(0)))
    await nodes.move(source, b)
    await run(took(b, write(0)))
    await nodes.move(source, c)
    await until(() => expect(spooled(nodes.folderOf("b"))).toEqual([]))
    await nodes.move(source, b)
    expect(await run(receiptOf(b, "k0", "demo", 0))).toMatchObject({ state: "pending" })
    const other = { ...write(1), key: "k0" }
    expect(await run(Effect.flip(took(b, other)))).toMatchObject({ _tag: "Conflict" })
    c.reads = "not yet"
    b.reads = "yes"
    await until(() => expect(b.read).toEqual(named(1)))
  })

  it("is waited for while its receipt names a node that has just got it", async () => {
    const nodes = new WriteOwners(temporaryFolder())
    const { held, wrap } = holding(1)
    const [a, b] = [await nodes.join("a"), await nodes.join("b", wrap)]
    await nodes.move(receipts, a)
    await nodes.move(source, a)
    a.reads = "not"
    await run(took(a, write(0)))
    await nodes.move(receipts, b)
    await nodes.move(source, b)
    const repeated = run(took(b, write(0)))
    await run(Deferred.await(held.stored))
    const waiting = run(receiptOf(b, "k0"))
    b.reads = "yes"
    // A look that finds its bytes nowhere reads the receipt twice.
    await until(() => expect(held.reads).toBeGreaterThan(2))
    await run(Deferred.succeed(held.answered, undefined))
    await repeated
    expect(await waiting).toMatchObject({ state: "committed" })
  })

  it("is read where it is also when nobody could say that it was taken there", async () => {
    const nodes = new WriteOwners(temporaryFolder())
    const a = await nodes.join("a", losing(2))
    const [b, c] = [await nodes.join("b"), await nodes.join("c")]
    await nodes.move(receipts, a)
    await nodes.move(source, c)
    c.reads = "not"
    await run(took(c, write(0)))
    await nodes.move(source, b)
    expect(await run(Effect.flip(took(b, write(0))))).toMatchObject({ _tag: "Unavailable" })
    b.reads = "yes"
    await until(() => expect(b.read).toEqual(named(1)))
    await until(() => expect(spooled(nodes.folderOf("b"))).toEqual([]))
    expect(await run(receiptOf(b, "k0"))).toMatchObject({ state: "committed" })
  })
})
