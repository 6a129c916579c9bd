/**
 * Writes to the stream `ST` under the fence of a shard's epoch.
 *
 * Promises: a group is written only while its epoch is the shard's highest, checked by the server
 * against the epoch's record; groups of a shard are stored in the order in which they are given. At
 * most one is under way per shard, because servers that replicate refuse a second one; what waits
 * meanwhile goes with the next as one batch. On a single server groups go one by one: there a batch
 * is a file of its own and costs more than fifty plain messages (decision 0020). What may fail
 * beneath: an answer may be lost. The group may then still be on its way, so before anything else
 * is written the epoch's record is written anew: the fence that the lost group carries is past, and
 * it can no longer land on top of what follows.
 */
import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { Fenced } from "../../../protocols/errors.ts"
import {
  batchBytesMax,
  batchMessagesMax,
  fencedRetryMillis,
  fencedTriesMax,
} from "../../../protocols/limits.ts"
import type { Ownership } from "../../core/log.ts"
import { ApiFailed, type Broker, errorCodes, type Message, NoAnswer } from "./broker.ts"
import { unavailable } from "./failures.ts"
import type { Names } from "./names.ts"

/** The record of a shard's epoch. Its sequence is what fenced writes are checked against. */
interface EpochRecord {
  readonly epoch: number
  readonly sequence: number
}

export interface Group {
  readonly messages: readonly Message[]
  /** Whether the messages must be stored as one; they are stored in their order either way. */
  readonly isAtomic: boolean
}

interface Waiting extends Group {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** What this process knows of one shard that it writes. */
interface Lane {
  readonly owner: Ownership
  fence: number
  /** A group without answer may still be on its way under this fence. */
  isInDoubt: boolean
  isWriting: boolean
  readonly waiting: Waiting[]
}

export class FencedWriter {
  readonly #broker: Broker
  readonly #names: Names
  readonly #isReplicated: boolean
  readonly #lanes = new Map<number, Lane>()

  constructor(broker: Broker, names: Names, isReplicated: boolean) {
    this.#broker = broker
    this.#names = names
    this.#isReplicated = isReplicated
  }

  /** Raises the shard's epoch by compare-and-set. */
  async claim(shard: number): Promise<Ownership> {
    for (let tries = 0; tries < fencedTriesMax; tries++) {
      const before = await this.#epochRecord(shard)
      const owner = { shard, epoch: (before?.epoch ?? 0) + 1 }
      try {
        this.#own(owner, await this.#writeEpoch(owner, before?.sequence ?? 0))
        return owner
      } catch (error) {
        if (!isLost(error)) throw error
        await sleep(fencedRetryMillis * Math.random())
      }
    }
    throw unavailable(`the epoch of shard ${shard} is claimed by others too.`)
  }

  /** The shard's highest epoch; 0 where it has none. */
  async epochOf(shard: number): Promise<number> {
    return (await this.#epochRecord(shard))?.epoch ?? 0
  }

  /** Rejects with `Fenced`, with nothing written, or with `Unavailable`, perhaps written. */
  async write(owner: Ownership, group: Group): Promise<void> {
    const lane = await this.#laneOf(owner)
    return await new Promise<void>((resolve, reject) => {
      lane.waiting.push({ ...group, resolve, reject })
      if (!lane.isWriting) void this.#writeAll(lane)
    })
  }

  async #laneOf(owner: Ownership): Promise<Lane> {
    const known = this.#lanes.get(owner.shard)
    if (known?.owner.epoch === owner.epoch) return known
    if (known !== undefined && known.owner.epoch > owner.epoch) {
      throw fencedBy(owner, known.owner.epoch)
    }
    const record = await this.#epochRecord(owner.shard)
    if (record?.epoch !== owner.epoch) throw fencedBy(owner, record?.epoch ?? 0)
    const since = this.#lanes.get(owner.shard)
    return since?.owner.epoch === owner.epoch ? since : this.#own(owner, record.sequence)
  }

  #own(owner: Ownership, fence: number): Lane {
    const lane: Lane = { owner, fence, isInDoubt: false, isWriting: false, waiting: [] }
    this.#lanes.set(owner.shard, lane)
    return lane
  }

  async #writeAll(lane: Lane): Promise<void> {
    lane.isWriting = true
    while (lane.waiting.length > 0) {
      const groups = this.#take(lane)
      try {
        if (lane.isInDoubt) await this.#settleDoubt(lane)
        await this.#store(lane, groups)
        for (const { resolve } of groups) resolve()
      } catch (error) {
        if (error instanceof NoAnswer) lane.isInDoubt = true
        for (const { reject } of groups) reject(error)
      }
    }
    lane.isWriting = false
  }

  #take({ waiting }: Lane): readonly Waiting[] {
    if (!this.#isReplicated) return waiting.splice(0, 1)
    let messages = 0
    let bytes = 0
    let count = 0
    for (const group of waiting) {
      messages += group.messages.length
      bytes += group.messages.reduce((sum, { data }) => sum + data.byteLength, 0)
      if (count > 0 && (messages > batchMessagesMax || bytes > batchBytesMax)) break
      count++
    }
    return waiting.splice(0, count)
  }

  async #store(lane: Lane, groups: readonly Waiting[]): Promise<void> {
    for (let tries = 0; tries < fencedTriesMax; tries++) {
      try {
        return await this.#storeOnce(lane, groups)
      } catch (error) {
        if (isOvertaken(error)) await this.#readFence(lane)
        else if (!isLost(error)) throw error
        else await sleep(fencedRetryMillis)
      }
    }
    throw unavailable(`shard ${lane.owner.shard} has other writes in flight.`)
  }

  async #storeOnce(lane: Lane, groups: readonly Waiting[]): Promise<void> {
    const messages = groups.flatMap((group) => group.messages)
    const [first, ...rest] = messages
    if (first === undefined) return
    const fence = {
      "Nats-Expected-Last-Subject-Sequence": String(lane.fence),
      "Nats-Expected-Last-Subject-Sequence-Subject": this.#names.epoch(lane.owner.shard),
    }
    const under = (message: Message) => ({
      ...message,
      headers: { ...message.headers, ...fence },
    })
    if (rest.length === 0) {
      await this.#broker.publish(under(first))
    } else if (this.#isReplicated || groups.some(({ isAtomic }) => isAtomic)) {
      await this.#broker.publishBatch(randomUUID(), [under(first), ...rest])
    } else {
      const stored = messages.map((message) => this.#broker.publish(under(message)))
      const failed = (await Promise.allSettled(stored)).find(({ status }) => status === "rejected")
      if (failed?.status === "rejected") throw failed.reason
    }
  }

  /** Writes the epoch's record anew, so that what carries the fence before is refused. */
  async #settleDoubt(lane: Lane): Promise<void> {
    try {
      lane.fence = await this.#writeEpoch(lane.owner, lane.fence)
    } catch (error) {
      if (!isOvertaken(error)) throw error
      await this.#readFence(lane)
    }
    lane.isInDoubt = false
  }

  /** The fence moved: to another's epoch, or by a record of our own whose answer was lost. */
  async #readFence(lane: Lane): Promise<void> {
    const record = await this.#epochRecord(lane.owner.shard)
    if (record?.epoch !== lane.owner.epoch) throw fencedBy(lane.owner, record?.epoch ?? 0)
    lane.fence = record.sequence
  }

  async #epochRecord(shard: number): Promise<EpochRecord | undefined> {
    const of = { last_by_subj: this.#names.epoch(shard) }
    const stored = await this.#broker.stored(this.#names.streams.st, of)
    if (stored === undefined) return undefined
    const epoch = Number(Buffer.from(stored.data).toString("utf8"))
    return { epoch, sequence: stored.sequence }
  }

  async #writeEpoch({ shard, epoch }: Ownership, expected: number): Promise<number> {
    const { seq } = await this.#broker.publish({
      subject: this.#names.epoch(shard),
      data: Buffer.from(String(epoch)),
      headers: { "Nats-Expected-Last-Subject-Sequence": String(expected) },
    })
    return seq
  }
}

export const fencedBy = (owner: Ownership, current: number): Fenced =>
  new Fenced({
    shard: owner.shard,
    epoch: owner.epoch,
    current,
    message: `Shard ${owner.shard} is owned under epoch ${current}, not ${owner.epoch}.`,
  })

/** Its owner cannot go on, and a takeover tells why, or mends it. */
export const toTakeAnew = ({ shard, epoch }: Ownership, why: string): Fenced =>
  new Fenced({
    shard,
    epoch,
    current: epoch,
    message: `Shard ${shard} has to be taken over anew: ${why}`,
    next: "Nothing to do in a cluster; start a node that is alone again.",
  })

const isOvertaken = (error: unknown): boolean =>
  error instanceof ApiFailed && error.errorCode === errorCodes.wrongLastSequence

/** Refused with nothing stored, and not for ever. */
const isLost = (error: unknown): boolean =>
  error instanceof ApiFailed &&
  (error.errorCode === errorCodes.wrongLastSequence ||
    error.errorCode === errorCodes.sequenceInFlight ||
    error.errorCode === errorCodes.batchIncomplete ||
    error.errorCode === errorCodes.batchesInFlight)
