/**
 * Which subjects of a stream hold something, shard by shard. Many shards are taken over at the same
 * time: those that are asked for together are asked of the server together.
 */
import { shardsAskedAloneMax } from "../../../protocols/limits.ts"
import type { Broker } from "./broker.ts"
import { Gathered } from "./gathered.ts"
import { inGroups } from "./in-groups.ts"
import { shardOfSubject } from "./names.ts"
import { countsOf } from "./streams.ts"

/** Messages by subject. */
export type Counts = ReadonlyMap<string, number>

export class ShardSubjects {
  readonly #broker: Broker
  readonly #stream: string
  readonly #filterOf: (shard: number | undefined) => string
  readonly #asked = new Set<number>()
  readonly #gathered: Gathered<ReadonlyMap<number, Counts>>
  readonly #all: Gathered<Counts>

  /** `filterOf`: the subjects of one shard, or of all. */
  constructor(broker: Broker, stream: string, filterOf: (shard: number | undefined) => string) {
    this.#broker = broker
    this.#stream = stream
    this.#filterOf = filterOf
    this.#gathered = new Gathered(() => this.#readAsked())
    this.#all = new Gathered(() => countsOf(broker, stream, filterOf(undefined)))
  }

  all(): Promise<Counts> {
    return this.#all.ask()
  }

  async of(shard: number): Promise<Counts> {
    this.#asked.add(shard)
    return (await this.#gathered.ask()).get(shard) ?? new Map()
  }

  async #readAsked(): Promise<ReadonlyMap<number, Counts>> {
    const shards = [...this.#asked]
    this.#asked.clear()
    if (shards.length > shardsAskedAloneMax) return byShard(await this.all())
    const counts = await inGroups(shards, shardsAskedAloneMax, (shard) =>
      countsOf(this.#broker, this.#stream, this.#filterOf(shard)),
    )
    return new Map(shards.map((shard, at) => [shard, counts[at] ?? new Map()]))
  }
}

export function byShard(counts: Counts): ReadonlyMap<number, Counts> {
  const shards = new Map<number, Map<string, number>>()
  for (const [subject, count] of counts) {
    const shard = shardOfSubject(subject)
    const own = shards.get(shard) ?? new Map<string, number>()
    shards.set(shard, own.set(subject, count))
  }
  return shards
}
