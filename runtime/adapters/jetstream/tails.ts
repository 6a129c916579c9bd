/** How far each partition has come, and what of it is not acknowledged. */
import type { Partition } from "../../../protocols/address.ts"
import { shardOf } from "../../../protocols/address.ts"
import { natsRequestsAtOnceMax } from "../../../protocols/limits.ts"
import type { Tail } from "../../core/log.ts"
import { inGroups } from "./in-groups.ts"
import { partitionOfSubject } from "./names.ts"
import type { ReaderParts } from "./reader.ts"
import { byShard, type Counts, ShardSubjects } from "./shard-subjects.ts"

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
   * Of all partitions that ever had a block. The stream is asked before the records are: a block
   * that is acknowledged in between is in the records.
   */
  async all(): Promise<readonly Tail[]> {
    const blocks = await this.#blocks.all()
    const last = new Map<string, number>()
    await inGroups([...blocks.keys()], natsRequestsAtOnceMax, async (subject) => {
      last.set(subject, await this.#lastOf(subject))
    })
    const records = await this.#records.all()
    return await this.#tailsOf(blocks, records, (subject) => last.get(subject) ?? 0)
  }

  /**
   * Those of a shard whose epoch the caller has claimed. Nobody else records anything of it any
   * more, so what a former owner still acknowledges is in a record that stands: nothing has to be
   * asked before something else.
   */
  async ofClaimed(shard: number): Promise<readonly Tail[]> {
    const [blocks, records] = await this.#subjectsOf(shard)
    return await this.#tailsOf(blocks, records, (subject) =>
      blocks.has(subject) ? this.#lastOf(subject) : 0,
    )
  }

  /** Whether this shard, whose epoch the caller has claimed, ever had a block. */
  async hasCarried(shard: number): Promise<boolean> {
    const [blocks, records] = await this.#subjectsOf(shard)
    return blocks.size > 0 || records.size > 0
  }

  /** Shards with blocks that are not acknowledged. */
  async withBlocks(): Promise<ReadonlySet<number>> {
    return new Set(byShard(await this.#blocks.all()).keys())
  }

  #subjectsOf(shard: number): Promise<readonly [blocks: Counts, records: Counts]> {
    return Promise.all([this.#blocks.of(shard), this.#records.of(shard)])
  }

  async #lastOf(subject: string): Promise<number> {
    const { broker, names } = this.#parts
    const stored = await broker.stored(names.streams.mb, { last_by_subj: subject })
    return stored?.sequence ?? 0
  }

  /** `lastOf`: the last block that the stream has of a partition, by its subject. */
  async #tailsOf(
    blocks: Counts,
    records: Counts,
    lastOf: (subject: string) => number | Promise<number>,
  ): Promise<readonly Tail[]> {
    const { names, receipts } = this.#parts
    const partitions = new Map<string, Partition>()
    for (const subject of [...blocks.keys(), ...records.keys()]) {
      const partition = partitionOfSubject(subject)
      partitions.set(names.partition(partition), partition)
    }
    const found = [...partitions].toSorted(([a], [b]) => (a < b ? -1 : 1))
    const tails = await inGroups(found, natsRequestsAtOnceMax, async ([subject, partition]) => {
      const shard = shardOf(partition.tenant, partition.partition)
      const [last, recorded] = await Promise.all([
        lastOf(subject),
        receipts.tailOf(shard, partition),
      ])
      const lastSequence = Math.max(last, recorded)
      return { ...partition, lastSequence, pending: blocks.get(subject) ?? 0 }
    })
    return tails.filter(({ lastSequence }) => lastSequence > 0)
  }
}
