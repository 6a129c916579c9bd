/**
 * The three streams of the log: made where they are missing, and refused where they are not as the
 * log needs them. The log's id is kept with the stream for mailboxes: whoever makes that stream
 * anew, with sequences from one again, makes another log.
 */
import { randomUUID } from "node:crypto"
import { setTimeout } from "node:timers/promises"
import { StoreFailed } from "../../../protocols/errors.ts"
import {
  controlDepthMax,
  duplicateWindowMillis,
  natsMakeMillisMax,
  stateMarkSeconds,
  streamAskMillisMax,
  streamBlocksBytesMax,
  streamConsumersMax,
  streamControlBytesMax,
  streamMakeMillisMax,
  streamRetryMillis,
  streamStateBytesMax,
} from "../../../protocols/limits.ts"
import { ApiFailed, type Broker, errorCodes, isDropped, type Message } from "./broker.ts"
import { isPassing, unavailable } from "./failures.ts"
import type { Names } from "./names.ts"

export interface StreamBounds {
  readonly mailboxBlocksMax: number
  readonly blocksBytesMax: number
  readonly stateBytesMax: number
}

export const streamBoundsDefault: Omit<StreamBounds, "mailboxBlocksMax"> = {
  blocksBytesMax: streamBlocksBytesMax,
  stateBytesMax: streamStateBytesMax,
}

export interface StreamInfo {
  readonly config: Readonly<Record<string, unknown>> & {
    readonly num_replicas: number
    readonly metadata?: Readonly<Record<string, string>>
  }
  readonly state: {
    readonly messages: number
    readonly last_seq: number
    readonly subjects?: Readonly<Record<string, number>>
  }
  readonly cluster?: { readonly leader?: string; readonly replicas?: readonly unknown[] }
  readonly total?: number
}

export interface OpenedStreams {
  readonly id: string
  /** Of the streams as they are, which may be more or fewer than were asked for. */
  readonly replicas: number
}

const idKey = "intelgraph-log"
const nanosPerMilli = 1_000_000

/** Makes what is missing. Safe to be called by several nodes at once. */
export async function openStreams(
  broker: Broker,
  names: Names,
  replicas: number,
  bounds: StreamBounds,
): Promise<OpenedStreams> {
  const configurations = streamConfigurations(names, replicas, bounds)
  const [mb] = await Promise.all(configurations.map((one) => openStream(broker, one)))
  const id = mb === undefined ? undefined : streamIdOf(mb)
  if (mb === undefined || id === undefined) throw foreign(names.streams.mb, "has no id of a log")
  return { id, replicas: mb.config.num_replicas }
}

/** The log's id, kept with the stream for mailboxes. */
export const streamIdOf = ({ config }: StreamInfo): string | undefined => config.metadata?.[idKey]

type Configuration = Readonly<Record<string, unknown>> & { readonly name: string }

function streamConfigurations(
  { streams, all }: Names,
  replicas: number,
  bounds: StreamBounds,
): readonly Configuration[] {
  const common = { storage: "file", num_replicas: replicas, max_age: 0 }
  const guarded = { deny_delete: true, deny_purge: true }
  return [
    {
      ...common,
      name: streams.mb,
      subjects: all.mb,
      // What no consumer wants is kept: decision 0035.
      retention: "workqueue",
      discard: "new",
      discard_new_per_subject: true,
      max_msgs_per_subject: bounds.mailboxBlocksMax,
      max_bytes: bounds.blocksBytesMax,
      max_consumers: streamConsumersMax,
      duplicate_window: duplicateWindowMillis * nanosPerMilli,
      ...guarded,
      metadata: { [idKey]: randomUUID() },
    },
    {
      ...common,
      name: streams.ctl,
      subjects: all.ctl,
      retention: "interest",
      discard: "new",
      discard_new_per_subject: true,
      max_msgs_per_subject: controlDepthMax,
      max_bytes: streamControlBytesMax,
      max_consumers: streamConsumersMax,
      ...guarded,
    },
    {
      ...common,
      name: streams.st,
      subjects: all.st,
      retention: "limits",
      discard: "new",
      max_msgs_per_subject: 1,
      max_bytes: bounds.stateBytesMax,
      allow_atomic: true,
      allow_msg_ttl: true,
      // The epochs are the fence: without them a former owner would pass.
      ...guarded,
    },
  ]
}

/**
 * Asks again where nobody answered in time or the servers have no leader: one that stops leading
 * them, or is about to, drops what it is asked without a word. Asked for twice, it is made once.
 */
export async function openStream(broker: Broker, wanted: Configuration): Promise<StreamInfo> {
  const { name } = wanted
  const untilMillis = performance.now() + natsMakeMillisMax
  for (let isAgain = false; ; isAgain = true) {
    const made = await madeOrPresent(broker, wanted, isAgain)
    if (made !== undefined) return made
    if (performance.now() >= untilMillis) throw notYet(name, "the servers have not agreed on it")
    await setTimeout(streamRetryMillis)
  }
}

/**
 * `undefined` while the servers agree on it, and where they may have dropped what was asked. To
 * whoever asks again, any of them answers, also before the stream has a leader.
 */
async function madeOrPresent(
  broker: Broker,
  wanted: Configuration,
  isAgain: boolean,
): Promise<StreamInfo | undefined> {
  const { name } = wanted
  try {
    const verb = `STREAM.CREATE.${name}`
    const made = await broker.api<StreamInfo>(verb, wanted, streamMakeMillisMax)
    if (!isAgain) return made
  } catch (error) {
    if (isDropped(error)) return undefined
    if (!(error instanceof ApiFailed)) throw error
    if (isPassing(error)) throw notYet(name, error.message)
    if (error.errorCode !== errorCodes.streamExists) throw cannotMake(name, error)
  }
  try {
    const asked = broker.api<StreamInfo>(`STREAM.INFO.${name}`, undefined, streamAskMillisMax)
    return checked(wanted, await asked)
  } catch (error) {
    const isUnknown = error instanceof ApiFailed && error.errorCode === errorCodes.streamNotFound
    if (isDropped(error) || isUnknown) return undefined
    throw error
  }
}

function checked(wanted: Configuration, present: StreamInfo): StreamInfo {
  for (const [key, value] of Object.entries(wanted)) {
    if (mayDiffer.has(key)) continue
    const found = present.config[key]
    if (JSON.stringify(found) === JSON.stringify(value)) continue
    throw foreign(
      wanted.name,
      `has ${key} ${JSON.stringify(found)}, and the log needs ${JSON.stringify(value)}`,
    )
  }
  return present
}

/** Operators change these; the log's id is its own. */
const mayDiffer = new Set([
  "num_replicas",
  "max_bytes",
  "max_msgs_per_subject",
  "max_consumers",
  "duplicate_window",
  "metadata",
])

function foreign(stream: string, why: string): StoreFailed {
  return new StoreFailed({
    store: "jetstream",
    message: `The stream ${stream} is not one of this log: it ${why}.`,
    next: "Name another log, or mend the stream's configuration.",
  })
}

function notYet(stream: string, cause: string): Error {
  const why = `${cause}. It needs as many servers as it has replicas`
  return unavailable(`the stream ${stream} cannot be made yet: ${why}.`)
}

function cannotMake(stream: string, { message }: ApiFailed): Error {
  return new StoreFailed({
    store: "jetstream",
    message: `The stream ${stream} cannot be made: ${message}.`,
    next: "Check the servers' JetStream limits, their number for the replicas, and permissions.",
  })
}

/** Names of all consumers of blocks. */
export async function consumerNames(broker: Broker, names: Names): Promise<readonly string[]> {
  const found: string[] = []
  while (true) {
    const { consumers, total } = await broker.api<{
      readonly consumers: readonly string[] | null
      readonly total: number
    }>(`CONSUMER.NAMES.${names.streams.mb}`, { offset: found.length })
    found.push(...(consumers ?? []))
    if (found.length >= total || (consumers ?? []).length === 0) return found
  }
}

export const goneHeader = "Intelgraph-Gone"

/** Takes a record's place when it is removed; the server takes it away after a while. */
export const markOf = (subject: string, headers: Message["headers"] = {}): Message => ({
  subject,
  data: new Uint8Array(),
  headers: { ...headers, [goneHeader]: "1", "Nats-TTL": `${stateMarkSeconds}s` },
})

/** Subjects of a stream that match, as its leader knows them. */
export async function subjectsOf(
  broker: Broker,
  stream: string,
  filter: string,
): Promise<readonly string[]> {
  return [...(await countsOf(broker, stream, filter)).keys()]
}

/** Messages by subject, of the subjects that match. */
export async function countsOf(
  broker: Broker,
  stream: string,
  filter: string,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  while (true) {
    const asked = { subjects_filter: filter, offset: counts.size }
    const { state, total } = await broker.api<StreamInfo>(`STREAM.INFO.${stream}`, asked)
    const page = Object.entries(state.subjects ?? {})
    for (const [subject, count] of page) counts.set(subject, count)
    if (page.length === 0 || counts.size >= (total ?? 0)) return counts
  }
}
