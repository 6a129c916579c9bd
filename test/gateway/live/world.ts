/** A gateway over a real store whose graph a test changes, and ways to listen to it. */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import type { GatewayOptions } from "../../../gateway/index.ts"
import type { BlockEffects, RecordEffect } from "../../../protocols/graph.ts"
import { MetricRegistry, renderPrometheus } from "../../../runtime/index.ts"
import type { GraphStore, OpenOptions } from "../../../stores/index.ts"
import { openGraphStore } from "../../../stores/index.ts"
import { run } from "../../support/run.ts"
import { runScoped, temporaryFolder } from "../../support/scoped.ts"
import { started } from "../support.ts"

export interface Said {
  readonly type?: string
  readonly key: string
  readonly name: string
}

export interface Writer {
  readonly store: GraphStore
  /** Commits entities, each in a record of its own, in one block. */
  readonly say: (said: readonly Said[], tenant?: string) => Promise<void>
  readonly takeBack: (keys: readonly string[]) => Promise<void>
}

export interface World extends Writer {
  readonly url: string
  readonly socketUrl: string
  readonly streamUrl: string
  readonly close: () => Promise<void>
  readonly metrics: () => Promise<string>
  /** Resolves when so many subscribe. */
  readonly subscribers: (count: number) => Promise<void>
}

export async function openWriter(path: string, kept: OpenOptions["changesKept"] = {}) {
  const store = await runScoped(openGraphStore({ path, changesKept: kept }))
  await run(store.sink.guard("log", [{ shard: 0, epoch: 1 }]))
  const cursors = await run(store.sink.cursors())
  const sequences = new Map(cursors.map(({ tenant, sequence }) => [tenant, sequence]))
  const commit = async (tenant: string, records: readonly RecordEffect[]) => {
    const sequence = (sequences.get(tenant) ?? 0) + 1
    sequences.set(tenant, sequence)
    const [outcome] = await run(store.sink.commit([blockOf(tenant, sequence, records)]))
    if (outcome?.kind !== "applied") throw new Error(`The block is ${outcome?.kind}.`)
  }
  return {
    store,
    say: (said: readonly Said[], tenant = "demo") => commit(tenant, said.map(recordOf)),
    takeBack: (keys: readonly string[]) => commit("demo", keys.map(retractionOf)),
  } satisfies Writer
}

export const liveWorld = async (
  given: Partial<GatewayOptions> & {
    readonly kept?: OpenOptions["changesKept"]
    readonly path?: string
    readonly resumeKey?: Uint8Array
    readonly stallMillisMax?: number
  } = {},
): Promise<World> => {
  const { kept, path, resumeKey = randomBytes(32), stallMillisMax, ...options } = given
  const writer = await openWriter(path ?? join(temporaryFolder(), "graph.db"), kept)
  const { feed, reads } = writer.store
  const stall = stallMillisMax === undefined ? {} : { stallMillisMax }
  const registry = new MetricRegistry()
  const live = { feed, resumeKey, ...stall }
  const gateway = await started({ reads, live, metrics: registry, ...options })
  const metrics = async () => renderPrometheus(registry)
  return {
    ...writer,
    url: gateway.url,
    socketUrl: gateway.url.replace("http", "ws"),
    streamUrl: `${gateway.url}/stream`,
    close: () => run(gateway.close),
    metrics,
    subscribers: (count) =>
      until(async () => (await metrics()).includes(`open{what="subscribers"} ${count}\n`)),
  }
}

const blockOf = (
  tenant: string,
  sequence: number,
  records: readonly RecordEffect[],
): BlockEffects => ({
  tenant,
  source: "test",
  partition: 0,
  shard: 0,
  epoch: 1,
  sequence,
  run: { epoch: 1, count: sequence },
  file: "test.json",
  records,
})

const plain = { version: undefined, relationships: [], deadLetter: undefined }

const recordOf = ({ type = "thing", key, name }: Said, ordinal: number): RecordEffect => ({
  ...plain,
  ordinal,
  recordKey: `${type}:${key}`,
  op: "assert",
  hash: randomBytes(32),
  entities: [{ type, key, properties: { name }, aliases: [] }],
})

const retractionOf = (key: string, ordinal: number): RecordEffect => ({
  ...plain,
  ordinal,
  recordKey: `thing:${key}`,
  op: "retract",
  hash: randomBytes(32),
  entities: [],
})

/** Waits until something holds; a test's own time is the bound. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}
