import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { DurableMailboxes } from "../../actors/durable-mailboxes.ts"
import { decodeRecipe, encodeRecipe, RecipeBook } from "../../actors/recipes.ts"
import { decodeRun, encodeRun, type RunRecord } from "../../actors/run-record.ts"
import { TokenBucket } from "../../actors/token-bucket.ts"
import { LatencyBoard } from "../../actors/world.ts"
import { shardOf } from "../../protocols/address.ts"
import { recipesCachedMax, shardCount } from "../../protocols/limits.ts"

const partition = { tenant: "demo", partition: 2 }
const shard = shardOf(partition.tenant, partition.partition)

/** Of a node that owns every shard. */
function openBooks(): DurableMailboxes {
  const mailboxes = new DurableMailboxes()
  for (let one = 0; one < shardCount; one++) mailboxes.owns(one)
  return mailboxes
}

describe("the books of durable mailboxes", () => {
  /** Steps in any order that a sender's death, a restart and a second delivery may bring about. */
  const step = fc.record({
    name: fc.constantFrom("refused", "receipt", "arrival", "begun", "restart", "parked", "handled"),
    of: fc.nat(30),
  })

  it("balance at every step, and count each block once", () => {
    fc.assert(
      fc.property(fc.array(step), fc.nat(5), (steps, pending) => {
        const mailboxes = openBooks()
        mailboxes.opened(partition, { pending, lastSequence: 10 })
        const late = new Set<number>()
        let done = 0
        for (const { name, of } of steps) {
          const sequence = 11 + of
          if (name === "refused") mailboxes.refused(partition)
          if (name === "receipt" && sequence > done) {
            mailboxes.admitted(partition, sequence)
            late.add(sequence)
          }
          if (name === "arrival" && sequence > done) {
            mailboxes.arrived(partition, sequence)
            late.add(sequence)
          }
          if (name === "begun") mailboxes.begun(partition, sequence)
          if (name === "restart") mailboxes.restarted(partition)
          if (name === "parked") mailboxes.parked(partition, sequence)
          const next = Math.min(...[...late].filter((one) => one > done))
          if (name === "handled" && next !== Number.POSITIVE_INFINITY) {
            mailboxes.handled(partition, next)
            mailboxes.handled(partition, next)
            done = next
          }
          const counters = mailboxes.counters(partition)
          expect(mailboxes.broken()).toEqual([])
          expect(counters.admitted).toBe(pending + late.size)
          expect(counters.queued).toBeGreaterThanOrEqual(0)
        }
      }),
    )
  })

  it("count a block once whose receipt comes after it was handled, or never", () => {
    const mailboxes = openBooks()
    mailboxes.arrived(partition, 1)
    mailboxes.begun(partition, 1)
    mailboxes.handled(partition, 1)
    mailboxes.admitted(partition, 1)
    mailboxes.arrived(partition, 2)
    expect(mailboxes.counters(partition)).toMatchObject({ admitted: 2, handled: 1, queued: 1 })
  })

  it("count a block once that was found parked and in the log", () => {
    const mailboxes = openBooks()
    mailboxes.opened(partition, { pending: 2, lastSequence: 4 }, [3])
    mailboxes.arrived(partition, 3)
    mailboxes.arrived(partition, 4)
    mailboxes.arrived(partition, 3)
    expect(mailboxes.counters(partition)).toMatchObject({ admitted: 2, parked: 1, queued: 1 })
    mailboxes.handled(partition, 3)
    mailboxes.handled(partition, 4)
    expect(mailboxes.counters(partition)).toMatchObject({ admitted: 2, handled: 2, queued: 0 })
  })

  it("count a block once whose copy comes from the log after the parked one is done", () => {
    const mailboxes = openBooks()
    mailboxes.opened(partition, { pending: 2, lastSequence: 4 }, [3])
    mailboxes.handled(partition, 3)
    mailboxes.arrived(partition, 3)
    mailboxes.arrived(partition, 3)
    mailboxes.arrived(partition, 4)
    expect(mailboxes.counters(partition)).toMatchObject({ admitted: 2, handled: 1, queued: 1 })
    expect(mailboxes.depth("demo")).toBe(1)
  })

  it("are closed with their shard, and count nothing of another node's partitions", () => {
    const mailboxes = openBooks()
    mailboxes.opened(partition, { pending: 3, lastSequence: 3 })
    mailboxes.disowns(shard)
    mailboxes.admitted(partition, 4)
    mailboxes.refused(partition)
    expect(mailboxes.depth("demo")).toBe(0)
    expect(mailboxes.counters(partition)).toMatchObject({ offered: 0, refused: 0 })
    mailboxes.owns(shard)
    mailboxes.opened(partition, { pending: 1, lastSequence: 4 })
    expect(mailboxes.counters(partition)).toMatchObject({ admitted: 1, queued: 1 })
    expect(mailboxes.broken()).toEqual([])
  })

  it("counts the depth of one tenant only", () => {
    const mailboxes = openBooks()
    mailboxes.opened(partition, { pending: 3, lastSequence: 3 })
    mailboxes.opened({ tenant: "demo-2", partition: 0 }, { pending: 4, lastSequence: 4 })
    expect(mailboxes.depth("demo")).toBe(3)
  })
})

describe("the record of a run", () => {
  const record: RunRecord = {
    run: { epoch: 4, count: 2 },
    state: "open",
    file: "kev.json",
    contentHash: "ab".repeat(32),
    recipeDigest: "cd".repeat(32),
    position: { offset: 1234, ordinal: 56 },
  }

  it("reads what it wrote", () => {
    expect(decodeRun(encodeRun(record))).toEqual(record)
  })

  it("is refused by name where a newer version wrote it", () => {
    const newer = Buffer.from(encodeRun(record))
      .toString("utf8")
      .replace('"version":1', '"version":2')
    expect(() => decodeRun(Buffer.from(newer))).toThrow(/version 2 is newer/)
  })
})

describe("recipes", () => {
  it("come back as they were written", () => {
    const recipe = { format: "csv", mapping: undefined, columns: ["a", "b"] } as const
    expect(decodeRecipe(encodeRecipe(recipe))).toEqual(recipe)
  })

  it("leave the book in the order in which they were last used", () => {
    const book = new RecipeBook()
    const recipe = { format: "stix", mapping: undefined, columns: undefined } as const
    book.put("first", recipe)
    for (let i = 0; i < recipesCachedMax - 1; i++) book.put(`other ${i}`, recipe)
    expect(book.get("first")).toBe(recipe)
    book.put("one more", recipe)
    expect(book.get("first")).toBe(recipe)
    expect(book.get("other 0")).toBeUndefined()
  })
})

describe("the token bucket of a connector", () => {
  it("lets through no more than its rate and burst in any time", () => {
    const waits = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 300 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), waits, (rate, gaps) => {
        const bucket = new TokenBucket(rate, 0)
        let [now, taken] = [0, 0]
        for (const gap of gaps) {
          now += gap
          while (bucket.waitMillis(now) === 0) {
            bucket.take()
            taken++
          }
          expect(taken).toBeLessThanOrEqual((now * rate) / 1000 + Math.max(1, rate / 10) + 1)
        }
      }),
    )
  })

  it("has a token after the wait that it named", () => {
    const bucket = new TokenBucket(3, 0)
    while (bucket.waitMillis(0) === 0) bucket.take()
    expect(bucket.waitMillis(bucket.waitMillis(0))).toBe(0)
  })
})

describe("the latency board", () => {
  it("names a bound that 95 of 100 records kept", () => {
    const board = new LatencyBoard()
    for (let i = 1; i <= 100; i++) {
      board.sealed("s", 0, i, 0)
      board.handed({ sender: "s", partition: 0, senderSequence: i, records: 1, nowMillis: i })
    }
    expect(board.p95Millis("s")).toBeGreaterThanOrEqual(95)
    expect(board.p95Millis("s")).toBeLessThan(95 * 1.1 + 1)
  })

  it("ignores a block that an earlier life sealed", () => {
    const board = new LatencyBoard()
    board.handed({ sender: "s", partition: 0, senderSequence: 1, records: 9, nowMillis: 50 })
    expect(board.p95Millis("s")).toBe(0)
  })
})
