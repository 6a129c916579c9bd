/** The graph that the servers of the bench read: made once, opened by each. */
import { hash } from "node:crypto"
import * as Effect from "effect/Effect"
import type { BlockEffects, RecordEffect } from "../../protocols/graph.ts"
import { openGraphStore } from "../../stores/index.ts"

export const tenant = "demo"
export const type = "technique"
export const entitiesMax = 2000
const recordsPerBlock = 500

export const keyOf = (n: number): string => `T${String(n).padStart(5, "0")}`

/** Writes the graph to a new file at `path`. */
export const writeGraph = (path: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { sink } = yield* openGraphStore({ path })
      yield* sink.guard("log", [{ shard: 0, epoch: 1 }])
      for (let at = 0; at < entitiesMax; at += recordsPerBlock) yield* sink.commit([blockAt(at)])
    }),
  )

const blockAt = (from: number): BlockEffects => ({
  tenant,
  source: "bench",
  partition: 0,
  shard: 0,
  epoch: 1,
  sequence: from / recordsPerBlock + 1,
  run: { epoch: 1, count: 1 },
  file: "bench.json",
  records: Array.from({ length: recordsPerBlock }, (_, i) => recordOf(from + i)),
})

const platforms = ["Linux", "macOS", "Windows", "Containers", "Network"]

function recordOf(n: number): RecordEffect {
  const key = keyOf(n)
  const properties = {
    name: `Technique number ${n}`,
    description: `Adversaries may abuse mechanism ${n} to run what they brought along. `.repeat(2),
    platforms: platforms.slice(n % 3),
    modified: "2024-04-11T00:00:00Z",
    score: (n % 101) / 10,
    revoked: false,
  }
  return {
    ordinal: n,
    recordKey: key,
    version: undefined,
    op: "assert",
    hash: Buffer.from(hash("sha256", key, "hex"), "hex"),
    entities: [{ type, key, aliases: [{ scheme: "bench", value: key }], properties }],
    relationships: [1, 2, 3].map((step) => ({
      type: "subtechnique-of",
      from: { type, key },
      to: { type, key: keyOf((n + step) % entitiesMax) },
      discriminator: "",
      properties: {},
      derived: false,
    })),
    deadLetter: undefined,
  }
}
