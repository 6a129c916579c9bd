/**
 * Opens the log and the state of a cluster on NATS JetStream.
 *
 * The permissions that a node's user needs are listed in the README of `runtime/`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { StoreFailed, Unavailable } from "../../../protocols/errors.ts"
import {
  consumerSweepMillis,
  partitionMailboxBlocksMax,
  pullGatherMillisMax,
} from "../../../protocols/limits.ts"
import type { MessageLogShape } from "../../core/log.ts"
import type { ActorStateShape } from "../../core/state.ts"
import type { Broker } from "./broker.ts"
import { type JetStreamServers, openBroker, type ServerFacts } from "./connection.ts"
import { asked, unavailable } from "./failures.ts"
import { FencedWriter } from "./fenced-writer.ts"
import { JetStreamLog } from "./jetstream-log.ts"
import { makeJetStreamState } from "./jetstream-state.ts"
import { namesOf } from "./names.ts"
import { Receipts } from "./receipts.ts"
import { openStreams, type StreamBounds, streamBoundsDefault } from "./streams.ts"

export interface JetStreamOptions extends JetStreamServers {
  /** Name of the log: several may live on the same servers. */
  readonly name?: string
  /** Copies of each stream, where they are made: 1, 3 or 5. */
  readonly replicas?: number
  readonly bounds?: Partial<StreamBounds>
}

export interface JetStreamFacts extends ServerFacts {
  /** Copies that the stream for mailboxes has. */
  readonly replicas: number
}

export interface JetStream {
  readonly log: MessageLogShape
  readonly state: ActorStateShape
  readonly broker: Broker
  readonly facts: JetStreamFacts
}

/**
 * `StoreFailed` where the servers refuse us, are too old, or have streams of these names that are
 * not of this log. The scope's end closes the connection; nothing is deleted.
 */
export const openJetStream = (
  options: JetStreamOptions,
): Effect.Effect<JetStream, StoreFailed | Unavailable, Scope.Scope> =>
  Effect.gen(function* () {
    const { broker, facts } = yield* openBroker(options)
    const names = namesOf(options.name ?? "intelgraph")
    const bounds = {
      ...streamBoundsDefault,
      mailboxBlocksMax: partitionMailboxBlocksMax,
      ...options.bounds,
    }
    const { id, replicas } = yield* asked(["StoreFailed"], () =>
      openStreams(broker, names, options.replicas ?? 1, bounds),
    )
    const isReplicated = replicas > 1
    const writer = new FencedWriter(broker, names, isReplicated)
    const receipts = new Receipts(broker, names, writer)
    const isAlone = !isReplicated && facts.cluster === undefined
    const log = new JetStreamLog({ broker, names, writer, receipts, id, isReplicated, isAlone })
    yield* kept(log, broker)
    const state = makeJetStreamState(broker, names, writer)
    return { log, state, broker, facts: { ...facts, replicas } }
  })

/** Keeps the log's readers alive for as long as the scope. */
const kept = (log: JetStreamLog, broker: Broker) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const looking = setInterval(() => void log.look().catch(() => {}), pullGatherMillisMax / 2)
      // What one of them cannot do, the next one does.
      const sweeping = setInterval(() => void log.sweep().catch(() => {}), consumerSweepMillis)
      looking.unref()
      sweeping.unref()
      void follow(log, broker)
      return [looking, sweeping]
    }),
    (timers) =>
      Effect.sync(() => {
        for (const timer of timers) clearInterval(timer)
        log.close(unavailable("it is closed."))
      }),
  )

async function follow(log: JetStreamLog, broker: Broker): Promise<void> {
  for await (const { type } of broker.connection.status()) {
    if (type === "reconnect") log.reconnected()
  }
}
