/** Placement over its ports, in real time. */
import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import { forgottenMillisMax, takePatienceMillis } from "../../protocols/limits.ts"
import { type Entry, makeNodeHost, type Register, runPlacement } from "../../runtime/index.ts"
import { MemoryRegister } from "../support/memory-register.ts"
import { run } from "../support/run.ts"

const who = (node: string) => ({ node, incarnation: "i1" })

/** How long a node is here before it opens a shard, where another one vanishes meanwhile. */
const firstOpen = (register: Register) =>
  Effect.gen(function* () {
    const former: Entry = { kind: "node", ...who("former"), weight: 1, standing: "serves" }
    yield* register.put(former, undefined, forgottenMillisMax + 200)
    const began = performance.now()
    const opened = Promise.withResolvers<number>()
    const work = {
      open: () => Effect.sync(() => opened.resolve(performance.now() - began)).pipe(Effect.as(1)),
      close: () => Effect.void,
    }
    yield* runPlacement({ ...who("new"), weight: 1, register, work, host: makeNodeHost() })
    return yield* Effect.promise(() => opened.promise)
  }).pipe(Effect.scoped)

test("a node that had to wait for the register leaves shards to who may come back", async () => {
  const { put, remove, watch } = new MemoryRegister()
  const register = { put, remove, watch, isSteady: () => false }
  expect(await run(firstOpen(register))).toBeGreaterThan(takePatienceMillis - 50)
})
