import * as Effect from "effect/Effect"
import fc from "fast-check"
import { expect, test } from "vitest"
import { brokenMailboxEquation } from "../../protocols/counters.ts"
import type { Lane } from "../../protocols/lanes.ts"
import {
  controlDepthMax,
  mailboxDepthMaxDefault,
  messageBytesEstimate,
  parkedMessagesMax,
  turnBatchMax,
} from "../../protocols/limits.ts"
import { boundsOf } from "../../runtime/core/bounds.ts"
import { Ring, RingPool } from "../../runtime/core/ring.ts"
import type { ActorRef } from "../../runtime/index.ts"
import { makeActorWorld, recording } from "../support/actor-world.ts"

test("admits up to its depth and refuses the next one, typed, with a time to try again", () => {
  const { host, spawn } = makeActorWorld()
  const log: number[] = []
  const ref = spawn<number>(recording(log), { mailbox: { depthMax: 3 } })
  expect([0, 1, 2].map((n) => ref.tell(n))).toEqual([undefined, undefined, undefined])
  const refusal = ref.tell(3)
  expect(refusal).toMatchObject({ _tag: "MailboxFull", limit: "depth", mailbox: "demo/tested/a" })
  expect(refusal).toHaveProperty("retryAfterMillis", 1)
  host.settle()
  expect(log).toEqual([0, 1, 2])
  expect(ref.tell(4)).toBeUndefined()
  expect(ref.counters()).toMatchObject({ offered: 5, admitted: 4, refused: 1, handled: 3 })
})

test("has the default depth where its type names none", () => {
  const { spawn } = makeActorWorld()
  const ref = spawn<number>(recording<number>([]))
  let admitted = 0
  while (ref.tell(admitted) === undefined) admitted += 1
  expect(admitted).toBe(mailboxDepthMaxDefault)
})

test("counts unsized messages by the estimate, so that the bound of bytes holds too", () => {
  expect(boundsOf({ bytesMax: 10 * messageBytesEstimate }).depthMax).toBe(10)
  expect(boundsOf({ bytesMax: 1 }).depthMax).toBe(1)
})

test("refuses by bytes, and lets a message alone through that is larger than the bound", () => {
  const { host, spawn } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(recording(log), {
    mailbox: { bytesMax: 10 },
    sizeOf: (text) => text.length,
  })
  expect(ref.tell("12345")).toBeUndefined()
  expect(ref.tell("67890")).toBeUndefined()
  expect(ref.tell("x")).toMatchObject({ limit: "bytes" })
  host.settle()
  expect(ref.tell("a text of more than ten")).toBeUndefined()
  expect(ref.tell("")).toMatchObject({ limit: "bytes" })
  host.settle()
  expect(log).toEqual(["12345", "67890", "a text of more than ten"])
  expect(ref.tell("1234567890")).toBeUndefined()
})

test("refuses by rate and says when there will be room, also while nothing runs", () => {
  const { host, spawn } = makeActorWorld()
  const ref = spawn<number>(recording<number>([]), {
    mailbox: { ratePerSecondMax: 10, rateBurst: 2 },
  })
  expect([ref.tell(1), ref.tell(2)]).toEqual([undefined, undefined])
  expect(ref.tell(3)).toMatchObject({ limit: "rate", retryAfterMillis: 100 })
  host.skip(99)
  expect(ref.tell(3)).toMatchObject({ limit: "rate", retryAfterMillis: 1 })
  host.skip(1)
  expect(ref.tell(3)).toBeUndefined()
})

test("never admits more than burst and rate allow, in any stretch of time", () => {
  const steps = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 400 }), offers: fc.nat(9) }))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 8 }), steps, (...a) => {
      const [ratePerSecondMax, rateBurst, plan] = a
      const { host, spawn } = makeActorWorld()
      const ref = spawn<number>(recording<number>([]), { mailbox: { ratePerSecondMax, rateBurst } })
      const admitted: number[] = []
      for (const { wait, offers } of plan) {
        host.advance(wait)
        for (let i = 0; i < offers; i++) {
          if (ref.tell(i) === undefined) admitted.push(host.nowMillis())
        }
      }
      for (let from = 0; from < admitted.length; from++) {
        for (let to = from; to < admitted.length; to++) {
          const millis = (admitted[to] ?? 0) - (admitted[from] ?? 0)
          const allowed = rateBurst + (millis * ratePerSecondMax) / 1000
          expect(to - from + 1).toBeLessThanOrEqual(allowed + 1e-6)
        }
      }
    }),
  )
})

test("lets a message that waited too long expire, and tells its asker", () => {
  const { host, spawn, begin } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(
    () => ({ receive: (m) => (m === "wait" ? Effect.sleep(100) : void log.push(m)) }),
    {
      mailbox: { maxAgeMillis: 50 },
    },
  )
  ref.tell("wait")
  host.settle()
  ref.tell("too old")
  const asked = begin(ref.ask("too old as well"))
  host.advance(50)
  ref.tell("still good")
  host.advance(50)
  expect(log).toEqual(["still good"])
  expect(ref.counters()).toMatchObject({ expired: 2, handled: 2, queued: 0 })
  expect(JSON.stringify(asked.exit())).toContain("DeadlineExceeded")
})

test("handles control first and keeps a bound of its own for it", () => {
  const { host, spawn } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(recording(log), { mailbox: { depthMax: 2 } })
  ref.tell("n1")
  ref.tell("b1", "bulk")
  expect(ref.tell("n2")).toMatchObject({ limit: "depth" })
  for (let i = 0; i < controlDepthMax; i++) expect(ref.tell(`c${i}`, "control")).toBeUndefined()
  expect(ref.tell("one too many", "control")).toMatchObject({ limit: "control" })
  host.settle()
  expect(log.slice(0, 2)).toEqual(["c0", "c1"])
  expect(log.slice(-2)).toEqual(["n1", "b1"])
})

test("lets bulk wait for normal messages, but not for ever", () => {
  const { host, spawn } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(recording(log))
  ref.tell("bulk", "bulk")
  for (let i = 0; i < turnBatchMax * 2; i++) ref.tell(`n${i}`)
  host.settle()
  expect(log.indexOf("bulk")).toBe(turnBatchMax)
})

test("sheds the oldest of a telemetry mailbox with a count, and refuses to do so elsewhere", () => {
  const { host, spawn } = makeActorWorld()
  const log: number[] = []
  const mailbox = { depthMax: 3, overflow: "shed-oldest" } as const
  expect(() => spawn<number>(recording(log), { mailbox })).toThrow(/telemetry/)
  const ref = spawn<number>(recording(log), { mailbox: { ...mailbox, telemetry: true } })
  for (let n = 0; n < 10; n++) expect(ref.tell(n)).toBeUndefined()
  host.settle()
  expect(log).toEqual([7, 8, 9])
  expect(ref.counters()).toMatchObject({ shed: 7, handled: 3, refused: 0 })
})

test("parks what overflows in order, within a bound, and refuses then", () => {
  const { host, spawn } = makeActorWorld()
  const log: number[] = []
  const ref = spawn<number>(recording(log), { mailbox: { depthMax: 2, overflow: "park" } })
  const all = 2 + parkedMessagesMax
  for (let n = 0; n < all; n++) expect(ref.tell(n)).toBeUndefined()
  expect(ref.tell(all)).toMatchObject({ limit: "depth" })
  expect(ref.counters()).toMatchObject({ queued: 2, parked: parkedMessagesMax, refused: 1 })
  host.settle()
  expect(log).toEqual(Array.from({ length: all }, (_, n) => n))
})

test("lets a sender wait for credit, in order, before any later tell", () => {
  const { host, spawn, begin } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(recording(log), { mailbox: { depthMax: 1, overflow: "wait" } })
  ref.tell("first")
  const waiting = [begin(ref.offer("second")), begin(ref.offer("third"))]
  expect(waiting.map((one) => one.exit())).toEqual([undefined, undefined])
  expect(ref.tell("pushes in")).toMatchObject({ limit: "depth" })
  expect(ref.counters()).toMatchObject({ offered: 2, admitted: 1, refused: 1 })
  host.settle()
  expect(waiting.map((one) => one.exit()?._tag)).toEqual(["Success", "Success"])
  expect(log).toEqual(["first", "second", "third"])
})

test("gives a waiting sender its place no sooner than the rate allows", () => {
  const { host, spawn, begin } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(recording(log), {
    mailbox: { depthMax: 1, overflow: "wait", ratePerSecondMax: 10, rateBurst: 1 },
  })
  ref.tell("first")
  const waiting = [begin(ref.offer("second")), begin(ref.offer("third"))]
  host.settle()
  expect(log).toEqual(["first"])
  host.advance(99)
  expect(log).toEqual(["first"])
  host.advance(1)
  expect(log).toEqual(["first", "second"])
  host.advance(100)
  expect(log).toEqual(["first", "second", "third"])
  expect(waiting.map((one) => one.exit()?._tag)).toEqual(["Success", "Success"])
})

test("lets no small message overtake a large one that waits or is parked", () => {
  for (const overflow of ["wait", "park"] as const) {
    const { host, spawn, begin } = makeActorWorld()
    const log: string[] = []
    const ref = spawn<string>(recording(log), {
      mailbox: { bytesMax: 10, overflow },
      sizeOf: (text) => text.length,
    })
    ref.tell("123456")
    const send = (text: string) => (overflow === "wait" ? begin(ref.offer(text)) : ref.tell(text))
    send("a large one")
    send("abc")
    if (overflow === "wait") expect(ref.tell("x")).toMatchObject({ limit: "depth" })
    expect(ref.counters()).toMatchObject({ queued: 1, parked: overflow === "park" ? 2 : 0 })
    host.settle()
    expect(log).toEqual(["123456", "a large one", "abc"])
  }
})

test("parked messages come back within the bound of bytes", () => {
  const { host, spawn } = makeActorWorld()
  let most = 0
  const ref: ActorRef<string> = spawn<string>(
    () => ({
      receive: () => {
        most = Math.max(most, ref.counters().queued)
      },
    }),
    { mailbox: { bytesMax: 10, overflow: "park" }, sizeOf: (text) => text.length },
  )
  for (let n = 0; n < 9; n++) ref.tell("12345")
  host.settle()
  expect(ref.counters()).toMatchObject({ handled: 9 })
  expect(most).toBe(2)
})

test("forgets a sender that gave up waiting", () => {
  const { host, spawn, begin } = makeActorWorld()
  const log: string[] = []
  const ref = spawn<string>(recording(log), { mailbox: { depthMax: 1, overflow: "wait" } })
  ref.tell("first")
  const waiting = begin(ref.offer("second"))
  waiting.interrupt()
  host.settle()
  expect(log).toEqual(["first"])
  expect(ref.counters()).toMatchObject({ offered: 1, admitted: 1 })
})

test("refuses an offer at once where its policy is not to wait", () => {
  const { spawn, begin } = makeActorWorld()
  const ref = spawn<string>(recording<string>([]), { mailbox: { depthMax: 1 } })
  ref.tell("first")
  expect(JSON.stringify(begin(ref.offer("second")).exit())).toContain("MailboxFull")
})

test("keeps its equations whatever is offered to whatever mailbox", () => {
  const mailbox = fc.record({
    depthMax: fc.integer({ min: 1, max: 6 }),
    bytesMax: fc.integer({ min: 1, max: 40 }),
    overflow: fc.constantFrom("refuse", "wait", "park", "shed-oldest"),
    telemetry: fc.constant(true),
  } as const)
  const offer = fc.record({
    lane: fc.constantFrom<Lane>("normal", "bulk", "control"),
    size: fc.nat(12),
    way: fc.constantFrom("tell", "offer", "ask", "run"),
  })
  fc.assert(
    fc.property(mailbox, fc.array(offer, { maxLength: 60 }), (limits, offers) => {
      const { host, spawn, begin, system } = makeActorWorld()
      const log: number[] = []
      const ref = spawn<number>(recording(log), { mailbox: limits, sizeOf: (size) => size })
      const check = () => {
        const counters = ref.counters()
        expect(brokenMailboxEquation(counters)).toBeUndefined()
        expect(counters.queued).toBeLessThanOrEqual(limits.depthMax + controlDepthMax)
      }
      for (const { lane, size, way } of offers) {
        if (way === "tell") ref.tell(size, lane)
        else if (way === "offer") begin(ref.offer(size, lane))
        else if (way === "ask") begin(ref.ask(size))
        else host.step()
        check()
      }
      host.settle()
      check()
      expect(ref.counters()).toMatchObject({ handled: log.length, queued: 0, parked: 0 })
      expect(system.brokenEquations()).toEqual([])
    }),
  )
})

test("a ring gives back what it was given, in order, however it wraps and grows", () => {
  const move = fc.oneof(
    fc.record({ push: fc.nat() }),
    fc.record({ unshift: fc.nat() }),
    fc.constant({ shift: true }),
  )
  fc.assert(
    fc.property(fc.array(move, { maxLength: 200 }), (moves) => {
      const ring = new Ring(2)
      const model: number[] = []
      const taken = { message: undefined as unknown, ask: undefined, bytes: 0, tick: 0 }
      for (const one of moves) {
        if ("push" in one) {
          ring.push(one.push, undefined, 1, 2)
          model.push(one.push)
        } else if ("unshift" in one) {
          ring.unshift(one.unshift, undefined, 1, 2)
          model.unshift(one.unshift)
        } else if (model.length > 0) {
          ring.shift(taken)
          expect(taken.message).toBe(model.shift())
        }
        expect(ring.count).toBe(model.length)
      }
    }),
  )
})

test("a pool gives the ring of a size back to the next that asks for it", () => {
  const pool = new RingPool()
  const ring = pool.take(2)
  expect(ring.mask).toBe(7)
  expect(pool.give(ring)).toBe(2)
  expect(pool.take(1)).not.toBe(ring)
  expect(pool.take(2)).toBe(ring)
  expect(pool.take(2)).not.toBe(ring)
})

test("an idle mailbox holds no ring", () => {
  const { host, spawn } = makeActorWorld()
  const ref = spawn<number>(recording<number>([]))
  for (let n = 0; n < 100; n++) ref.tell(n)
  expect(ref).toHaveProperty("ring.count", 100)
  host.settle()
  expect(ref).toHaveProperty("ring", undefined)
})
