import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest"
import { Invalid } from "../../protocols/errors.ts"
import { peerSilenceMillisMax } from "../../protocols/limits.ts"
import { peerSubject } from "../../runtime/adapters/jetstream/peer-subjects.ts"
import { decodeFrame, encodeFrame, type PeerFrame } from "../../runtime/core/peer-frames.ts"
import { Met } from "../../runtime/core/peer-met.ts"
import { makeNodeHost } from "../../runtime/index.ts"
import { MemoryLines } from "../support/memory-lines.ts"
import { closeScope, openScope, run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"
import { type OpenPeer, peersConformance } from "./peers-conformance.ts"

/** The clocks of the nodes run this many times as fast as real ones, hours apart. */
const pace = 5
const hour = 3_600_000
const waiting = { timeout: 15_000, interval: 10 }
const host = makeNodeHost()
let lines = new MemoryLines(host)
let nodes = 0

const open: OpenPeer = async (node) => {
  nodes += 1
  const own = { node, incarnation: `i${nodes}` }
  const apartMillis = (nodes % 2 === 0 ? nodes : -nodes) * hour
  const faults: unknown[] = []
  const options = {
    own,
    host: {
      nowMillis: () => pace * host.nowMillis() + apartMillis,
      after: (millis: number, task: () => void) => host.after(millis / pace, task),
    },
    onFault: (_: string, cause: unknown) => faults.push(cause),
  }
  const scope = openScope()
  onTestFinished(() => closeScope(scope))
  return {
    peers: await run(Scope.provide(lines.open(options), scope)),
    faults,
    close: () => closeScope(scope),
    vanish: async () => lines.vanish(own),
    hold: () => lines.hold(node),
    heal: () => lines.heal(node),
  }
}

beforeEach(() => {
  lines = new MemoryLines(host)
})

peersConformance("peers over lines in memory", open, pace)

describe("peers over a line that fails", () => {
  test("end a stream of which a part was lost, and tell who streams", async () => {
    const [a, b] = [await open("a"), await open("b")]
    lines.isLost = (_, bytes) => {
      const frame = decodeFrame(bytes)
      return frame?.kind === "chunk" && frame.at === 2
    }
    await runScoped(
      b.peers.serve({
        forever: (_, { emit }) => Effect.forever(emit("x")),
        three: (_, { emit }) => Effect.forEach(["x", "x", "x"], emit),
      }),
    )
    for (const name of ["forever", "three"]) {
      const reading = Effect.gen(function* () {
        const { next } = yield* a.peers.stream("b", name, undefined)
        return [yield* next, yield* next, yield* Effect.flip(next)]
      })
      const [, , error] = await run(Effect.scoped(reading))
      expect(error).toMatchObject({ _tag: "Unavailable" })
    }
    await vi.waitFor(
      () => expect(b.peers.counters()).toMatchObject({ inTurn: 0, handled: 1 }),
      waiting,
    )
  })

  test("end a stream of which all that was ahead was lost", async () => {
    const [a, b] = [await open("a"), await open("b")]
    lines.isLost = (_, frame) => decodeFrame(frame)?.kind === "chunk"
    await runScoped(b.peers.serve({ forever: (_, { emit }) => Effect.forever(emit("x")) }))
    const reading = Effect.flatMap(a.peers.stream("b", "forever", undefined), ({ next }) => next)
    expect(await run(Effect.flip(Effect.scoped(reading)))).toMatchObject({ _tag: "Unavailable" })
    await vi.waitFor(() => expect(b.peers.counters().inTurn).toBe(0), waiting)
  })

  test("go on where word of what was taken was lost", async () => {
    const [a, b] = [await open("a"), await open("b")]
    let taken = 0
    lines.isLost = (_, frame) => decodeFrame(frame)?.kind === "taken" && ++taken === 1
    const numbers = Array.from({ length: 40 }, (_, n) => n)
    await runScoped(b.peers.serve({ count: (_, { emit }) => Effect.forEach(numbers, emit) }))
    const reading = Effect.gen(function* () {
      const { next } = yield* a.peers.stream("b", "count", undefined)
      let parts = 0
      while ((yield* next).kind === "chunk") parts += 1
      return parts
    })
    expect(await run(Effect.scoped(reading))).toBe(numbers.length)
  })

  test("end what nobody waits for any more, also where word of that was lost", async () => {
    const [a, b] = [await open("a"), await open("b")]
    let ends = 0
    const work = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void ends++))
    await runScoped(b.peers.serve({ work: () => work }))
    let lost = 0
    lines.isLost = (_, frame) => decodeFrame(frame)?.kind === "stop" && ++lost === 1
    const asked = Effect.forkDetach(a.peers.ask("b", "work", 1, hour), { startImmediately: true })
    const fiber = await run(asked)
    await vi.waitFor(() => expect(b.peers.counters().inTurn).toBe(1), waiting)
    await run(Fiber.interrupt(fiber))
    await vi.waitFor(() => expect(ends).toBe(1), waiting)
    expect(lost).toBe(2)
  })

  test("fail at once where this node is cut off, and work again when it is not", async () => {
    const [a, b] = [await open("a"), await open("b")]
    await runScoped(b.peers.serve({ echo: () => Effect.succeed(1), never: () => Effect.never }))
    const asked = run(Effect.flip(a.peers.ask("b", "never", 1, hour)))
    await vi.waitFor(() => expect(b.peers.counters().inTurn).toBe(1), waiting)
    lines.cut("a")
    expect(await asked).toMatchObject({ _tag: "Unavailable" })
    const cut = await run(Effect.flip(a.peers.ask("b", "echo", 1)))
    expect(cut.message).toMatch(/is cut/)
    lines.mend("a")
    expect(await run(a.peers.ask("b", "echo", 1))).toBe(1)
  })

  test("take it for their own absence when they themselves stood still", async () => {
    const [a, b] = [await open("a"), await open("b")]
    await runScoped(b.peers.serve({ slow: () => Effect.as(Effect.sleep(1_500), "slept") }))
    const asked = run(a.peers.ask("b", "slow", 1, hour))
    await vi.waitFor(() => expect(b.peers.counters().inTurn).toBe(1), waiting)
    const until = performance.now() + (1.2 * peerSilenceMillisMax) / pace
    while (performance.now() < until);
    expect(await asked).toBe("slept")
  })

  test("tell another release which version they speak, and pass over noise", async () => {
    const [a, b] = [await open("a"), await open("b")]
    await runScoped(b.peers.serve({ echo: () => Effect.succeed(1) }))
    expect(await run(a.peers.ask("b", "echo", 1))).toBe(1)
    const heard: (PeerFrame | undefined)[] = []
    const line = await runScoped(
      lines.line(
        { node: "c", incarnation: "i" },
        { heard: (frame) => heard.push(decodeFrame(frame)) },
      ),
    )
    const asker = { node: "c", incarnation: "i" }
    const frame = encodeFrame({ kind: "stop", asker, number: 7 }, { name: "x", bound: 1_000 })
    if (!(frame instanceof Uint8Array)) throw new Error("it does not fit")
    const newer = new Uint8Array(frame)
    // The second byte is the version.
    newer[1] = 2
    for (const bytes of [
      frame,
      newer,
      new Uint8Array(0),
      frame.subarray(3),
      Buffer.from("hello"),
    ]) {
      line.send({ node: "b" }, bytes)
    }
    await vi.waitFor(() => expect(heard).toHaveLength(1), waiting)
    expect(heard[0]).toMatchObject({ kind: "failed", number: 7, error: { _tag: "Invalid" } })
    expect(await run(a.peers.ask("b", "echo", 1))).toBe(1)
  })
})

describe("a subject between nodes", () => {
  const at = { kind: "in", incarnation: "i1" } as const

  test("is of one node and one process", () => {
    expect(peerSubject("log", "a", { kind: "door" })).toBe("log.nd.a.door")
    expect(peerSubject("log", "a", at)).toBe("log.nd.a.i1.in")
    const notice = { kind: "no", incarnation: "i1", number: -7 } as const
    expect(peerSubject("log", "a", notice)).toBe("log.nd.a.i1.no.-7")
  })

  test.each(["", "*", ">", "a.b", "a b", "A", "-a", "a\n", "a".repeat(64)])(
    "has no part %j",
    (text) => {
      expect(() => peerSubject(text, "a", at)).toThrow(Invalid)
      expect(() => peerSubject("log", text, at)).toThrow(Invalid)
      expect(() => peerSubject("log", "a", { ...at, incarnation: text })).toThrow(Invalid)
    },
  )
})

describe("a clock that was compared", () => {
  test("never makes a deadline later than it is meant", () => {
    const aheadMillis = 1_000
    const met = new Met("i", 500 + aheadMillis, 510)
    expect(met.byItsClock(2_000, 510)).toBe(2_000 + aheadMillis - 10)
    met.compare(600 + aheadMillis, 605)
    expect(met.byItsClock(2_000, 605)).toBe(2_000 + aheadMillis - 5)
    // A worse comparison changes nothing until the better one is old.
    met.compare(700 + aheadMillis, 900)
    expect(met.byItsClock(2_000, 605)).toBe(2_000 + aheadMillis - 5)
    expect(met.byItsClock(200_000, 100_605)).toBe(200_000 + aheadMillis - 5 - 100)
    met.compare(100_700 + aheadMillis, 100_750)
    expect(met.byItsClock(200_000, 100_750)).toBe(200_000 + aheadMillis - 50)
  })
})
