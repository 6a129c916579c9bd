/**
 * The log on JetStream as it lies: read place by place from the stream's leader. A consumer would
 * do it faster, and the stream lets nobody have one beside the owner.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { shardOf } from "../../../protocols/address.ts"
import { StoreFailed, type Unavailable } from "../../../protocols/errors.ts"
import { inspectedBlocksMax } from "../../../protocols/limits.ts"
import type {
  BlockPage,
  BlockQuery,
  ChainName,
  KnownChain,
  LogInspectionShape,
  LogPlace,
  StoredBlock,
} from "../../core/log-inspection.ts"
import { ApiFailed, type Broker, errorCodes } from "./broker.ts"
import { openBroker } from "./connection.ts"
import { asked } from "./failures.ts"
import { FencedWriter } from "./fenced-writer.ts"
import { type Names, namesOf, partitionOfSubject } from "./names.ts"
import type { JetStreamOptions } from "./open.ts"
import { Receipts } from "./receipts.ts"
import { type OpenedStreams, type StreamInfo, streamIdOf } from "./streams.ts"
import { Tails } from "./tails.ts"

const broken = ["LogDamaged", "StoreFailed", "DiskFull", "Unavailable"] as const

/** The stream's own places stand under this name. */
const streamPlace = ""

/** Makes nothing: `StoreFailed` where there is no log of this name. */
export const openJetStreamInspection = (
  options: Omit<JetStreamOptions, "replicas" | "bounds">,
): Effect.Effect<LogInspectionShape, StoreFailed | Unavailable, Scope.Scope> =>
  Effect.gen(function* () {
    const { broker } = yield* openBroker(options)
    const names = namesOf(options.name ?? "intelgraph")
    const id = yield* asked(["StoreFailed"], () => idOf(broker, names))
    const writer = new FencedWriter(broker, names, false)
    const parts = { broker, names, writer, receipts: new Receipts(broker, names, writer) }
    return {
      id,
      tails: asked(broken, () => new Tails(parts).read(undefined)),
      blocks: (query, after) => asked(broken, () => blocksBehind(broker, names, query, after)),
      chain: (of) => asked(broken, () => chainOf(parts.receipts, of)),
    }
  })

async function idOf(broker: Broker, names: Names): Promise<OpenedStreams["id"]> {
  const { mb } = names.streams
  try {
    const id = streamIdOf(await broker.api<StreamInfo>(`STREAM.INFO.${mb}`))
    if (id !== undefined) return id
  } catch (error) {
    const isNone = error instanceof ApiFailed && error.errorCode === errorCodes.streamNotFound
    if (!isNone) throw error
  }
  throw new StoreFailed({
    store: "jetstream",
    message: `There is no log on these servers: the stream ${mb} is none of one.`,
    next: "Name the servers of a node that has run, by --nats.",
  })
}

async function blocksBehind(
  broker: Broker,
  names: Names,
  { tenant, partition }: BlockQuery,
  after: LogPlace,
): Promise<BlockPage> {
  const filter = names.blocksOf(tenant, partition)
  const blocks: StoredBlock[] = []
  let last = after.get(streamPlace) ?? 0
  while (blocks.length < inspectedBlocksMax) {
    const of = { seq: last + 1, next_by_subj: filter }
    const stored = await broker.stored(names.streams.mb, of)
    if (stored === undefined) break
    last = stored.sequence
    const at = partitionOfSubject(stored.subject)
    blocks.push({ ...at, sequence: stored.sequence, block: stored.data, hash: undefined })
  }
  return { blocks, place: new Map([[streamPlace, last]]) }
}

/** Written before a block of the chain is acknowledged: what it does not know has not left. */
async function chainOf(receipts: Receipts, name: ChainName): Promise<KnownChain | undefined> {
  const { tenant, partition, sender, incarnation } = name
  const of = {
    shard: shardOf(tenant, partition),
    partition: { tenant, partition },
    sender,
    incarnation,
  }
  const chain = await receipts.read(of)
  if (chain !== undefined) {
    const links = chain.map(({ senderSequence, hash }) => ({
      senderSequence,
      hash: Buffer.from(hash, "latin1"),
    }))
    return { newest: links.at(-1)?.senderSequence ?? 0, links }
  }
  return (await receipts.hasMadeRoom(of)) ? undefined : { newest: 0, links: [] }
}
