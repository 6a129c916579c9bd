/** The node's end of a writer's thread. */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { WriterThread } from "../../stores/adapters/thread/writer-thread.ts"
import { run } from "../support/run.ts"

/** Hears every request, answers none, and stays. */
const silent = `
  import { parentPort } from "node:worker_threads"
  parentPort.on("message", () => undefined)
`

it("ends a thread that does not close its store in time, and fails what it was asked", async () => {
  const entry = new URL(`data:text/javascript,${encodeURIComponent(silent)}`)
  const thread = new WriterThread("the store", entry, undefined, { closeMillisMax: 50 })
  const guard = Effect.flip(thread.urge({ kind: "guard", logId: "log", guards: [] }))
  const asked = run(guard)
  await run(thread.close)
  expect(await asked).toMatchObject({ _tag: "StoreFailed" })
  expect(await run(guard)).toMatchObject({ _tag: "StoreFailed" })
})
