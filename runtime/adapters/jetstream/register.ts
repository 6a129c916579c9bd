/**
 * The register of placement on JetStream: a stream with one message per place, each with a lifetime
 * that the server keeps.
 *
 * Permissions of a node's user, where `<name>` is the log's name and `<NAME>` the same in capitals:
 * publish `<name>.ls.>`, `$JS.API.INFO`, `$JS.API.STREAM.{CREATE,INFO,MSG.GET}.<NAME>_LS` and
 * `$JS.API.CONSUMER.CREATE.<NAME>_LS`; subscribe `_INBOX.>`.
 *
 * What expires leaves a mark of the server behind for a while, so that watches hear of it; what is
 * removed leaves an empty message. Both are vacancies, and who writes there next names them as what
 * it replaces: an entry that came in between is never overwritten.
 */
import { setTimeout } from "node:timers/promises"
import * as Effect from "effect/Effect"
import type { StoreFailed, Unavailable } from "../../../protocols/errors.ts"
import {
  fencedRetryMillis,
  fencedTriesMax,
  registerBytesMax,
  registerMarkSeconds,
} from "../../../protocols/limits.ts"
import {
  decodeEntry,
  type Entry,
  encodeEntry,
  type Found,
  nodePlace,
  type Outcome,
  type Place,
  placeOf,
  type Register,
  shardPlace,
} from "../../core/placement-register.ts"
import { ApiFailed, type Broker, errorCodes, NoAnswer } from "./broker.ts"
import { asked, terminal } from "./failures.ts"
import { openStream } from "./streams.ts"
import { watchStream } from "./watch.ts"

export interface RegisterOptions {
  /** The log's name. */
  readonly name?: string
  /** Copies of the stream, where it is made. */
  readonly replicas?: number
}

/** Makes the stream where it is missing; `StoreFailed` where one of its name is another's. */
export const openRegister = (
  broker: Broker,
  { name = "intelgraph", replicas = 1 }: RegisterOptions,
): Effect.Effect<Register, StoreFailed | Unavailable> =>
  Effect.map(
    asked(["StoreFailed"], () => openStream(broker, configuration(name, replicas))),
    (): Register => {
      const places = new Places(broker, name)
      return {
        isSteady: () => broker.isSteady,
        put: (entry, expected, ttlMillis) =>
          asked([], () => places.put(entry, expected, ttlMillis)),
        remove: (place, expected) => asked([], () => places.remove(place, expected)),
        watch: (tell) => places.watch(tell),
      }
    },
  )

const nanosPerSecond = 1_000_000_000
const ttlHeader = "Nats-TTL"
const expectedHeader = "Nats-Expected-Last-Subject-Sequence"
const nothing = new Uint8Array(0)
const text = new TextDecoder()

const streamOf = (name: string): string => `${name.toUpperCase()}_LS`

const configuration = (name: string, replicas: number) => ({
  name: streamOf(name),
  subjects: [`${name}.ls.>`],
  storage: "file",
  num_replicas: replicas,
  retention: "limits",
  discard: "new",
  max_age: 0,
  max_bytes: registerBytesMax,
  max_msgs_per_subject: 1,
  allow_msg_ttl: true,
  subject_delete_marker_ttl: registerMarkSeconds * nanosPerSecond,
  deny_delete: true,
})

class Places {
  readonly #broker: Broker
  readonly #name: string

  constructor(broker: Broker, name: string) {
    this.#broker = broker
    this.#name = name
  }

  async put(entry: Entry, expected: number | undefined, ttlMillis: number): Promise<Outcome> {
    const place = placeOf(entry)
    const seconds = Math.ceil(ttlMillis / 1_000)
    const data = new TextEncoder().encode(encodeEntry(entry))
    const put = (replaced: number) => this.#store(place, data, replaced, seconds)
    const outcome = await put(expected ?? 0)
    if (expected !== undefined || outcome.kind === "done") return outcome
    const { found } = outcome
    // A vacancy that left a mark.
    return found.entry === undefined && found.revision > 0 ? await put(found.revision) : outcome
  }

  async remove(place: Place, expected: number): Promise<Outcome> {
    return await this.#store(place, nothing, expected, registerMarkSeconds)
  }

  watch(tell: Parameters<Register["watch"]>[0]) {
    return watchStream(this.#broker, {
      stream: streamOf(this.#name),
      filter: `${this.#name}.ls.>`,
      begins: () => tell({ kind: "begins" }),
      complete: () => tell({ kind: "complete" }),
      found: ({ subject, sequence, data }) =>
        tell({ kind: "found", ...this.#read(placeOfSubject(subject), sequence, data) }),
    })
  }

  async #store(
    place: Place,
    data: Uint8Array,
    replaced: number,
    seconds: number,
  ): Promise<Outcome> {
    const headers = { [expectedHeader]: String(replaced), [ttlHeader]: `${seconds}s` }
    const message = { subject: this.#subject(place), data, headers }
    for (let tries = 1; ; tries++) {
      try {
        const { seq } = await this.#broker.publish(message)
        return { kind: "done", revision: seq }
      } catch (error) {
        const code = error instanceof ApiFailed ? error.errorCode : undefined
        if (code === errorCodes.wrongLastSequence) {
          return { kind: "refused", found: await this.#find(place) }
        }
        // Replicas have not agreed yet on what another wrote there, or on who leads them: nothing
        // of ours was stored.
        const hasNoLeader = error instanceof NoAnswer && error.nobodyThere
        const isHeldUp = hasNoLeader || code === errorCodes.sequenceInFlight
        if (!isHeldUp || tries >= fencedTriesMax) throw error
        await setTimeout(fencedRetryMillis)
      }
    }
  }

  async #find(place: Place): Promise<Found> {
    const of = { last_by_subj: this.#subject(place) }
    const stored = await this.#broker.stored(streamOf(this.#name), of)
    if (stored === undefined) return { place, entry: undefined, revision: 0 }
    return this.#read(place, stored.sequence, stored.data)
  }

  #read(place: Place, revision: number, data: Uint8Array): Found {
    if (data.length === 0) return { place, entry: undefined, revision }
    const entry = decodeEntry(text.decode(data))
    if (entry !== undefined && placeOf(entry) === place) return { place, entry, revision }
    throw terminal(`what stands at ${place} was written by another program or a newer release.`)
  }

  #subject(place: Place): string {
    return `${this.#name}.ls.${place.replace("/", ".")}`
  }
}

/** The last two tokens of a subject, as `node/<name>` or `shard/<number>`. */
function placeOfSubject(subject: string): Place {
  const [kind, name = ""] = subject.split(".").slice(-2)
  return kind === "node" ? nodePlace(name) : shardPlace(Number(name))
}
