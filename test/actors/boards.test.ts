import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { DurableMailboxes } from "../../actors/durable-mailboxes.ts"
import { decodeRecipe, encodeRecipe, RecipeBook } from "../../actors/recipes.ts"
import { decodeRun, encodeRun, type RunRecord } from "../../actors/run-record.ts"
import { TokenBucket } from "../../actors/token-bucket.ts"
import { LatencyBoard } from "../../actors/world.ts"
import { recipesCachedMax } from "../../protocols/limits.ts"

const partition = { tenant: "demo", partition: 2 }

describe("the books of durable mailboxes", () => {
  it("balance at every step, whichever of receipt and delivery comes first", () => {
    const step = fc.constantFrom("admitted", "repeated", "refused", "begun", "back", "handled")
    fc.assert(
      fc.property(fc.array(step), fc.nat(20), (steps, pending) => {
        const mailboxes = new DurableMailboxes()
        mailboxes.opened(partition, pending)
        let inTurn = 0
        for (const name of steps) {
          if (name === "admitted" || name === "repeated" || name === "refused") {
            mailboxes.offered(partition, name)
          } else if (name === "begun") {
            mailboxes.begun(partition, 1)
            inTurn++
          } else if (inTurn > 0) {
            if (name === "back") mailboxes.begun(partition, -1)
            else mailboxes.handled(partition)
            inTurn--
          }
          expect(mailboxes.broken()).toEqual([])
        }
      }),
    )
  })

  it("counts the depth of one tenant only", () => {
    const mailboxes = new DurableMailboxes()
    mailboxes.opened(partition, 3)
    mailboxes.opened({ tenant: "demo-2", partition: 0 }, 4)
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
