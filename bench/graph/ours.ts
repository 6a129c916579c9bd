/** Our contestant: the store's sink, fed as the sink's actor feeds it. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { BlockEffects } from "../../protocols/graph.ts"
import { type GraphSinkShape, openNeo4jGraph, type PreparedBlock } from "../../stores/index.ts"
import type { Server } from "../../test/servers/index.ts"
import { closeScope, openScope, run } from "../../test/support/run.ts"
import type { Written } from "./bare.ts"
import { lanesOf, type Rows } from "./rows.ts"

export interface Feeding {
  /** Records of one transaction, and up to a block more. */
  readonly batch: number
  /** Of the first one, where that is less; each further one has twice as many. */
  readonly first?: number
  readonly partitions: number
  /** Nodes that write for the tenant at the same time, each its own partitions. */
  readonly nodes: number
  /** Calls of a node that are unanswered, each of partitions of its own. */
  readonly calls: number
}

export interface OurWritten extends Written {
  /** Transactions that were decided while the one before was written. */
  readonly foreseen: number
}

export interface Ours {
  /** Writes all records for a tenant of their own. */
  readonly write: (rows: Rows, feeding: Feeding) => Promise<OurWritten>
  /** Fails where another graph came of what was written last. */
  readonly check: (rows: Rows) => Promise<void>
  readonly close: () => Promise<void>
}

let stores = 0
let tenants = 0

/** Nodes that may write at the same time. */
const nodesMax = 2

/**
 * Opens a store as nodes do that own its shards: their writers' threads have begun and are
 * connected, as the loops' driver is, and stay so from round to round.
 */
export async function openOurs({ url, user = "", password = "" }: Server): Promise<Ours> {
  const scope = openScope()
  const counts = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))
  const options = { url, user, password, store: `bench ${stores++}`, counts }
  const open = Effect.all(Array.from({ length: nodesMax }, () => openNeo4jGraph(options)))
  const nodes = await run(Scope.provide(open, scope))
  for (const { sink } of nodes) await run(sink.guard("bench", [{ shard: 0, epoch: 1 }]))
  let tenant = ""
  const write = async (rows: Rows, feeding: Feeding): Promise<OurWritten> => {
    tenant = `bench-${tenants++}`
    const before = [...counts]
    const writing = nodes.slice(0, feeding.nodes)
    const lanes = lanesOf(rows.records, { tenant, partitions: feeding.partitions })
    const { length } = writing
    const fed = writing.flatMap(({ sink }, at) =>
      Array.from({ length: feeding.calls }, (_, call) => {
        const turn = call * length + at
        const own = lanes.filter((_, partition) => partition % (length * feeding.calls) === turn)
        return [sink, inTurn(own)] as const
      }),
    )
    const started = performance.now()
    await Promise.all(fed.map(([sink, blocks]) => feed(sink, blocks, feeding)))
    const millis = performance.now() - started
    const [retries = 0, foreseen = 0] = counts.map((count, what) => count - (before[what] ?? 0))
    return { millis, retries, foreseen }
  }
  const check = async (rows: Rows) => {
    for (const { reads } of nodes) {
      if ((await run(reads.graphHash(tenant))) !== rows.hash) throw new Error("another graph")
    }
  }
  return { write, check, close: () => closeScope(scope) }
}

/**
 * A call has blocks in the order in which they came, up to the size of a transaction. No partition
 * may be in two calls, so a call waits for the one before; the next is put together meanwhile. The
 * sink's actor begins with the first block that comes, and takes what has come during a call: twice
 * as many records with each further call stand for that.
 */
async function feed(
  sink: GraphSinkShape,
  blocks: readonly BlockEffects[],
  { batch, first = batch }: Feeding,
): Promise<void> {
  const left = blocks.values()
  let size = first
  const next = () => {
    const call = callOf(sink, left, size)
    size = Math.min(2 * size, batch)
    return call
  }
  for (let call = next(); call.length > 0; ) {
    const own = call
    const committed = run(sink.commit(own))
    call = next()
    await committed
    for (const block of own) block.release()
  }
}

function callOf(sink: GraphSinkShape, left: Iterator<BlockEffects>, batch: number) {
  const call: PreparedBlock[] = []
  for (let records = 0; records < batch; ) {
    const next = left.next()
    if (next.done) break
    const block = sink.prepare(next.value)
    call.push(block)
    records += block.recordCount
  }
  return call
}

/** The first of each lane, then the second of each, and so on. */
const inTurn = (lanes: readonly (readonly BlockEffects[])[]): readonly BlockEffects[] => {
  const longest = Math.max(...lanes.map((lane) => lane.length))
  return Array.from({ length: longest }, (_, i) => lanes.flatMap((lane) => lane[i] ?? [])).flat()
}
