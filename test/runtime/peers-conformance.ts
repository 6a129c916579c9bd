/** What `Peers` promises, over any line. A world makes nodes, and troubles their lines. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, test, vi } from "vitest"
import { brokenMailboxEquation } from "../../protocols/counters.ts"
import { MailboxFull, NotFound } from "../../protocols/errors.ts"
import {
  peerChunkBytesMax,
  peerChunksUntakenMax,
  peerFrameBytesMax,
  peerRequestsMax,
  peerSilenceMillisMax,
} from "../../protocols/limits.ts"
import { NotThere, type PeerHandlers, type PeerPart, type Peers } from "../../runtime/index.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"

export interface PeerNode {
  readonly peers: Peers
  /** Ends as a node that is told to. */
  readonly close: () => Promise<void>
  /** Is gone, and says nothing more. */
  readonly vanish: () => Promise<void>
  /** What is sent to it and from it waits until it is healed. */
  readonly hold: () => void
  readonly heal: () => void
  /** What its handlers died of. */
  readonly faults: readonly unknown[]
}

/** A node whose clock shows another time than any other's. */
export type OpenPeer = (node: string) => Promise<PeerNode>

const waiting = { timeout: 4 * peerSilenceMillisMax, interval: 10 }
const sentence = "There is none of it."

/** A handler that waits to be let go, and tells what became of it. */
function makeSlow() {
  const ends: string[] = []
  const gate = Deferred.makeUnsafe<void>()
  let begun = 0
  const handler = () =>
    Effect.suspend(() => {
      begun += 1
      return Deferred.await(gate).pipe(
        Effect.as("late"),
        Effect.onExit((exit) => Effect.sync(() => ends.push(exit._tag))),
      )
    })
  const letGo = () => Deferred.doneUnsafe(gate, Effect.void)
  return { ends, handler, letGo, begun: () => begun }
}

const failureOf = <A, E>(effect: Effect.Effect<A, E>) => run(Effect.flip(effect))

/** `pace`: so many times as fast as the real ones do the clocks of the nodes run. */
export function peersConformance(name: string, openPeer: OpenPeer, pace = 1): void {
  /** Two nodes of which the second answers. */
  async function two(handlers: PeerHandlers) {
    const [a, b] = [await openPeer("a"), await openPeer("b")]
    await served(b, handlers)
    return {
      a,
      b,
      ask: (handler: string, payload?: unknown, millis?: number) =>
        a.peers.ask("b", handler, payload, millis),
    }
  }

  describe(`${name}: a request`, () => {
    test("is answered by the node and the name that it names", async () => {
      const { a, b, ask } = await two({ echo: (payload) => Effect.succeed(payload) })
      const payload = { text: "ü", list: [1, 2.5, null, true], none: undefined }
      expect(await run(ask("echo", payload))).toEqual(payload)
      const bytes = await run(ask("echo", new Uint8Array([1, 2, 3])))
      expect(bytes instanceof Uint8Array && [...bytes]).toEqual([1, 2, 3])
      await served(a, { who: (_, { from }) => Effect.succeed(from) })
      expect(await run(b.peers.ask("a", "who", undefined))).toEqual(b.peers.own)
      expect(await run(a.peers.ask("a", "who", undefined))).toEqual(a.peers.own)
    })

    test("to a node that is not there fails at once, and so do all that wait with it", async () => {
      const { a } = await two({})
      const begun = performance.now()
      const asks = Array.from({ length: 20 }, () => failureOf(a.peers.ask("c", "echo", 1)))
      for (const error of await Promise.all(asks)) expect(error).toBeInstanceOf(NotThere)
      expect(performance.now() - begun).toBeLessThan(peerSilenceMillisMax)
    })

    test("that nobody answers is refused, and names that are none are, too", async () => {
      const { a, ask } = await two({})
      expect(await failureOf(ask("echo"))).toMatchObject({ _tag: "NotFound" })
      for (const wrong of ["", "a.b", "*", ">", "A", "b c"]) {
        expect(await failureOf(ask(wrong))).toMatchObject({ _tag: "Invalid" })
        expect(await failureOf(a.peers.ask(wrong, "echo", 1))).toMatchObject({ _tag: "Invalid" })
      }
    })

    test("fails as its handler does, and shows nothing of what that dies of", async () => {
      const full = new MailboxFull({
        mailbox: "x",
        limit: "depth",
        retryAfterMillis: 7,
        message: sentence,
      })
      const { b, ask } = await two({
        refuse: () => Effect.fail(full),
        die: () => Effect.die(new Error("the secret")),
        throw: () => {
          throw new Error("the secret")
        },
        odd: () => Effect.succeed(2n ** 80n),
      })
      const error = await failureOf(ask("refuse"))
      expect(error).toBeInstanceOf(MailboxFull)
      expect(error).toEqual(full)
      for (const name of ["die", "throw", "odd"]) {
        const told = await failureOf(ask(name))
        expect(told).toMatchObject({ _tag: "Unavailable" })
        expect(JSON.stringify({ ...told, message: told.message })).not.toContain("secret")
      }
      expect(b.faults).toHaveLength(3)
      expect(b.peers.counters()).toMatchObject({ handled: 2, deadLettered: 2 })
    })

    test("or its answer that is too large is refused, not sent", async () => {
      const { b, ask } = await two({
        echo: (payload) => Effect.succeed(payload),
        much: () => Effect.succeed("x".repeat(peerFrameBytesMax)),
      })
      const fits = "x".repeat(peerFrameBytesMax - 200)
      expect(await run(ask("echo", fits))).toBe(fits)
      const large = "x".repeat(peerFrameBytesMax)
      expect(await failureOf(ask("echo", large))).toMatchObject({
        _tag: "LimitExceeded",
        limit: "peerFrameBytesMax",
      })
      expect(b.peers.counters().offered).toBe(1)
      expect(await failureOf(ask("much"))).toMatchObject({ _tag: "LimitExceeded" })
    })

    test("ends at its deadline on both sides", async () => {
      const slow = makeSlow()
      const { b, ask } = await two({ slow: slow.handler, echo: () => Effect.succeed(1) })
      await run(ask("echo"))
      const begun = performance.now()
      expect(await failureOf(ask("slow", 1, 2_500))).toMatchObject({ _tag: "DeadlineExceeded" })
      expect(performance.now() - begun).toBeGreaterThanOrEqual(2_400 / pace)
      await vi.waitFor(() => expect(slow.ends).toEqual(["Failure"]), waiting)
      expect(b.peers.counters()).toMatchObject({ expired: 1, inTurn: 0 })
    })

    test("that is interrupted interrupts its handler", async () => {
      const slow = makeSlow()
      const { a, ask } = await two({ slow: slow.handler })
      const fiber = await run(Effect.forkDetach(ask("slow"), { startImmediately: true }))
      await vi.waitFor(() => expect(slow.begun()).toBe(1), waiting)
      await run(Fiber.interrupt(fiber))
      await vi.waitFor(() => expect(slow.ends).toEqual(["Failure"]), waiting)
      expect(a.peers.counters()).toMatchObject({ offered: 0 })
    })

    test("beyond those that a node works on is refused, and taken when there is room", async () => {
      const slow = makeSlow()
      const { b, ask } = await two({ slow: slow.handler })
      const begun = Array.from({ length: peerRequestsMax }, () => run(ask("slow", 1, 60_000)))
      await vi.waitFor(() => expect(slow.begun()).toBe(peerRequestsMax), waiting)
      expect(await failureOf(ask("slow"))).toMatchObject({
        _tag: "MailboxFull",
        limit: "concurrency",
      })
      expect(b.peers.counters()).toMatchObject({ refused: 1, inTurn: peerRequestsMax })
      slow.letGo()
      expect(new Set(await Promise.all(begun))).toEqual(new Set(["late"]))
      expect(await run(ask("slow"))).toBe("late")
      const counters = b.peers.counters()
      expect(brokenMailboxEquation(counters)).toBeUndefined()
      expect(counters).toMatchObject({ refused: 1, handled: peerRequestsMax + 1, inTurn: 0 })
    })

    test("that comes after its deadline is not handled, whatever the clocks show", async () => {
      const slow = makeSlow()
      const { b, ask } = await two({ slow: slow.handler, echo: () => Effect.succeed(1) })
      await run(ask("echo"))
      b.hold()
      const asks = Array.from({ length: 5 }, () => failureOf(ask("slow", 1, 200)))
      for (const error of await Promise.all(asks)) {
        expect(error).toMatchObject({ _tag: "DeadlineExceeded" })
      }
      b.heal()
      await vi.waitFor(() => expect(b.peers.counters().expired).toBe(5), waiting)
      expect(slow.begun()).toBe(0)
    })

    test("to a node that was never met and comes late to itself is not handled", async () => {
      const slow = makeSlow()
      const { b, ask } = await two({ slow: slow.handler, echo: () => Effect.succeed(1) })
      b.hold()
      expect(await failureOf(ask("slow", 1, 200))).toMatchObject({ _tag: "DeadlineExceeded" })
      b.heal()
      expect(await run(ask("echo"))).toBe(1)
      expect(slow.begun()).toBe(0)
    })

    test("to a node that has gone, or stands still, ends in what may be tried again", async () => {
      const slow = makeSlow()
      const { a, b } = await two({ slow: slow.handler })
      const c = await openPeer("c")
      await served(c, { slow: slow.handler })
      const asks = ["b", "c"].map((node) => failureOf(a.peers.ask(node, "slow", 1, 60_000)))
      await vi.waitFor(() => expect(slow.begun()).toBe(2), waiting)
      await b.vanish()
      c.hold()
      for (const error of await Promise.all(asks)) {
        expect(error).toMatchObject({ _tag: "Unavailable" })
        expect(error).not.toBeInstanceOf(NotThere)
      }
      c.heal()
    })

    test("of a node that has gone is handled no further", async () => {
      const slow = makeSlow()
      const { a, b, ask } = await two({ slow: slow.handler })
      const asked = failureOf(ask("slow", 1, 60_000))
      await vi.waitFor(() => expect(slow.begun()).toBe(1), waiting)
      await a.vanish()
      await vi.waitFor(() => expect(slow.ends).toEqual(["Failure"]), waiting)
      expect(b.peers.counters()).toMatchObject({ expired: 1, inTurn: 0 })
      await a.close()
      expect(await asked).toMatchObject({ _tag: "Unavailable" })
    })

    test("finds the process that has a node's name now", async () => {
      const { a, b, ask } = await two({ who: () => Effect.succeed("first") })
      expect(await run(ask("who"))).toBe("first")
      await b.vanish()
      // What is sent in the moment in which it goes has no answer.
      const gone = async () => expect(await failureOf(ask("who", 1, 200))).toBeInstanceOf(NotThere)
      await vi.waitFor(gone, waiting)
      const next = await openPeer("b")
      await served(next, { who: () => Effect.succeed("second") })
      expect(await run(a.peers.ask("b", "who", 1))).toBe("second")
    })

    test("under way at a node that ends is told so", async () => {
      const slow = makeSlow()
      const { b, ask } = await two({ slow: slow.handler })
      const asked = failureOf(ask("slow", 1, 60_000))
      await vi.waitFor(() => expect(slow.begun()).toBe(1), waiting)
      const begun = performance.now()
      await b.close()
      expect(await asked).toMatchObject({ _tag: "Unavailable" })
      expect(performance.now() - begun).toBeLessThan(peerSilenceMillisMax)
      expect(slow.ends).toEqual(["Failure"])
    })

    test("has one handler, for as long as that is there", async () => {
      const { b, ask } = await two({ echo: () => Effect.succeed(1) })
      const again = Effect.scoped(b.peers.serve({ echo: () => Effect.succeed(2) }))
      expect(await failureOf(again)).toMatchObject({ _tag: "Conflict" })
      const passing = Effect.andThen(
        b.peers.serve({ passing: () => Effect.succeed(2) }),
        ask("passing"),
      )
      expect(await run(Effect.scoped(passing))).toBe(2)
      expect(await failureOf(ask("passing"))).toBeInstanceOf(NotFound)
      expect(await run(ask("echo"))).toBe(1)
    })
  })

  streamConformance(name, two, pace)
}

type Two = (handlers: PeerHandlers) => Promise<{ readonly a: PeerNode; readonly b: PeerNode }>

function streamConformance(name: string, two: Two, pace: number): void {
  /** Numbers as chunks, and how many of them were let in so far. */
  function counting(count: number) {
    const state = { emitted: 0, ends: [] as string[] }
    const handlers: PeerHandlers = {
      count: (_, { emit }) =>
        Effect.gen(function* () {
          for (let n = 0; n < count; n++) {
            yield* emit(n)
            state.emitted += 1
          }
          return "end"
        }).pipe(Effect.onExit((exit) => Effect.sync(() => state.ends.push(exit._tag)))),
    }
    return { state, handlers }
  }

  describe(`${name}: a streamed answer`, () => {
    test("comes in order and whole, also to who takes it slowly", async () => {
      const { state, handlers } = counting(100)
      const { a, b } = await two(handlers)
      const parts: PeerPart[] = []
      const reading = Effect.gen(function* () {
        const { next } = yield* a.peers.stream("b", "count", undefined)
        while (parts.at(-1)?.kind !== "last") {
          parts.push(yield* next)
          expect(state.emitted).toBeLessThanOrEqual(parts.length + peerChunksUntakenMax)
          if (parts.length % 10 === 0) yield* Effect.sleep(5)
        }
      })
      await run(Effect.scoped(reading))
      const chunks = Array.from({ length: 100 }, (_, value) => ({ kind: "chunk", value }))
      expect(parts).toEqual([...chunks, { kind: "last", value: "end" }])
      expect(b.peers.counters()).toMatchObject({ handled: 1, inTurn: 0 })
    })

    test("waits for who does not take it, however long, and then goes on", async () => {
      const { state, handlers } = counting(20)
      const { a } = await two(handlers)
      const reading = Effect.gen(function* () {
        const { next } = yield* a.peers.stream("b", "count", undefined)
        yield* Effect.sleep((peerSilenceMillisMax + 2_500) / pace)
        expect(state.emitted).toBe(peerChunksUntakenMax)
        let parts = 0
        while ((yield* next).kind === "chunk") parts += 1
        return parts
      })
      expect(await run(Effect.scoped(reading))).toBe(20)
    })

    test("ends its handler when nobody wants more", async () => {
      const { state, handlers } = counting(1_000)
      const { a, b } = await two(handlers)
      const reading = Effect.flatMap(a.peers.stream("b", "count", undefined), ({ next }) => next)
      expect(await run(Effect.scoped(reading))).toEqual({ kind: "chunk", value: 0 })
      await vi.waitFor(() => expect(state.ends).toEqual(["Failure"]), waiting)
      expect(state.emitted).toBeLessThanOrEqual(2 * peerChunksUntakenMax)
      expect(b.peers.counters()).toMatchObject({ expired: 1, inTurn: 0 })
    })

    test("that fails is told behind the chunks before", async () => {
      const { a } = await two({
        half: (_, { emit }) =>
          Effect.andThen(emit("one"), Effect.fail(new NotFound({ what: "x", message: sentence }))),
        large: (_, { emit }) => emit("x".repeat(peerChunkBytesMax)),
        twice: (_, { emit }) => Effect.as(emit("one"), "two"),
      })
      const half = Effect.gen(function* () {
        const { next } = yield* a.peers.stream("b", "half", undefined)
        return [yield* next, yield* Effect.flip(next)]
      })
      expect(await run(Effect.scoped(half))).toEqual([
        { kind: "chunk", value: "one" },
        new NotFound({ what: "x", message: sentence }),
      ])
      const large = Effect.flatMap(a.peers.stream("b", "large", undefined), ({ next }) => next)
      expect(await failureOf(Effect.scoped(large))).toMatchObject({
        _tag: "LimitExceeded",
        limit: "peerChunkBytesMax",
      })
      const once = a.peers.ask("b", "twice", undefined)
      expect(await failureOf(once)).toMatchObject({ _tag: "Invalid" })
    })

    test("is given up by each side when the other is gone", async () => {
      const { state, handlers } = counting(1_000)
      const { a, b } = await two(handlers)
      const reading = Effect.gen(function* () {
        const { next } = yield* a.peers.stream("b", "count", undefined)
        yield* next
        a.hold()
        return yield* Effect.flip(Effect.forever(next))
      })
      const error = await run(Effect.scoped(reading))
      expect(error).toMatchObject({ _tag: "Unavailable" })
      expect(error).not.toBeInstanceOf(NotThere)
      await vi.waitFor(() => expect(state.ends).toEqual(["Failure"]), waiting)
      expect(b.peers.counters()).toMatchObject({ expired: 1, inTurn: 0 })
      a.heal()
    })

    test("of a node that is not there fails when it is asked for", async () => {
      const { a } = await two({})
      const reading = Effect.flatMap(a.peers.stream("c", "count", undefined), ({ next }) => next)
      expect(await failureOf(Effect.scoped(reading))).toBeInstanceOf(NotThere)
    })
  })
}

/** For as long as the node is there. */
async function served(node: PeerNode, handlers: PeerHandlers): Promise<void> {
  await runScoped(node.peers.serve(handlers))
}
