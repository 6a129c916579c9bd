/** Writes over the edge, on a whole node: what is told of them is what became of them. */
import { readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { describe, expect, it } from "vitest"
import { openSpool, type Ports } from "../../actors/index.ts"
import type { WriteReceipt } from "../../actors/receipt.ts"
import { keeperOf } from "../../actors/write/keeper.ts"
import { shardOfAddress } from "../../protocols/address.ts"
import { shardCount, spoolWritesPerSourceMax } from "../../protocols/limits.ts"
import { type EmbeddedNode, ingestAll } from "../support/embedded-node.ts"
import { CommitGate } from "../support/node-faults.ts"
import {
  expectDone,
  outcomeOf,
  settled,
  source,
  untilNone,
  withNode,
} from "../support/node-world.ts"
import { run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"
import { receiptOf, spooled, thing, things, took, writesOf, wrote } from "../support/writes.ts"

const demo = { tenants: ["demo"] }

describe("a write", () => {
  it("is committed with its counters, and its bytes are gone", async () => {
    const folder = temporaryFolder()
    await withNode(folder, demo, (running) =>
      Effect.gen(function* () {
        const lines = [...things(3), { id: "thing 1", of: "p 1", said: "hello" }, { no: "id" }]
        const receipt = yield* wrote(running, { key: "k1", lines })
        expect(receipt).toMatchObject({
          idempotencyKey: "k1",
          source: "api",
          state: "committed",
          given: 5,
          read: 5,
          accepted: 3,
          duplicates: 1,
          deadLettered: 1,
          pending: 0,
          error: undefined,
        })
        expect(receipt.problems).toMatchObject([{ ordinal: 4, reason: "missing-key" }])
        const entity = yield* running.ports.reads.entity("demo", "thing", "thing 2")
        expect(entity?.properties.said).toBe("hello")
        expect(spooled(join(folder, "data"))).toEqual([])
        yield* settled(running)
      }),
    )
  })

  it("under the same key is the same write, also at once and after a restart", async () => {
    const folder = temporaryFolder()
    const written = { key: "same", lines: things(200) }
    const first = await withNode(folder, demo, (running) =>
      Effect.gen(function* () {
        const all = yield* Effect.forEach(Array(8).fill(written), (one) => wrote(running, one), {
          concurrency: "unbounded",
        })
        expect(new Set(all.map((one) => JSON.stringify(one))).size).toBe(1)
        const [source] = yield* running.ports.reads.sources("demo")
        expect(source?.counters.read).toBe(200)
        return all[0]
      }),
    )
    expect(first).toMatchObject({ state: "committed", accepted: 200 })
    await withNode(folder, demo, (running) =>
      Effect.gen(function* () {
        expect(yield* wrote(running, written)).toEqual(first)
        const refused = yield* Effect.flip(wrote(running, { key: "same", lines: things(1) }))
        expect(refused).toMatchObject({ _tag: "Conflict" })
        for (const other of [{ source: "x" }, { mapping: null }, { format: "json" as const }]) {
          const flipped = yield* Effect.flip(wrote(running, { ...written, ...other }))
          expect(flipped._tag).toBe("Conflict")
        }
        const again = yield* wrote(running, { ...written, key: "another" })
        expect(again).toMatchObject({ state: "committed", accepted: 0, duplicates: 200 })
        expect(spooled(join(folder, "data"))).toEqual([])
      }),
    )
  })

  it("of another tenant under the same key is another write", async () => {
    await withNode(temporaryFolder(), demo, (running) =>
      Effect.gen(function* () {
        yield* wrote(running, { key: "k", lines: things(2, "ours") })
        const theirs = { tenant: "other", key: "k", lines: things(3, "theirs") }
        expect(yield* writesOf(running).receipt("other", "k", 0)).toBeUndefined()
        yield* took(running, theirs)
        expect((yield* receiptOf(running, "k", "other")).accepted).toBe(3)
        expect((yield* receiptOf(running, "k")).accepted).toBe(2)
        const entity = yield* running.ports.reads.entity("demo", "thing", "thing 0")
        expect(entity?.properties.said).toBe("ours")
      }),
    )
  })
})

describe("a write of a tenant that cannot be made yet", () => {
  it("may be given up by its client, as may those behind it, and is taken later", async () => {
    const held = { isHeld: true, gate: Deferred.makeUnsafe<void>() }
    const wrap = (ports: Ports): Ports => ({
      ...ports,
      state: {
        ...ports.state,
        write: (owner, entries) => {
          const isTenant = entries.some(({ path }) => path[0] === "tenant" && path[1] === "new")
          const wait = isTenant && held.isHeld ? Deferred.await(held.gate) : Effect.void
          return Effect.andThen(wait, ports.state.write(owner, entries))
        },
      },
    })
    const written = { tenant: "new", key: "k", lines: things(2) }
    await withNode(temporaryFolder(), { ...demo, wrap }, (running) =>
      Effect.gen(function* () {
        const waiting = yield* Effect.forEach([1, 2, 3], () =>
          Effect.forkChild(took(running, written), { startImmediately: true }),
        )
        yield* wrote(running, { key: "of another", lines: things(1) })
        const givenUp = yield* Effect.timeoutOption(Fiber.interruptAll(waiting), 5_000)
        held.isHeld = false
        yield* Deferred.succeed(held.gate, undefined)
        expect(Option.isSome(givenUp)).toBe(true)
        yield* took(running, written)
        expect(yield* receiptOf(running, "k", "new")).toMatchObject({ accepted: 2, given: 2 })
      }),
    )
  })
})

describe("writes of one source", () => {
  it("follow each other in the order in which they were taken", async () => {
    await withNode(temporaryFolder(), demo, (running) =>
      Effect.gen(function* () {
        for (let n = 0; n < 20; n++) {
          yield* took(running, { key: `k${n}`, lines: [thing(1, `said ${n}`)] })
        }
        for (let n = 0; n < 20; n++) {
          const receipt = yield* receiptOf(running, `k${n}`)
          expect(receipt).toMatchObject({ state: "committed", accepted: 1, given: 1 })
        }
        const entity = yield* running.ports.reads.entity("demo", "thing", "thing 1")
        expect(entity?.properties.said).toBe("said 19")
      }),
    )
  })
})

describe("a write that cannot be finished", () => {
  it("has failed for good where its bytes cannot be read, and the next one is read", async () => {
    const folder = temporaryFolder()
    const header = { key: "csv", format: "csv" as const, mapping: null, text: "a,a\n1,2\n" }
    const damaged = gzipSync(
      Buffer.from(
        things(2_000)
          .map((one) => JSON.stringify(one))
          .join("\n"),
      ),
    )
    damaged.fill(0xff, damaged.length / 2, damaged.length / 2 + 100)
    const results = async () =>
      withNode(folder, demo, (running) =>
        Effect.gen(function* () {
          const csv = yield* wrote(running, header)
          expect(csv).toMatchObject({ state: "failed", given: 0, read: 0, pending: 0 })
          expect(csv.error).toMatch(/^The CSV header cannot be used/)
          const gzip = yield* wrote(running, { key: "gzip", mapping: null, bytes: damaged })
          expect(gzip).toMatchObject({ state: "failed", pending: 0 })
          expect(gzip.error).toMatch(/^Cannot read write:gzip: Its gzip data is damaged/)
          const good = yield* wrote(running, { key: "good", lines: things(1) })
          expect(good).toMatchObject({ state: "committed", accepted: 1 })
          expect(spooled(join(folder, "data"))).toEqual([])
          return [csv, gzip, good]
        }),
      )
    const first = await results()
    expect(await results()).toEqual(first)
  })

  it("waits for the next start where the tenant is broken, and says why", async () => {
    const folder = temporaryFolder()
    const wrap = (ports: Ports): Ports => ({
      ...ports,
      sink: {
        ...ports.sink,
        commit: () => {
          throw new Error("broken on purpose")
        },
      },
    })
    await withNode(folder, { ...demo, wrap }, (running) =>
      Effect.gen(function* () {
        const receipt = yield* wrote(running, { key: "k", lines: things(5) })
        expect(receipt).toMatchObject({ state: "pending", given: 5, pending: 5 })
        expect(receipt.error).toMatch(/quarantined.* It goes on when the node starts anew\.$/)
        const later = yield* wrote(running, { key: "later", source: "b", lines: things(5) })
        expect(later).toMatchObject({ state: "pending", pending: 5 })
      }),
    )
    await withNode(folder, {}, (running) =>
      Effect.gen(function* () {
        for (const key of ["k", "later"]) {
          const receipt = yield* receiptOf(running, key)
          expect(receipt).toMatchObject({ state: "committed", given: 5, accepted: 5 })
        }
        // Its bytes go when its receipt says that it is over.
        yield* untilNone(Effect.sync(() => spooled(join(folder, "data"))))
      }),
    )
  })

  it("goes on where it was interrupted, with the counters of one reading", async () => {
    const folder = temporaryFolder()
    await withNode(folder, demo, (running) =>
      Effect.gen(function* () {
        yield* took(running, { key: "k", lines: things(30_000) })
        yield* took(running, { key: "next", lines: things(10, "next") })
        const read = Effect.map(receiptOf(running, "k", "demo", 0), (receipt) => receipt.read)
        yield* untilNone(Effect.map(read, (count) => (count > 0 ? [] : [count])))
        yield* running.node.drain(20_000)
        expect(yield* receiptOf(running, "next")).toMatchObject({ state: "pending", read: 0 })
      }),
    )
    await withNode(folder, {}, (running) =>
      Effect.gen(function* () {
        const receipt = yield* receiptOf(running, "k")
        expect(receipt).toMatchObject({ state: "committed", given: 30_000, accepted: 30_000 })
        expect(yield* receiptOf(running, "next")).toMatchObject({ accepted: 10 })
      }),
    )
  })

  it("finds no room behind too many of its source, and room in another source", async () => {
    const gate = new CommitGate()
    gate.close("demo")
    await withNode(temporaryFolder(), { ...demo, wrap: gate.wrap }, (running) =>
      Effect.gen(function* () {
        for (let n = 0; n < spoolWritesPerSourceMax; n++) {
          yield* took(running, { key: `k${n}`, lines: [thing(n)] })
        }
        const refused = yield* Effect.flip(took(running, { key: "more", lines: [thing(1)] }))
        expect(refused).toMatchObject({ _tag: "MailboxFull", mailbox: "demo/connector/api" })
        yield* took(running, { key: "k0", lines: [thing(0)] })
        yield* took(running, { key: "other", source: "other", lines: [thing(1)] })
      }),
    )
  })

  it("comes behind the file of its source that was interrupted before it", async () => {
    const folder = temporaryFolder()
    const job = source(folder, "api", { records: 30_000 })
    const back = { format: "retract" as const, lines: ["thing 0", "thing 29999"] }
    await withNode(folder, demo, (running) =>
      Effect.gen(function* () {
        yield* Effect.forkChild(ingestAll(running, [job]))
        const read = Effect.sync(() => running.node.progress()[0]?.counters.read ?? 0)
        yield* untilNone(Effect.map(read, (count) => (count > 0 ? [] : [count])))
        yield* took(running, { key: "back", ...back })
        yield* running.node.drain(20_000)
        expect(yield* receiptOf(running, "back")).toMatchObject({ state: "pending", read: 0 })
      }),
    )
    const sources = [{ tenant: "demo", source: "api" }]
    await withNode(folder, { ...demo, node: { sources } }, (running) =>
      Effect.gen(function* () {
        yield* took(running, { key: "more", lines: [{ id: "thing 1", of: "p", said: "by hand" }] })
        const [report] = yield* ingestAll(running, [job])
        const counters = { read: 30_000, accepted: 30_000, duplicates: 0 }
        expect(report).toMatchObject({ phase: "done", counters })
        expect(yield* receiptOf(running, "back")).toMatchObject({ accepted: 2 })
        expect(yield* receiptOf(running, "more")).toMatchObject({ accepted: 1 })
        const { entities, entity } = running.ports.reads
        const { items } = yield* entities("demo", { type: "thing" }, { first: 2 })
        expect(items.map(({ key }) => key)).toEqual(["thing 1", "thing 10"])
        expect((yield* entity("demo", "thing", "thing 1"))?.properties.said).toBe("by hand")
        expect(yield* entity("demo", "thing", "thing 29999")).toBeUndefined()
      }),
    )
  })

  it("is none where its bytes are gone, as after a restore; its key is new then", async () => {
    const folder = temporaryFolder()
    const gate = new CommitGate()
    gate.close("demo")
    await withNode(folder, { ...demo, wrap: gate.wrap }, (running) =>
      Effect.gen(function* () {
        yield* took(running, { key: "k", lines: things(5) })
        expect(yield* receiptOf(running, "k", "demo", 0)).toMatchObject({ state: "pending" })
      }),
    )
    rmSync(join(folder, "data", "spool"), { recursive: true })
    await withNode(folder, {}, (running) =>
      Effect.gen(function* () {
        expect(yield* writesOf(running).receipt("demo", "k", 0)).toBeUndefined()
        const other = yield* wrote(running, { key: "k", lines: things(6) })
        expect(other).toMatchObject({ state: "committed", accepted: 6 })
      }),
    )
  })
})

describe("receipts", () => {
  it("are kept for a time; then their keys are new, and they are let go", async () => {
    let days = 0
    const wrap = (ports: Ports): Ports => ({
      ...ports,
      host: { ...ports.host, wallMicros: () => ports.host.wallMicros() + days * 86_400e6 },
    })
    await withNode(temporaryFolder(), { ...demo, wrap }, (running) =>
      Effect.gen(function* () {
        const { state } = running.ports
        const stored = Effect.gen(function* () {
          const shards = Array.from({ length: shardCount }, (_, shard) => shard)
          const found = yield* Effect.forEach(shards, (shard) =>
            state.list(shard, ["receipt"], { after: undefined, limit: 100 }),
          )
          return found.flat().map(({ path }) => path[2])
        })
        for (let n = 0; n < 5; n++) yield* wrote(running, { key: `k${n}`, lines: [thing(n)] })
        days = 6
        yield* wrote(running, { key: "young", lines: [thing(9)] })
        expect((yield* stored).length).toBe(6)
        days = 8
        expect(yield* writesOf(running).receipt("demo", "k4", 0)).toBeUndefined()
        expect(yield* receiptOf(running, "young")).toMatchObject({ state: "committed" })
        const again = yield* wrote(running, { key: "k1", lines: things(2) })
        expect(again).toMatchObject({ state: "committed", given: 2 })
        expect([...(yield* stored)].sort()).toEqual(["k1", "k2", "k3", "k4", "young"])
        yield* wrote(running, { key: "new", lines: [thing(1)] })
        yield* wrote(running, { key: "newer", lines: [thing(1)] })
        yield* wrote(running, { key: "newest", lines: [thing(1)] })
        expect([...(yield* stored)].sort()).toEqual(["k1", "new", "newer", "newest", "young"])
        expect(yield* receiptOf(running, "k1")).toEqual(again)
      }),
    )
  })
})

describe("a receipt that waits", () => {
  it("is let go in its turn when it is over, however old it was before", async () => {
    const folder = temporaryFolder()
    let days = 0
    const gate = new CommitGate()
    const wrap = (ports: Ports): Ports => ({
      ...gate.wrap(ports),
      host: { ...ports.host, wallMicros: () => ports.host.wallMicros() + days * 86_400e6 },
    })
    await withNode(folder, { ...demo, wrap }, (running) =>
      Effect.gen(function* () {
        const { state } = running.ports
        const shard = shardOfAddress(keeperOf("demo"))
        const list = (prefix: "receipt" | "write") =>
          state.list(shard, [prefix], { after: undefined, limit: 100 })
        yield* wrote(running, { key: "over", lines: [thing(1)] })
        gate.close("demo")
        yield* took(running, { key: "waits", lines: [thing(2)] })
        days = 8
        for (let n = 0; n < 3; n++) yield* took(running, { key: `k${n}`, lines: [thing(n)] })
        expect((yield* list("receipt")).length).toBe(4)
        gate.open("demo")
        for (let n = 0; n < 3; n++) yield* receiptOf(running, `k${n}`)
        days = 16
        for (let n = 0; n < 3; n++) yield* wrote(running, { key: `new ${n}`, lines: [thing(n)] })
        const left = yield* list("receipt")
        expect(left.map(({ path }) => path[2]).sort()).toEqual(["new 0", "new 1", "new 2"])
        expect((yield* list("write")).length).toBe(3)
      }),
    )
  })
})

describe("the age of a receipt", () => {
  const young = { key: "k", lines: things(2) }
  const trimming = [1, 2, 3].map((n) => ({ key: `later ${n}`, lines: [thing(n)] }))

  /** A host whose clock of the process has another zero, or whose wall clock does. */
  const hostAhead = ({ now = 0, wall = 0 }) => ({
    ...demo,
    wrap: (ports: Ports): Ports => ({
      ...ports,
      host: {
        ...ports.host,
        nowMillis: () => ports.host.nowMillis() + now * 86_400_000,
        wallMicros: () => ports.host.wallMicros() + wall * 86_400e6,
      },
    }),
  })

  const expectKept = (running: EmbeddedNode, first: WriteReceipt) =>
    Effect.gen(function* () {
      yield* Effect.forEach(trimming, (one) => wrote(running, one))
      expect(yield* wrote(running, young)).toEqual(first)
      const refused = yield* Effect.flip(took(running, { ...young, lines: things(3) }))
      expect(refused).toMatchObject({ _tag: "Conflict" })
    })

  it("is the same for processes whose clocks began at other times", async () => {
    for (const [before, after] of [
      [0, 30],
      [30, 0],
    ]) {
      const folder = temporaryFolder()
      const first = await withNode(folder, hostAhead({ now: before }), (running) =>
        wrote(running, young),
      )
      await withNode(folder, hostAhead({ now: after }), (running) => expectKept(running, first))
      const later = hostAhead({ now: after, wall: 8 })
      await withNode(folder, later, (running) =>
        Effect.gen(function* () {
          expect(yield* writesOf(running).receipt("demo", "k", 0)).toBeUndefined()
        }),
      )
    }
  })

  it("is unknown where it is by the clock of a process, and the receipt is kept", async () => {
    const folder = temporaryFolder()
    const wall = -Date.now() / 86_400_000
    const first = await withNode(folder, hostAhead({ wall }), (running) => wrote(running, young))
    await withNode(folder, demo, (running) => expectKept(running, first))
  })
})

describe("a file that was read", () => {
  it("is skipped at the next start, also where writes to its source followed", async () => {
    const folder = temporaryFolder()
    const job = source(folder, "api", { records: 10 })
    const whole = await withNode(folder, demo, (running) =>
      Effect.gen(function* () {
        expectDone(yield* ingestAll(running, [job]))
        yield* wrote(running, { key: "1", lines: [{ id: "thing 1", of: "p", said: "by hand" }] })
        yield* wrote(running, { key: "2", lines: ["thing 2"], format: "retract" })
        yield* settled(running)
        return yield* outcomeOf(running)
      }),
    )
    await withNode(folder, {}, (running) =>
      Effect.gen(function* () {
        const [report] = yield* ingestAll(running, [job])
        expect(report).toMatchObject({ phase: "skipped", counters: { read: 10, accepted: 10 } })
        expect(yield* outcomeOf(running)).toEqual(whole)
        const [again] = yield* ingestAll(running, [{ ...job, again: "always" }])
        expect(again).toMatchObject({ phase: "done", counters: { accepted: 2, duplicates: 8 } })
      }),
    )
  })
})

describe("the spool", () => {
  it("counts a write once, also in the moment between its name and its receipt", async () => {
    const one = Effect.gen(function* () {
      const spool = yield* openSpool(join(temporaryFolder(), "spool"), { writesPerTenant: 2 })
      const first = yield* spool.receive("demo")
      yield* first.append(Buffer.from("{}\n"))
      yield* first.keep(1)
      yield* spool.receive("demo")
      return yield* Effect.flip(spool.receive("demo"))
    })
    const refused = await run(Effect.scoped(one))
    expect(refused.message).toBe("2 writes of the tenant wait already.")
  })

  it("lets nobody else read what it keeps", async () => {
    const folder = temporaryFolder()
    await withNode(folder, demo, (running) =>
      Effect.scoped(
        Effect.gen(function* () {
          const arriving = yield* writesOf(running).receive("demo")
          yield* arriving.append(Buffer.from("{}\n"))
          const spool = join(folder, "data", "spool", "demo")
          const [file = ""] = readdirSync(spool)
          expect(statSync(spool).mode & 0o777).toBe(0o700)
          expect(statSync(join(spool, file)).mode & 0o777).toBe(0o600)
        }),
      ),
    )
    expect(spooled(join(folder, "data"))).toEqual([])
  })
})
