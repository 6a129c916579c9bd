/**
 * The `ActorState` of a cluster: one message per record in the stream `ST`. What is read is asked
 * of the stream's leader. A removed record is a mark that the server itself takes away later. A
 * record that one message cannot carry has its rest in the message just before it.
 */
import * as Effect from "effect/Effect"
import { keyOfToken } from "../../../protocols/address.ts"
import { invariant } from "../../../protocols/errors.ts"
import {
  damageLooksMax,
  natsRequestsAtOnceMax,
  shardCount,
  stateMessageBytesMax,
  stateSubjectNamesMax,
} from "../../../protocols/limits.ts"
import type { Ownership } from "../../core/log.ts"
import type { ActorStateShape, StateEntry, StatePath } from "../../core/state.ts"
import { limitOf, pageLimit } from "../../core/state-limits.ts"
import { keyOfPath, pathOfKey } from "../../core/state-path.ts"
import type { Broker, Message, Stored } from "./broker.ts"
import { asked } from "./failures.ts"
import type { FencedWriter } from "./fenced-writer.ts"
import type { Names } from "./names.ts"
import { goneHeader, markOf, subjectsOf } from "./streams.ts"

const pathHeader = "Intelgraph-Path"
const restHeader = "Intelgraph-Rest"
const broken = ["StoreFailed", "DiskFull", "Unavailable"] as const

export function makeJetStreamState(
  broker: Broker,
  names: Names,
  writer: FencedWriter,
): ActorStateShape {
  const records = new Records(broker, names)
  return {
    claim: (shards) =>
      asked(broken, () => {
        const all = [...new Set(shards)]
        for (const shard of all) {
          invariant(shard >= 0 && shard < shardCount, `There is no shard ${shard}.`)
        }
        return Promise.all(all.map((shard) => writer.claim(shard)))
      }),

    read: (shard, path) =>
      asked(broken, async () => (await records.last(names.state(shard, path)))?.value),

    list: (shard, prefix, page) => asked(broken, () => records.list(shard, prefix, page)),

    write: (owner, entries) =>
      Effect.suspend(() => {
        const refusal = limitOf(entries)
        if (refusal !== undefined) return Effect.fail(refusal)
        const copies = entries.map(({ path, value }) => ({ path, value: value?.slice() }))
        return asked([...broken, "Fenced", "LimitExceeded"], async () => {
          const messages = await records.messagesOf(owner, copies)
          await writer.write(owner, { messages, isAtomic: true })
        })
      }),
  }
}

interface Read {
  readonly path: StatePath
  readonly value: Uint8Array
}

class Records {
  readonly #broker: Broker
  readonly #names: Names
  /** Subjects of rests under the epoch by which they were asked for; only the owner adds some. */
  readonly #rests = new Map<number, { readonly epoch: number; readonly of: Promise<Set<string>> }>()

  constructor(broker: Broker, names: Names) {
    this.#broker = broker
    this.#names = names
  }

  async messagesOf(
    owner: Ownership,
    entries: readonly { path: StatePath; value: Uint8Array | undefined }[],
  ): Promise<readonly Message[]> {
    const rests = await this.#restsOf(owner)
    return entries.flatMap(({ path, value }) => {
      const key = keyOfPath(path)
      const subject = this.#names.state(owner.shard, path)
      const rest = this.#names.rest(owner.shard, key)
      const named = { [pathHeader]: key.toString("base64url") }
      const noRest = rests.has(rest) ? [markOf(rest)] : []
      if (value === undefined) return [...noRest, markOf(subject, named)]
      if (value.byteLength <= stateMessageBytesMax) {
        return [...noRest, { subject, data: value, headers: named }]
      }
      rests.add(rest)
      const data = value.subarray(0, stateMessageBytesMax)
      const after = value.subarray(stateMessageBytesMax)
      return [
        { subject: rest, data: after, headers: named },
        { subject, data, headers: { ...named, [restHeader]: String(after.byteLength) } },
      ]
    })
  }

  async last(subject: string): Promise<Read | undefined> {
    for (let looks = 0; looks < damageLooksMax; looks++) {
      const of = { last_by_subj: subject }
      const stored = await this.#broker.stored(this.#names.streams.st, of)
      if (stored === undefined || stored.headers?.has(goneHeader)) return undefined
      const path = pathOf(stored)
      if (!stored.headers?.has(restHeader)) return { path, value: stored.data }
      const rest = await this.#restOf(stored)
      if (rest !== undefined)
        return { path, value: new Uint8Array(Buffer.concat([stored.data, rest])) }
      // Written anew between the two reads.
    }
    throw new Error(`the record ${subject} changes faster than it is read.`)
  }

  async list(
    shard: number,
    prefix: StatePath,
    { after, limit }: Parameters<ActorStateShape["list"]>[2],
  ): Promise<readonly StateEntry[]> {
    const begin = keyOfPath(prefix)
    const above = after === undefined ? undefined : keyOfPath(after)
    const places = (await this.#places(shard, prefix))
      .filter(({ key }) => key.subarray(0, begin.length).equals(begin))
      .filter(({ key }) => above === undefined || Buffer.compare(key, above) > 0)
      .toSorted((a, b) => Buffer.compare(a.key, b.key))
    const found: StateEntry[] = []
    const most = pageLimit(limit)
    for (let at = 0; at < places.length && found.length < most; ) {
      const next = places.slice(at, at + Math.min(natsRequestsAtOnceMax, most - found.length))
      at += next.length
      const read = await Promise.all(next.map(({ subject }) => this.last(subject)))
      found.push(...read.filter((one) => one !== undefined))
    }
    return found
  }

  /** Records below a prefix, by the keys of their paths; a few of other paths may be among them. */
  async #places(shard: number, prefix: StatePath) {
    const named = prefix.slice(0, stateSubjectNamesMax)
    const subject = this.#names.state(shard, named)
    const [own, below] = await Promise.all([
      named.length === 0 ? [] : subjectsOf(this.#broker, this.#names.streams.st, subject),
      subjectsOf(this.#broker, this.#names.streams.st, `${subject}.>`),
    ])
    const places: { readonly subject: string; readonly key: Buffer }[] = []
    for (const one of [...own, ...below]) {
      const path = pathOfSubject(one) ?? (await this.last(one))?.path
      if (path !== undefined) places.push({ subject: one, key: keyOfPath(path) })
    }
    return places
  }

  async #restOf(stored: Stored): Promise<Uint8Array | undefined> {
    const of = { seq: stored.sequence - 1 }
    const rest = await this.#broker.stored(this.#names.streams.st, of)
    return rest?.headers?.get(pathHeader) === stored.headers?.get(pathHeader) &&
      String(rest?.data.byteLength) === stored.headers?.get(restHeader)
      ? rest?.data
      : undefined
  }

  #restsOf({ shard, epoch }: Ownership): Promise<Set<string>> {
    const known = this.#rests.get(shard)
    if (known?.epoch === epoch) return known.of
    const { streams, restsOf } = this.#names
    const of = subjectsOf(this.#broker, streams.st, restsOf(shard)).then((all) => new Set(all))
    this.#rests.set(shard, { epoch, of })
    of.catch(() => this.#rests.delete(shard))
    return of
  }
}

const pathOf = ({ headers }: Stored): StatePath =>
  pathOfKey(Buffer.from(headers?.get(pathHeader) ?? "", "base64url"))

/** The path behind a subject; `undefined` where a name of it is only hashed there. */
function pathOfSubject(subject: string): StatePath | undefined {
  const tokens = subject.split(".").slice(3)
  if (tokens.length > stateSubjectNamesMax) return undefined
  const path = tokens.map(keyOfToken)
  return path.every((name) => name !== undefined) ? path : undefined
}
