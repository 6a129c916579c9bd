/** Consumers of blocks: one per shard and epoch, of which the highest is the shard's reader. */
import { deliveredMillisMax } from "../../../protocols/limits.ts"
import type { Ownership } from "../../core/log.ts"
import { ApiFailed, type Broker, errorCodes } from "./broker.ts"
import type { Names } from "./names.ts"

const nanosPerMilli = 1_000_000

export interface ConsumerInfo {
  readonly num_pending: number
  readonly num_ack_pending: number
  readonly delivered: { readonly consumer_seq: number; readonly stream_seq: number }
}

export const consumerConfiguration = (names: Names, { shard, epoch }: Ownership) => ({
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

/** Makes the owner's consumer, or finds it made. */
export const makeConsumer = (
  broker: Broker,
  names: Names,
  owner: Ownership,
): Promise<ConsumerInfo> =>
  broker.make<ConsumerInfo>(
    `CONSUMER.CREATE.${names.streams.mb}.${names.consumer(owner.shard, owner.epoch)}`,
    consumerConfiguration(names, owner),
  )

export const consumerInfo = (
  broker: Broker,
  names: Names,
  { shard, epoch }: Ownership,
): Promise<ConsumerInfo> =>
  broker.api<ConsumerInfo>(`CONSUMER.INFO.${names.streams.mb}.${names.consumer(shard, epoch)}`)

/** Only ever of a lower epoch than another that is there: what it held, that one holds too. */
export async function deleteConsumer(broker: Broker, names: Names, name: string): Promise<void> {
  try {
    await broker.make(`CONSUMER.DELETE.${names.streams.mb}.${name}`, undefined)
  } catch (error) {
    if (error instanceof ApiFailed && error.errorCode === errorCodes.consumerNotFound) return
    throw error
  }
}
