import { expect, test } from "vitest"
import { makeNodeHost, makeSystem } from "../../runtime/index.ts"
import { supervisor } from "../../supervisors/index.ts"
import { run } from "../support/run.ts"

test("wakes before it yields, and fires what was not taken back", async () => {
  const host = makeNodeHost()
  const log: string[] = []
  await new Promise<void>((resolve) => {
    host.after(1, () => void log.push("taken back"))()
    host.after(20, resolve)
    host.yield(() => void log.push("yield"))
    host.wake(() => void log.push("wake"))
    log.push("now")
  })
  expect(log).toEqual(["now", "wake", "yield"])
})

test("draws numbers from 0 to below 1, and its clock never goes back", () => {
  const host = makeNodeHost()
  let last = host.nowMillis()
  const drawn = new Set<number>()
  for (let n = 0; n < 1000; n++) {
    const number = host.random()
    expect(number).toBeGreaterThanOrEqual(0)
    expect(number).toBeLessThan(1)
    drawn.add(number)
    const now = host.nowMillis()
    expect(now).toBeGreaterThanOrEqual(last)
    last = now
  }
  expect(drawn.size).toBeGreaterThan(990)
})

test("actors run on it: ask, crash, restart, ask, stop", async () => {
  const system = makeSystem({ host: makeNodeHost(), supervisor })
  const ref = system.spawn<number, undefined>(
    {
      kind: "tested",
      start: (context) => {
        let sum = 0
        return {
          receive: (n) => {
            if (n < 0) throw new Error("less than nothing")
            sum += n
            context.reply(sum)
          },
        }
      },
    },
    { tenant: "demo", key: "a" },
    undefined,
  )
  ref.tell(1)
  expect(await run(ref.ask(2))).toBe(3)
  ref.tell(-1)
  expect(await run(ref.ask(5))).toBe(5)
  await run(system.stop)
  expect(system.counters()).toMatchObject({ offered: 4, handled: 3, deadLettered: 1 })
  expect(system.brokenEquations()).toEqual([])
})
