/** The embedded graph store with records of the tests' own, made once per test file. */
import { hash } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { afterAll, beforeAll } from "vitest"
import type {
  BlockEffects,
  EntityAssertion,
  RecordEffect,
  RelationshipAssertion,
} from "../../protocols/graph.ts"
import type { GraphReadsShape } from "../../stores/index.ts"
import { openGraphStore } from "../../stores/index.ts"
import { run } from "../support/run.ts"

/** What one record of the tests says. */
export interface Said {
  readonly key: string
  readonly version?: number
  readonly entities?: readonly (Partial<EntityAssertion> & { type: string; key: string })[]
  readonly relationships?: readonly RelationshipAssertion[]
  readonly wrong?: string
}

export interface Told {
  readonly tenant: string
  readonly source: string
  readonly records: readonly Said[]
}

/** Opens a store for the file's tests; `reads` may be asked for within tests only. */
export function graphOf(told: readonly Told[]): { readonly reads: GraphReadsShape } {
  let reads: GraphReadsShape | undefined
  const folder = mkdtempSync(join(tmpdir(), "intelgraph-gateway-"))
  beforeAll(async () => {
    const scope = await run(Scope.make())
    const opened = openGraphStore({ path: join(folder, "graph.db") })
    const store = await run(Scope.provide(opened, scope))
    reads = store.reads
    await run(store.sink.guard("log", [{ shard: 0, epoch: 1 }]))
    const outcomes = await run(store.sink.commit(told.map(blockOf)))
    if (outcomes.some(({ kind }) => kind !== "applied")) throw new Error("not applied")
    return async () => run(Scope.close(scope, Exit.void))
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  return {
    get reads() {
      if (reads === undefined) throw new Error("the store is open within tests only")
      return reads
    },
  }
}

const blockOf = ({ tenant, source, records }: Told, index: number): BlockEffects => ({
  tenant,
  source,
  partition: 0,
  shard: 0,
  epoch: 1,
  sequence: index + 1,
  run: { epoch: 1, count: 1 },
  file: `${source}.json`,
  records: records.map(recordOf),
})

const recordOf = (said: Said, ordinal: number): RecordEffect => ({
  ordinal,
  recordKey: said.key,
  version: said.version,
  op: said.wrong === undefined ? "assert" : "reject",
  hash: Buffer.from(hash("sha256", JSON.stringify(said), "hex"), "hex"),
  entities: (said.entities ?? []).map((entity) => ({ aliases: [], properties: {}, ...entity })),
  relationships: said.relationships ?? [],
  deadLetter:
    said.wrong === undefined
      ? undefined
      : {
          reason: "invalid-json",
          detail: said.wrong,
          offset: ordinal * 100,
          lengthBytes: 100,
          bytes: Buffer.from(said.wrong.repeat(100)),
          fingerprint: hash("sha256", said.wrong, "hex"),
        },
})

/** `reads` with some reads replaced, for what a real store does on a bad day only. */
export const withReads = (
  reads: GraphReadsShape,
  replaced: Partial<GraphReadsShape>,
): GraphReadsShape => ({ ...reads, ...replaced })

export const dies = (message: string) => () => Effect.die(new Error(message))
