import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { answered, sharedPatience, whenAnswered } from "../../cli/when-answered.ts"
import { StoreFailed, Unavailable } from "../../protocols/errors.ts"
import { run } from "../support/run.ts"

/** A server that answers at a certain attempt, and what became of the attempts. */
function serverAnsweringAt(attempt: number) {
  const seen = { attempts: 0, open: 0, told: [] as string[] }
  const connection = Effect.acquireRelease(
    Effect.sync(() => {
      seen.attempts++
      seen.open++
      return seen.attempts
    }),
    () => Effect.sync(() => seen.open--),
  )
  const away = new Unavailable({ message: "The server is away.", retryAfterMillis: 1 })
  const open = Effect.tap(connection, (n) => (n < attempt ? Effect.fail(away) : Effect.void))
  const tell = (line: string) => void seen.told.push(line)
  return { seen, open, io: { tell, interrupted: Effect.never } }
}

it("opens what answers in the end, says once that it waits, and leaves nothing open", async () => {
  const { seen, open, io } = serverAnsweringAt(3)
  const opened = whenAnswered({ millisMax: 60_000, io })(open)
  const while3 = Effect.map(opened, (attempt) => ({ attempt, open: seen.open }))
  expect(await run(Effect.scoped(while3))).toEqual({ attempt: 3, open: 1 })
  expect(seen).toEqual({
    attempts: 3,
    open: 0,
    told: ["intelgraph: The server is away. It is asked again, for up to 60 s."],
  })
})

it("fails as the server does when its time is over, or who waits wants to end", async () => {
  const { seen, open, io } = serverAnsweringAt(Number.POSITIVE_INFINITY)
  const interrupted = { ...io, interrupted: Effect.void }
  for (const patience of [
    { millisMax: 1_500, io },
    { millisMax: 60_000, io: interrupted },
  ]) {
    const failed = await run(Effect.flip(Effect.scoped(whenAnswered(patience)(open))))
    expect(failed).toMatchObject({ _tag: "Unavailable", message: "The server is away." })
  }
  expect(seen).toMatchObject({
    open: 0,
    told: [/1\.5 s/, /60 s/].map((s) => expect.stringMatching(s)),
  })
})

it("asks once what refuses, and where nobody has patience", async () => {
  const { seen, open, io } = serverAnsweringAt(2)
  await run(Effect.flip(Effect.scoped(whenAnswered(undefined)(open))))
  expect(seen.attempts).toBe(1)
  const refusing = Effect.andThen(
    open,
    Effect.fail(new StoreFailed({ store: "one", message: "It is too old." })),
  )
  const failed = whenAnswered({ millisMax: 60_000, io })(refusing)
  expect(await run(Effect.flip(Effect.scoped(failed)))).toMatchObject({ _tag: "StoreFailed" })
  expect(seen).toMatchObject({ attempts: 2, open: 0, told: [] })
})

it("ends at once while a server is asked that says nothing", async () => {
  const io = { tell: () => undefined, interrupted: Effect.void }
  const opened = whenAnswered({ millisMax: 60_000, io })(Effect.never)
  expect(await run(Effect.flip(Effect.scoped(opened)))).toMatchObject({
    _tag: "Unavailable",
    message: "The start was interrupted before its servers answered.",
  })
})

it("asks again what was away when it was asked, and says so once", async () => {
  const { seen, open, io } = serverAnsweringAt(4)
  const asked = answered({ millisMax: 60_000, io })(Effect.scoped(open))
  expect(await run(asked)).toBe(4)
  expect(seen.told).toEqual(["intelgraph: The server is away. It is asked again, for up to 60 s."])
})

it("waits for nothing where somebody wanted to end before, and tells why", async () => {
  const { seen, open, io } = serverAnsweringAt(Number.POSITIVE_INFINITY)
  const ended = { millisMax: 60_000, io: { ...io, interrupted: Effect.void } }
  const whole = answered(ended)(Effect.succeed("answer"))
  expect(await run(whole)).toBe("answer")
  const failed = await run(Effect.flip(answered(ended)(Effect.scoped(open))))
  expect(failed).toMatchObject({ _tag: "Unavailable", message: "The server is away." })
  expect(seen).toMatchObject({ attempts: 1, told: [] })
})

it("tells why it was last not answered where the waiting is ended", async () => {
  const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<void>()
  const told: string[] = []
  const tell = (line: string) => {
    told.push(line)
    if (told.length === 2) interrupt()
  }
  let asked = 0
  const ask = Effect.suspend(() =>
    Effect.fail(new Unavailable({ message: `Away, ${asked++}.`, retryAfterMillis: 1 })),
  )
  const io = { tell, interrupted: Effect.promise(() => interrupted) }
  const failed = await run(Effect.flip(answered({ millisMax: 60_000, io })(ask)))
  expect(failed.message).toBe("Away, 1.")
})

it("tells each reason once where several wait for the same", async () => {
  const told: string[] = []
  const io = { tell: (line: string) => void told.push(line), interrupted: Effect.never }
  const patience = sharedPatience({ millisMax: 60_000, io })
  const asks = [2, 3, 2].map((attempt) => {
    const { open } = serverAnsweringAt(attempt)
    return answered(patience)(Effect.scoped(open))
  })
  expect(await run(Effect.all(asks, { concurrency: "unbounded" }))).toEqual([2, 3, 2])
  expect(told).toEqual(["intelgraph: The server is away. It is asked again, for up to 60 s."])
})
