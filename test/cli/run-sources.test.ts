/** The summary of sources that were read, where the store is away just then. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { runSources } from "../../cli/run-sources.ts"
import { Unavailable } from "../../protocols/errors.ts"
import type { GraphReadsShape } from "../../stores/index.ts"
import { openEmbeddedNode, requestOf } from "../support/embedded-node.ts"
import { source } from "../support/node-world.ts"
import { run } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"

/** A node that has a source to read, in a store that cannot count what it has a few times. */
async function nodeWhoseStoreIsAway(times: number) {
  const folder = temporaryFolder()
  const { node, ports } = await runScoped(openEmbeddedNode(join(folder, "data")))
  let asked = 0
  const away = new Unavailable({ message: "The store is away.", retryAfterMillis: 1 })
  const reads: GraphReadsShape = {
    ...ports.reads,
    counts: (tenant) =>
      Effect.suspend(() => (asked++ < times ? Effect.fail(away) : ports.reads.counts(tenant))),
  }
  const requests = [requestOf(source(folder, "a", { records: 3 }))]
  const order = "together" as const
  return { node, reads, tenant: "demo", requests, order, question: undefined }
}

it("is made when the store answers again, and says once what is waited for", async () => {
  const work = await nodeWhoseStoreIsAway(2)
  const told: string[] = []
  const io = { tell: (line: string) => void told.push(line), interrupted: Effect.never }
  const patience = { millisMax: 60_000, io }
  const { summary, error } = await run(runSources({ ...work, patience }))
  expect(error).toBeUndefined()
  expect(summary.connectors).toMatchObject([{ source: "a", read: 3, accepted: 3 }])
  expect(told).toEqual(["intelgraph: The store is away. It is asked again, for up to 60 s."])
})

it("fails at once for whoever waits for an end", async () => {
  const work = await nodeWhoseStoreIsAway(1)
  const failed = await run(Effect.flip(runSources(work)))
  expect(failed).toMatchObject({ _tag: "Unavailable", message: "The store is away." })
})
