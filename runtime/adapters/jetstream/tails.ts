/** How far each partition has come, and what of it is not acknowledged. */
import type { Partition } from "../../../protocols/address.ts"
import { shardOf } from "../../../protocols/address.ts"
import { natsRequestsAtOnceMax } from "../../../protocols/limits.ts"
import type { Tail } from "../../core/log.ts"
import { inGroups } from "./in-groups.ts"
import { partitionOfSubject } from "./names.ts"
import type { ReaderParts } from "./reader.ts"
import { byShard, ShardSubjects } from "./shard-subjects.ts"

export class Tails {
  readonly #parts: Omit<ReaderParts, "isAlone" | "writer">
  readonly #blocks: ShardSubjects
  readonly #records: ShardSubjects

  constructor(parts: Omit<ReaderParts, "isAlone" | "writer">) {
    const { broker, names } = parts
    const { mb, st } = names.streams
    this.#parts = parts
    this.#blocks = new ShardSubjects(broker, mb, names.partitionsOf)
    this.#records = new ShardSubjects(broker, st, names.receiptsOfShard)
  }

  /**
   * Of all partitions that ever had a block, or of those of a shard. Counts before the list of
   * records, and a partition's last block before its record: what is acknowledged in between is in
   * the record, whoever owns the shard.
   */
  async read(shard: number | undefined): Promise<readonly Tail[]> {
    const { broker, names, receipts } = this.#parts
    const of = (all: ShardSubjects) => (shard === undefined ? all.all() : all.of(shard))
    const counts = await of(this.#blocks)
    const last = new Map<string, number>()
    const stored = inGroups([...counts.keys()], natsRequestsAtOnceMax, async (subject) => {
      const block = await broker.stored(names.streams.mb, { last_by_subj: subject })
      last.set(subject, block?.sequence ?? 0)
    })
    const [recorded] = await Promise.all([of(this.#records), stored])
    const partitions = new Map<string, Partition>()
    for (const subject of [...counts.keys(), ...recorded.keys()]) {
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

  /** Whether the shard ever had a block. */
  async hasCarried(shard: number): Promise<boolean> {
    const isThere = await this.#blocks.of(shard)
    return isThere.size > 0 || (await this.#records.of(shard)).size > 0
  }

  /** Shards with blocks that are not acknowledged. */
  async withBlocks(): Promise<ReadonlySet<number>> {
    return new Set(byShard(await this.#blocks.all()).keys())
  }
}
