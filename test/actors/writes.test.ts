/** Writes over the edge, on a whole node: what is told of them is what became of them. */
import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { settled, withNode } from "../support/node-world.ts"
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

describe("the spool", () => {
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
