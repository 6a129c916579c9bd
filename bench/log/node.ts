/**
 * A node of the log's bench: sends chained blocks to all partitions, owns its part of the shards,
 * has each record handled by the actor of its partition, and acknowledges what is handled.
 *
 *     node bench/log/node.ts SETTINGS
 */
import * as Effect from "effect/Effect"
import { shardOf } from "../../protocols/address.ts"
import { decodeBlock, encodeBlock, hashBlock, noHash } from "../../protocols/block.ts"
import {
  natsMakeMillisMax,
  pullBytesMax,
  retryMillisMax,
  retryMillisMin,
} from "../../protocols/limits.ts"
import {
  type ActorRef,
  type ActorStateShape,
  type ActorType,
  type Delivery,
  type JetStream,
  type MessageLogShape,
  makeNodeHost,
  makeSystem,
  type Offer,
  type Ownership,
  openJetStream,
} from "../../runtime/index.ts"
import { supervisor } from "../../supervisors/index.ts"
import { run } from "../../test/support/run.ts"
import { runMain } from "../../test/support/run-main.ts"
import { type NodeSettings, partitions, payloadBytes, serveRounds } from "./messages.ts"

const tenant = "bench"
const settings = JSON.parse(process.argv[2] ?? "") as NodeSettings
const bytes = new Uint8Array(payloadBytes).fill(7)
const ownPartitions = Array.from({ length: partitions }, (_, partition) => partition).filter(
  (partition) => shardOf(tenant, partition) % settings.nodes === settings.node,
)

/** One chain of blocks to one partition. */
class Chain {
  readonly #sender: string
  readonly #partition: number
  #count = 0
  #previousHash = noHash

  constructor(sender: string, partition: number) {
    this.#sender = sender
    this.#partition = partition
  }

  next(): Offer {
    const first = this.#count * settings.recordsPerBlock
    const block = encodeBlock(
      {
        sender: this.#sender,
        incarnation: { epoch: 1, start: 1 },
        senderSequence: ++this.#count,
        previousHash: this.#previousHash,
        mappingDigest: noHash,
      },
      {
        source: "bench",
        run: { epoch: 1, count: 1 },
        file: "",
        events: Array.from({ length: settings.recordsPerBlock }, (_, i) => ({
          ordinal: first + i,
          offset: 0,
          recordKey: "key",
          version: undefined,
          op: "assert" as const,
          bytes,
          fault: undefined,
        })),
      },
    )
    this.#previousHash = hashBlock(block)
    return { tenant, partition: this.#partition, block }
  }
}

/** Offers so many blocks, one after the other, each until the log takes it. */
const send = (log: MessageLogShape, chain: Chain, blocks: number) =>
  Effect.gen(function* () {
    for (let i = 0; i < blocks; i++) yield* offered(log, chain.next())
  })

/** What is refused is offered again as a connector does it. */
const offered = (
  log: MessageLogShape,
  offer: Offer,
  attempt = 0,
): ReturnType<MessageLogShape["append"]> =>
  Effect.catchIf(
    log.append(offer),
    ({ _tag }) => _tag === "MailboxFull" || _tag === "Unavailable",
    ({ _tag }) => {
      const ceiling = Math.min(retryMillisMax, retryMillisMin * 2 ** attempt)
      const waited = Effect.sleep(Math.max(retryMillisMin, ceiling * Math.random()))
      const again = _tag === "MailboxFull" ? Effect.raceFirst(log.whenFree(offer), waited) : waited
      return Effect.andThen(
        again,
        Effect.suspend(() => offered(log, offer, attempt + 1)),
      )
    },
  )

/** Handles the records of one partition: those of a sender come in their order, none twice. */
const partitionType = (handled: (of: Delivery) => void): ActorType<Delivery> => ({
  kind: "partition",
  start: () => {
    const next = new Map<string, number>()
    return {
      receive: (delivery) => {
        const { header, events } = decodeBlock(delivery.block)
        let expected = next.get(header.sender) ?? 0
        for (const { ordinal, bytes: record } of events) {
          if (ordinal !== expected++ || record.byteLength !== payloadBytes) {
            fail(new Error(`record ${ordinal} of ${header.sender} is not the next one`))
          }
        }
        next.set(header.sender, expected)
        handled(delivery)
      },
    }
  },
})

/** Counts blocks that are handled and acknowledged. */
class Progress {
  #acknowledged = 0
  #wanted = Number.POSITIVE_INFINITY
  #reached = () => {}

  add(blocks: number): void {
    this.#acknowledged += blocks
    if (this.#acknowledged >= this.#wanted) this.#reached()
  }

  /** Ends when there are so many more than at the end of the round before. */
  more(blocks: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wanted = (Number.isFinite(this.#wanted) ? this.#wanted : 0) + blocks
      this.#reached = resolve
      this.add(0)
    })
  }
}

/** The owner of one shard: hands what it pulls to actors, and acknowledges what they handled. */
class Owner {
  readonly #log: MessageLogShape
  readonly #owner: Ownership
  readonly #refs = new Map<number, ActorRef<Delivery>>()
  readonly #progress: Progress
  #handled: Delivery[] = []
  #isAcknowledging = false

  constructor(log: MessageLogShape, owner: Ownership, progress: Progress) {
    this.#log = log
    this.#owner = owner
    this.#progress = progress
    for (const partition of ownPartitions) {
      if (shardOf(tenant, partition) !== owner.shard) continue
      const type = partitionType((delivery) => {
        this.#handled.push(delivery)
        if (!this.#isAcknowledging) void run(this.#acknowledge()).catch(fail)
      })
      this.#refs.set(partition, system.spawn(type, { tenant, key: String(partition) }, undefined))
    }
  }

  readonly work = Effect.suspend(() =>
    Effect.forever(
      Effect.map(this.#log.pull(this.#owner, pullBytesMax), (deliveries) => {
        for (const delivery of deliveries) {
          const refused = this.#refs.get(delivery.partition)?.tell(delivery)
          if (refused !== undefined) fail(refused)
        }
      }),
    ),
  )

  /** One call at a time; what is handled meanwhile goes with the next. */
  #acknowledge() {
    return Effect.gen({ self: this }, function* () {
      this.#isAcknowledging = true
      while (this.#handled.length > 0) {
        const of = this.#handled
        this.#handled = []
        yield* this.#log.acknowledge(this.#owner, of)
        this.#progress.add(of.length)
      }
      this.#isAcknowledging = false
    })
  }
}

function fail(error: unknown): never {
  process.stderr.write(`${String(error)}\n`)
  process.exit(1)
}

async function removeStreams(broker: JetStream["broker"], name: string): Promise<void> {
  for (const stream of ["MB", "CTL", "ST"]) {
    const verb = `STREAM.DELETE.${name.toUpperCase()}_${stream}`
    await broker.api(verb, undefined, natsMakeMillisMax)
  }
}

const system = makeSystem({ host: makeNodeHost(), supervisor })

runMain(
  Effect.gen(function* () {
    const { servers, name, node, nodes } = settings
    const { log, state, broker } = yield* openJetStream({ servers, name })
    yield* Effect.scoped(worked(log, state))
    // A server reserves room for every log. Nodes end one after the other.
    if (node === nodes - 1) yield* Effect.promise(() => removeStreams(broker, name))
  }),
)

/** Owns this node's shards, and serves rounds until the input ends. */
function worked(log: MessageLogShape, state: ActorStateShape) {
  return Effect.gen(function* () {
    const { node, nodes, senders } = settings
    const progress = new Progress()
    const shards = [...new Set(ownPartitions.map((partition) => shardOf(tenant, partition)))]
    for (const owner of yield* state.claim(shards)) {
      yield* log.open(owner)
      const { work } = new Owner(log, owner, progress)
      yield* Effect.forkScoped(Effect.tapError(work, (error) => Effect.sync(() => fail(error))))
    }
    const chains = Array.from({ length: senders * partitions }, (_, i) => {
      const sender = `${tenant}/sender/${node}-${Math.floor(i / partitions)}`
      return new Chain(sender, i % partitions)
    })
    yield* Effect.promise(() =>
      serveRounds(async (blocks) => {
        const all = progress.more(blocks * senders * nodes * ownPartitions.length)
        const sending = Effect.forEach(chains, (chain) => send(log, chain, blocks), {
          concurrency: "unbounded",
          discard: true,
        })
        await run(sending)
        await all
      }),
    )
  })
}
