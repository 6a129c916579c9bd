/** Consumers of blocks: one per shard and epoch, of which the highest is the shard's reader. */
import { setTimeout as sleep } from "node:timers/promises"
import {
  consumerDeletedMillisMax,
  deliveredMillisMax,
  fencedRetryMillis,
  fencedTriesMax,
  natsMakeMillisMax,
} from "../../../protocols/limits.ts"
import type { Ownership } from "../../core/log.ts"
import { ApiFailed, type Broker, errorCodes, NoAnswer } from "./broker.ts"
import { fencedBy } from "./fenced-writer.ts"
import { Gathered } from "./gathered.ts"
import { type Names, ownershipOfConsumer } from "./names.ts"
import { consumerNames } from "./streams.ts"

const nanosPerMilli = 1_000_000

export interface ConsumerInfo {
  readonly num_pending: number
  readonly num_ack_pending: number
  readonly delivered: { readonly consumer_seq: number; readonly stream_seq: number }
}

const consumerConfiguration = (names: Names, { shard, epoch }: Ownership) => ({
  stream_name: names.streams.mb,
  action: "",
  config: {
    name: names.consumer(shard, epoch),
    durable_name: names.consumer(shard, epoch),
    filter_subject: names.partitionsOf(shard),
    deliver_policy: "all",
    ack_policy: "explicit",
    ack_wait: deliveredMillisMax * nanosPerMilli,
    max_deliver: -1,
    // The mailboxes bound it already.
    max_ack_pending: -1,
  },
})

export const consumerInfo = (
  broker: Broker,
  names: Names,
  { shard, epoch }: Ownership,
): Promise<ConsumerInfo> =>
  broker.api<ConsumerInfo>(`CONSUMER.INFO.${names.streams.mb}.${names.consumer(shard, epoch)}`)

export class Consumers {
  readonly #broker: Broker
  readonly #names: Names
  readonly #present: Gathered<readonly Ownership[]>

  constructor(broker: Broker, names: Names) {
    this.#broker = broker
    this.#names = names
    this.#present = new Gathered(async () => {
      const all = await consumerNames(broker, names)
      return all.map(ownershipOfConsumer).filter((of) => of !== undefined)
    })
  }

  /** For whom there is one, of whatever epoch. */
  present(): Promise<readonly Ownership[]> {
    return this.#present.ask()
  }

  /**
   * Makes the owner's, or finds it made. The stream lets a shard have one: that of a lower epoch
   * goes first. Between the two the stream keeps what nobody wants. `Fenced` by a higher one.
   * `known`: who has one, as far as the caller was told just now.
   */
  async take(owner: Ownership, known?: readonly Ownership[]): Promise<ConsumerInfo> {
    for (let tries = 1; ; tries++) {
      const present = (tries === 1 ? known : undefined) ?? (await this.present())
      await this.sweep(owner, present)
      try {
        return await this.#make(owner)
      } catch (error) {
        const isNotAlone =
          error instanceof ApiFailed && error.errorCode === errorCodes.consumerNotAlone
        if (!isNotAlone || tries >= fencedTriesMax) throw error
        await sleep(fencedRetryMillis * tries)
      }
    }
  }

  /** Whoever has a lower epoch than another holds blocks for nobody. */
  async sweep(owner: Ownership, present: readonly Ownership[]): Promise<void> {
    const same = present.filter(({ shard }) => shard === owner.shard)
    const highest = Math.max(owner.epoch, ...same.map(({ epoch }) => epoch))
    for (const { shard, epoch } of same) {
      if (epoch < highest) await this.#delete(this.#names.consumer(shard, epoch))
    }
    if (highest > owner.epoch) throw fencedBy(owner, highest)
  }

  /**
   * Waits long for one answer. Asked for again before it had a leader, a consumer was at times
   * never current again on a server that began anew (2.15.2: asked again after 2 s, 3 of 8 runs of
   * jetstream-faults.test.ts; none of 4 without).
   */
  #make(owner: Ownership): Promise<ConsumerInfo> {
    const name = this.#names.consumer(owner.shard, owner.epoch)
    return this.#broker.api<ConsumerInfo>(
      `CONSUMER.CREATE.${this.#names.streams.mb}.${name}`,
      consumerConfiguration(this.#names, owner),
      natsMakeMillisMax,
    )
  }

  /**
   * Of a consumer that nobody leads yet, or any more, the servers delete it and answer nobody. That
   * it is gone shows in that another one can be made.
   */
  async #delete(name: string): Promise<void> {
    const verb = `CONSUMER.DELETE.${this.#names.streams.mb}.${name}`
    try {
      await this.#broker.api(verb, undefined, consumerDeletedMillisMax)
    } catch (error) {
      if (error instanceof NoAnswer && !error.nobodyThere) return
      if (error instanceof ApiFailed && error.errorCode === errorCodes.consumerNotFound) return
      throw error
    }
  }
}
