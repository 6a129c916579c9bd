/** The node's end of a writer's thread. */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { commitsQueuedMax } from "../../protocols/limits.ts"
import { WriterThread } from "../../stores/adapters/thread/writer-thread.ts"
import { run } from "../support/run.ts"

/** Hears every request, answers none, and stays. */
const silent = `
  import { parentPort } from "node:worker_threads"
  parentPort.on("message", () => undefined)
`

/** Answers all that it was asked when it is told to close, and what comes behind that as well. */
const late = `
  import { parentPort } from "node:worker_threads"
  const asked = []
  let isClosing = false
  const answer = ({ id }) => parentPort.postMessage({ id, kind: "done", changed: [] })
  parentPort.on("message", (request) => {
    if (isClosing) answer(request)
    else if (request.kind !== "close") asked.push(request)
    else {
      isClosing = true
      for (const one of asked) answer(one)
      setTimeout(() => parentPort.close(), 50)
    }
  })
`

it("finishes what was sent when it is closed, and sends nothing of what waits", async () => {
  const entry = new URL(`data:text/javascript,${encodeURIComponent(late)}`)
  const thread = new WriterThread("the store", entry, undefined)
  const ask = { kind: "commit", records: 0, blocks: [] } as const
  const commit = thread.request(() => ask)
  const sent = Array.from({ length: commitsQueuedMax }, () => run(commit))
  const waiting = Array.from({ length: 2 }, () => run(Effect.flip(commit)))
  const closing = run(thread.close)
  const guard = Effect.flip(thread.urge({ kind: "guard", logId: "log", guards: [] }))
  const closed = { _tag: "Unavailable", message: "The graph store is closed." }
  expect(await run(guard)).toMatchObject(closed)
  for (const failure of await Promise.all(waiting)) expect(failure).toMatchObject(closed)
  await closing
  for (const { kind } of await Promise.all(sent)) expect(kind).toBe("done")
})

it("ends a thread that does not close its store in time, and fails what it was asked", async () => {
  const entry = new URL(`data:text/javascript,${encodeURIComponent(silent)}`)
  const thread = new WriterThread("the store", entry, undefined, { closeMillisMax: 50 })
  const guard = Effect.flip(thread.urge({ kind: "guard", logId: "log", guards: [] }))
  const asked = run(guard)
  await run(thread.close)
  expect(await asked).toMatchObject({ _tag: "StoreFailed" })
  expect(await run(guard)).toMatchObject({ _tag: "StoreFailed" })
})
