/** A node's edge and store: changes are committed as a sink commits them. */
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { startGateway } from "../../gateway/index.ts"
import type { BlockEffects } from "../../protocols/graph.ts"
import { MetricRegistry } from "../../runtime/index.ts"
import { openGraphStore } from "../../stores/index.ts"
import { run } from "../../test/support/run.ts"
import { runMain } from "../../test/support/run-main.ts"
import { nameOf, type Publish, publishBlocks, servePublisher } from "./fanout-child.ts"

const tenant = "demo"
const folder = mkdtempSync(join(tmpdir(), "intelgraph-fanout-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
process.on("SIGTERM", () => process.exit())

let sequence = 0

function blockOf({ perBlock, textLength }: Publish, block: number): BlockEffects {
  sequence += 1
  return {
    tenant,
    source: "bench",
    partition: 0,
    shard: 0,
    epoch: 1,
    sequence,
    run: { epoch: 1, count: 1 },
    file: "bench.json",
    records: Array.from({ length: perBlock }, (_, ordinal) => ({
      ordinal: sequence * perBlock + ordinal,
      recordKey: `T${ordinal}`,
      version: undefined,
      op: "assert",
      hash: randomBytes(32),
      entities: [
        {
          type: "thing",
          key: `T${ordinal}`,
          aliases: [],
          properties: { name: nameOf(block, textLength) },
        },
      ],
      relationships: [],
      deadLetter: undefined,
    })),
  }
}

runMain(
  Effect.gen(function* () {
    const { reads, feed, sink } = yield* openGraphStore({ path: join(folder, "graph.db") })
    const live = { feed, resumeKey: randomBytes(32) }
    const metrics = new MetricRegistry()
    const edge = { reads, live, metrics, port: 0, development: false, tenant }
    const { url } = yield* startGateway(edge)
    yield* sink.guard("log", [{ shard: 0, epoch: 1 }])
    servePublisher(Number(new URL(url).port), (asked) =>
      publishBlocks(asked, async (block) => run(sink.commit([blockOf(asked, block)]))),
    )
    yield* Effect.never
  }),
)
