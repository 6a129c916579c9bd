/** How far each partition has come, and what of it is not acknowledged. */
import type { Partition } from "../../../protocols/address.ts"
import { shardOf } from "../../../protocols/address.ts"
import { natsRequestsAtOnceMax } from "../../../protocols/limits.ts"
import type { Tail } from "../../core/log.ts"
import { inGroups } from "./in-groups.ts"
import { partitionOfSubject } from "./names.ts"
import type { ReaderParts } from "./reader.ts"
import { countsOf, subjectsOf } from "./streams.ts"

/**
 * Of all partitions that ever had a block, or of those of a shard. The stream is asked before the
 * records are: a block that is acknowledged in between is in the records.
 */
export async function readTails(
  { broker, names, receipts }: Omit<ReaderParts, "isAlone">,
  shard: number | undefined,
): Promise<readonly Tail[]> {
  const { mb, st } = names.streams
  const counts = await countsOf(broker, mb, names.partitionsOf(shard))
  const last = new Map<string, number>()
  await inGroups([...counts.keys()], natsRequestsAtOnceMax, async (subject) => {
    const stored = await broker.stored(mb, { last_by_subj: subject })
    last.set(subject, stored?.sequence ?? 0)
  })
  const recorded = await subjectsOf(broker, st, names.receiptsOfShard(shard))
  const partitions = new Map<string, Partition>()
  for (const subject of [...counts.keys(), ...recorded]) {
    const partition = partitionOfSubject(subject)
    partitions.set(names.partition(partition), partition)
  }
  const found = [...partitions].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const tails = await inGroups(found, natsRequestsAtOnceMax, async ([subject, partition]) => {
    const shardOfIt = shardOf(partition.tenant, partition.partition)
    const tail = await receipts.tailOf(shardOfIt, partition)
    const lastSequence = Math.max(tail, last.get(subject) ?? 0)
    return { ...partition, lastSequence, pending: counts.get(subject) ?? 0 }
  })
  return tails.filter(({ lastSequence }) => lastSequence > 0)
}
