/** A node over a data directory, as the command line makes one, with its ports open to the test. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { fileSource } from "../../actors/adapters/file-source.ts"
import {
  type IngestReport,
  type IntelNode,
  makeNode,
  type NodeOptions,
  openSpool,
  type Ports,
  type SpoolBounds,
} from "../../actors/index.ts"
import { readMapping } from "../../actors/mapping/document.ts"
import type { SourceFormat } from "../../actors/source.ts"
import type { IntelGraphError } from "../../protocols/errors.ts"
import {
  type EmbeddedLogOptions,
  makeNodeHost,
  openDataDirectory,
  openEmbeddedLog,
} from "../../runtime/index.ts"
import { type ChangeFeedShape, openGraphStore } from "../../stores/index.ts"

export interface EmbeddedNode {
  readonly node: IntelNode
  readonly ports: Ports
  readonly feed: ChangeFeedShape
}

export const openEmbeddedNode = (
  path: string,
  options: {
    /** Stands before the ports: watches, delays, ends the process. */
    readonly wrap?: (ports: Ports) => Ports
    readonly log?: EmbeddedLogOptions
    readonly spool?: Partial<SpoolBounds>
    readonly partitions?: number
    readonly tenants?: readonly string[]
    readonly node?: Omit<NodeOptions, "tenants">
  } = {},
): Effect.Effect<EmbeddedNode, IntelGraphError, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* openDataDirectory(path)
    const { log, state } = yield* openEmbeddedLog(directory, options.log)
    const { sink, reads, feed } = yield* openGraphStore({ path: directory.files.graph })
    const spool = yield* openSpool(directory.files.spool, options.spool)
    const sources = fileSource
    const real: Ports = { host: makeNodeHost(), log, state, sink, reads, sources, spool }
    const ports = options.wrap?.(real) ?? real
    const partitions = options.partitions === undefined ? {} : { partitions: options.partitions }
    const tenants = (options.tenants ?? []).map((tenant) => ({ tenant, ...partitions }))
    return { node: yield* makeNode(ports, { ...options.node, tenants }), ports, feed }
  })

export interface Job {
  readonly source: string
  readonly format: SourceFormat
  readonly file: string
  readonly mapping?: string
  readonly tenant?: string
  readonly maxBadShare?: number
  readonly again?: "always" | "once"
  readonly ratePerSecondMax?: number
}

/** Ingests at once, and waits for all; a node that cannot go on fails it. */
export const ingestAll = (
  { node }: EmbeddedNode,
  jobs: readonly Job[],
): Effect.Effect<readonly IngestReport[]> =>
  Effect.forEach(jobs, (job) => node.ingest(requestOf(job)), { concurrency: "unbounded" })

export const requestOf = (job: Job) => ({
  tenant: job.tenant ?? "demo",
  source: job.source,
  format: job.format,
  file: job.file,
  mapping: job.mapping === undefined ? undefined : readMapping(job.mapping),
  again: job.again ?? ("once" as const),
  maxBadShare: job.maxBadShare ?? 0.1,
  ...(job.ratePerSecondMax === undefined ? {} : { ratePerSecondMax: job.ratePerSecondMax }),
})
