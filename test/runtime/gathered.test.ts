import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, test } from "vitest"
import { gathered } from "../../runtime/index.ts"
import { run } from "../support/run.ts"

/** A read that answers its number, once it is let. */
function counted() {
  const reads: Deferred.Deferred<number, string>[] = []
  const read = Effect.suspend(() => {
    const answer = Deferred.makeUnsafe<number, string>()
    reads.push(answer)
    return Deferred.await(answer)
  })
  const answer = (number: number) =>
    Deferred.doneUnsafe(
      reads[number] ?? Deferred.makeUnsafe<number, string>(),
      Effect.succeed(number),
    )
  const fail = (number: number) =>
    Deferred.doneUnsafe(
      reads[number] ?? Deferred.makeUnsafe<number, string>(),
      Effect.fail("broken"),
    )
  return { ask: gathered(read), reads, answer, fail }
}

const begun = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.forkDetach(effect, { startImmediately: true })

describe("a read that many ask for", () => {
  test("is shared by those who asked before it began", async () => {
    const { ask, reads, answer } = counted()
    const told = Effect.gen(function* () {
      const first = yield* begun(ask)
      const others = [yield* begun(ask), yield* begun(ask)]
      answer(0)
      expect(yield* Fiber.join(first)).toBe(0)
      yield* Effect.yieldNow
      answer(1)
      return yield* Effect.forEach(others, Fiber.join)
    })
    expect(await run(told)).toEqual([1, 1])
    expect(reads).toHaveLength(2)
  })

  test("fails for all who share it, and for nobody after them", async () => {
    const { ask, answer, fail } = counted()
    const told = Effect.gen(function* () {
      const first = yield* begun(ask)
      const other = yield* begun(Effect.flip(ask))
      answer(0)
      yield* Fiber.join(first)
      yield* Effect.yieldNow
      fail(1)
      expect(yield* Fiber.join(other)).toBe("broken")
      const last = yield* begun(ask)
      answer(2)
      return yield* Fiber.join(last)
    })
    expect(await run(told)).toBe(2)
  })

  test.each(["while it reads", "while it waits for its turn"])(
    "goes on for the others where who reads is interrupted %s",
    async (when) => {
      const { ask, answer } = counted()
      const told = Effect.gen(function* () {
        const first = yield* begun(ask)
        const leader = yield* begun(ask)
        const other = yield* begun(ask)
        if (when === "while it reads") {
          answer(0)
          yield* Fiber.join(first)
          yield* Effect.yieldNow
        }
        yield* Fiber.interrupt(leader)
        if (when !== "while it reads") answer(0)
        yield* Effect.yieldNow
        for (const number of [1, 2]) answer(number)
        return yield* Fiber.join(other)
      })
      expect(await run(told)).toBe(when === "while it reads" ? 2 : 1)
    },
  )
})
