/**
 * A node from a data directory: opens its files in the order in which they depend on each other,
 * and hands the ports to the actors. All ends, in the opposite order, with the scope.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import {
  fileSource,
  type IntelNode,
  makeNode,
  openSpool,
  type Ports,
  type ScheduledReading,
  type ShardEvent,
} from "../actors/index.ts"
import { type AccessControl, openAccessControl } from "../gateway/index.ts"
import type { IntelGraphError } from "../protocols/errors.ts"
import {
  collectProcess,
  type DataDirectory,
  type Logger,
  type LoggerOptions,
  logActorEvent,
  MetricRegistry,
  makeLogger,
  makeNodeHost,
  observeTurns,
  openDataDirectory,
  type Peers,
  spansToFile,
} from "../runtime/index.ts"
import type { ChangeFeedShape } from "../stores/index.ts"
import type { Settings } from "./configuration.ts"
import type { Io } from "./io.ts"
import { keepingAnswers } from "./keep-answers.ts"
import { isOnServers, openGraphOf, openLogOf } from "./open-ports.ts"
import { type Patience, whenAnswered } from "./when-answered.ts"

export interface AssembledNode {
  readonly directory: DataDirectory
  /** Its log or graph is elsewhere. */
  readonly isOnServers: boolean
  readonly ports: Ports
  readonly node: IntelNode
  readonly feed: ChangeFeedShape
  /** What the resume tokens of the data directory, or of the cluster, are signed with. */
  readonly resumeKey: Uint8Array
  /** The other nodes of its cluster. */
  readonly peers: Peers | undefined
  /** Who may ask it. */
  readonly control: AccessControl
  readonly metrics: MetricRegistry
  readonly logger: Logger
}

interface Surroundings {
  /** With it, servers that do not answer yet are waited for. */
  readonly patience?: Patience | undefined
  /** Who hears of what goes wrong; unless told, stderr. */
  readonly io?: Pick<Io, "tell" | "isTerminal">
}

export const assemble = (
  settings: Settings,
  { patience, io }: Surroundings = {},
): Effect.Effect<AssembledNode, IntelGraphError, Scope.Scope> =>
  Effect.gen(function* () {
    const logger = makeLogger({ level: settings.level.value, ...(io && toldBy(io)) })
    const metrics = new MetricRegistry()
    yield* collectProcess(metrics)
    const directory = yield* openDataDirectory(settings.dataDir.value)
    const graph = yield* openGraphOf(settings, directory, patience)
    const { sink, reads, feed } = yield* keepingAnswers(settings, graph, { logger, metrics })
    const host = makeNodeHost()
    let attempts = 0
    const openLog = Effect.suspend(() =>
      openLogOf(settings, directory, { host, logger, isFirst: attempts++ === 0 }),
    )
    const opened = yield* whenAnswered(patience)(openLog)
    const { log, state, cluster, resumeKey, peers } = opened
    const control = yield* openAccessControl(directory.files.meta, {
      openTenant: settings.tenant.value,
      onFault: (error) => logger.error("rows of audit are lost", { error }),
    })
    const spool = yield* openSpool(directory.files.spool)
    const sources = fileSource
    const ports: Ports = { host, log, state, sink, reads, sources, spool }
    const node = yield* makeNode(ports, {
      tenants: settings.tenants.map(({ tenant, partitions, sources }) => ({
        tenant,
        ...(partitions === undefined ? {} : { partitions }),
        priorities: Object.fromEntries(sources.map(({ name, priority = 0 }) => [name, priority])),
      })),
      sources: settings.tenants.flatMap(({ tenant, sources }) =>
        sources.map(({ name }) => ({ tenant, source: name })),
      ),
      watch: {
        observer: observeTurns(metrics, yield* spansOf(settings)),
        events: logActorEvent(logger),
        shards: logShardEvent(logger),
        readings: logReading(logger),
      },
      cluster,
    })
    return {
      directory,
      isOnServers: isOnServers(settings),
      ports,
      node,
      feed,
      resumeKey,
      peers,
      control,
      metrics,
      logger,
    }
  })

const logShardEvent =
  (logger: Logger) =>
  ({ event, ...fields }: ShardEvent): void =>
    logger[levelOf[event] ?? "info"](`shard ${event}`, fields)

const levelOf: { readonly [event in ShardEvent["event"]]?: "warn" | "error" } = {
  failed: "warn",
  damaged: "error",
}

/** A file that could not be read again waits for its next time: nobody else is there to be told. */
const logReading =
  (logger: Logger) =>
  ({ report, ...fields }: ScheduledReading): void => {
    const { phase, error, counters } = report
    const told = { ...fields, phase, ...counters, ...(error === undefined ? {} : { error }) }
    logger[phase === "failed" ? "warn" : "info"]("source read again", told)
  }

/** Spans only where somebody named a file for them and a share of turns above none. */
const spansOf = Effect.fnUntraced(function* ({ sampleRate, spansFile }: Settings) {
  if (sampleRate.value === 0 || spansFile.value === undefined) return {}
  const onSample = yield* spansToFile(spansFile.value)
  return { everyTurns: Math.round(1 / sampleRate.value), onSample }
})

/** Log lines stay above what is drawn on a terminal, as all that is told does. */
const toldBy = ({ tell, isTerminal }: Pick<Io, "tell" | "isTerminal">): LoggerOptions => ({
  format: isTerminal ? "pretty" : "json",
  write: (line) => tell(line.trimEnd()),
})
