/** A connector's questions to the store, where no answer comes. */
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { expect, it } from "vitest"
import { Steps } from "../../actors/connector-steps.ts"
import type { ConnectorMessage } from "../../actors/messages.ts"
import { lookMillisMax, retryMillisMax } from "../../protocols/limits.ts"
import type { ActorContext } from "../../runtime/index.ts"

it("asks again where the store was gone for good", async () => {
  let asked = 0
  const told: string[] = []
  const read = Effect.suspend(() => (++asked === 1 ? Effect.never : Effect.succeed("counters")))
  const scene = Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const pipe = (effect: Effect.Effect<unknown>, message: (exit: unknown) => ConnectorMessage) => {
      const taken = Effect.map(Effect.exit(effect), (exit) => {
        const step = message(exit)
        if (step.kind === "step") steps.take(step)
      })
      Effect.runForkWith(context)(taken)
    }
    const steps = new Steps({ pipe } as unknown as ActorContext<ConnectorMessage>, (error) => {
      throw error
    })
    steps.whenTold(read, (answer) => told.push(answer))
    yield* TestClock.adjust(lookMillisMax - 1)
    expect([asked, told]).toEqual([1, []])
    yield* TestClock.adjust(1 + retryMillisMax)
    expect([asked, told]).toEqual([2, ["counters"]])
  })
  await Effect.runPromise(Effect.provide(scene, TestClock.layer()))
})
