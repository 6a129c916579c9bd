import * as Effect from "effect/Effect"
import fc from "fast-check"
import { expect, test } from "vitest"
import { brokenMailboxEquation } from "../../protocols/counters.ts"
import type { ActorContext, ActorRef, ActorType } from "../../runtime/index.ts"
import { type ActorWorld, makeActorWorld } from "../support/actor-world.ts"

type Deed =
  | "work"
  | "stash"
  | "unstash"
  | "crash"
  | "sleep"
  | "fail later"
  | "pipe"
  | "reply"
  | "stop"
  | "give up"

interface Message {
  readonly sender: number
  readonly count: number
  readonly deed: Deed
}

type Step =
  | { readonly tell: Deed; readonly sender: number; readonly to: number }
  | { readonly ask: Deed; readonly sender: number; readonly to: number }
  | { readonly host: number }
  | { readonly wait: number }
  | { readonly stop: number }

const deeds: readonly Deed[] = [
  "work",
  "work",
  "stash",
  "unstash",
  "crash",
  "sleep",
  "fail later",
  "pipe",
  "reply",
  "give up",
]

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ tell: deed(), sender: fc.nat(2), to: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ ask: deed(), sender: fc.nat(2), to: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ host: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ wait: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ stop: fc.nat(2) }) },
)

function deed(): fc.Arbitrary<Deed> {
  return fc.constantFrom<Deed[]>(...deeds, "stop")
}

interface Seen {
  readonly handled: Message[]
  /** Messages that a turn put aside at least once. */
  readonly stashed: Set<Message>
  piped: number
  heard: number
}

function behavior(seen: Seen) {
  return (context: ActorContext<Message | "piped">) => ({
    receive: (message: Message | "piped") => {
      if (message === "piped") {
        seen.heard += 1
        return undefined
      }
      if (message.deed === "stash" && !seen.stashed.has(message)) {
        seen.stashed.add(message)
        context.stash(message)
        return undefined
      }
      if (message.deed === "give up") {
        context.deadLetter(message, "given up")
        return undefined
      }
      if (message.deed === "crash") throw new Error("crash")
      if (message.deed === "fail later") {
        return Effect.sleep(7).pipe(Effect.andThen(Effect.fail("later")))
      }
      seen.handled.push(message)
      if (message.deed === "unstash") context.unstash()
      if (message.deed === "reply") context.reply(message.count)
      if (message.deed === "stop") context.stop(context.self)
      if (message.deed === "pipe") {
        seen.piped += 1
        context.pipe(Effect.sleep(5), () => "piped" as const)
      }
      return message.deed === "sleep" ? Effect.sleep(11) : undefined
    },
  })
}

function play(world: ActorWorld, type: Partial<ActorType<Message | "piped">>, steps: Step[]) {
  const seen: Seen = { handled: [], stashed: new Set(), piped: 0, heard: 0 }
  const admitted: Message[] = []
  const refs: ActorRef<Message | "piped">[] = []
  for (const key of ["a", "b", "c"]) refs.push(world.spawn(behavior(seen), type, key))
  const asked: ReturnType<typeof world.begin>[] = []
  let count = 0
  for (const one of steps) {
    if ("host" in one) for (let i = 0; i < one.host; i++) world.host.step()
    else if ("wait" in one) world.host.advance(one.wait)
    else if ("stop" in one) world.system.stopAt({ ...addressOf(refs, one.stop) })
    else {
      const ref = refs[one.to]
      const message = {
        sender: one.sender,
        count: count++,
        deed: "tell" in one ? one.tell : one.ask,
      }
      const before = ref?.counters().admitted ?? 0
      if ("tell" in one) ref?.tell(message)
      else if (ref !== undefined) asked.push(world.begin(ref.ask(message, 100)))
      if ((ref?.counters().admitted ?? 0) > before) admitted.push(message)
    }
    for (const ref of refs) expect(brokenMailboxEquation(ref.counters())).toBeUndefined()
    expect(world.system.brokenEquations()).toEqual([])
  }
  return { seen, admitted, asked }
}

const addressOf = (refs: readonly ActorRef<never>[], index: number) =>
  refs[index]?.address ?? { tenant: "demo", kind: "tested", key: "none" }

const inBirthOrder = (a: Message, b: Message) => a.count - b.count

const variants: readonly Partial<ActorType<Message | "piped">>[] = [
  {},
  { failuresMax: 3 },
  { restart: "temporary" },
  { mailbox: { depthMax: 3 } },
  { mailbox: { depthMax: 2, overflow: "park" } },
  { mailbox: { concurrencyMax: 3 } },
]

for (const type of variants) {
  test(`loses nothing and keeps its equations at every step: ${JSON.stringify(type)}`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.nat(), (steps, seed) => {
        const supervision = { restartsMax: 1000, backoffMillisMin: 1 }
        const world = makeActorWorld({ supervision }, seed)
        const { seen, admitted, asked } = play(world, type, steps)
        world.host.advance(100_000)
        expect(world.system.brokenEquations()).toEqual([])
        const stop = world.begin(world.system.stop)
        world.host.advance(100_000)
        expect(stop.exit()).toMatchObject({ _tag: "Success" })

        const dead = world.system.deadLetters().map((letter) => letter.message as Message)
        const accounted = [...seen.handled, ...dead.filter((one) => one.deed !== undefined)]
        expect(accounted.sort(inBirthOrder)).toEqual(admitted.sort(inBirthOrder))
        expect(asked.every((one) => one.exit() !== undefined)).toBe(true)
        const { queued, stashed, parked, inTurn, handled } = world.system.counters()
        expect({ queued, stashed, parked, inTurn }).toEqual({
          queued: 0,
          stashed: 0,
          parked: 0,
          inTurn: 0,
        })
        expect(handled).toBe(seen.handled.length + seen.heard)
        expect(seen.heard).toBeLessThanOrEqual(seen.piped)
      }),
      { numRuns: 150, interruptAfterTimeLimit: 10_000 },
    )
  })
}

test("keeps the order of each sender, whatever crashes in between", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.nat(), (steps, seed) => {
      const world = makeActorWorld({ supervision: { restartsMax: 1000 } }, seed)
      const oneActor = steps.map((one) => ("to" in one ? { ...one, to: 0 } : one))
      const { seen } = play(world, {}, oneActor)
      world.host.advance(100_000)
      for (const sender of [0, 1, 2]) {
        const counts = seen.handled
          .filter((one) => one.sender === sender && !seen.stashed.has(one))
          .map((one) => one.count)
        expect(counts).toEqual([...counts].sort((a, b) => a - b))
      }
    }),
    { numRuns: 150, interruptAfterTimeLimit: 10_000 },
  )
})

test("the same seed and the same messages give the same run", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
      const runOnce = () => {
        const world = makeActorWorld({}, seed)
        const { seen } = play(world, {}, steps)
        world.host.advance(5_000)
        return [seen.handled, world.system.counters(), world.events.map((one) => one.event)]
      }
      expect(runOnce()).toEqual(runOnce())
    }),
    { numRuns: 40 },
  )
})
