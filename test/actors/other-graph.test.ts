import { rmSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { ingestAll, openEmbeddedNode } from "../support/embedded-node.ts"
import { expectDone, settled, source, withNode } from "../support/node-world.ts"
import { run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"

it("does not start a log over another graph than the one that it has fed", async () => {
  const folder = temporaryFolder()
  const data = join(folder, "data")
  const job = source(folder, "a", { records: 40 })
  await withNode(folder, {}, (running) =>
    Effect.gen(function* () {
      expectDone(yield* ingestAll(running, [job]))
      yield* settled(running)
    }),
  )
  for (const end of ["", "-wal", "-shm"]) rmSync(join(data, `graph.db${end}`), { force: true })
  const refused = await run(Effect.flip(Effect.scoped(openEmbeddedNode(data, {}))))
  expect(refused).toMatchObject({
    _tag: "LogDamaged",
    message: expect.stringMatching(/has given up block \d+ of demo\/\d as applied, and this graph/),
  })
})
