/**
 * Finds writes of an owner whose shard another one has taken, by what is seen of the stores.
 *
 * In the graph: once a guard was seen at an epoch, no cursor of its shard may move under a lower
 * one, and neither cursors nor guards go back. In the log's state: what was stored above a shard's
 * newest epoch record must carry that record's place as its fence. Pure.
 */
import { shardOf } from "../../protocols/address.ts"

export interface CursorSeen {
  readonly tenant: string
  readonly partition: number
  readonly sequence: number
  readonly epoch: number
}

export interface GraphSeen {
  readonly guards: readonly { readonly shard: number; readonly epoch: number }[]
  readonly cursors: readonly CursorSeen[]
}

export interface StateSeen {
  readonly shard: number
  /** Place in the stream. */
  readonly sequence: number
  /** `epoch` for the record that is the fence of those after it. */
  readonly wrote: "epoch" | { readonly fence: number }
}

export class FenceWatch {
  readonly #guards = new Map<number, number>()
  readonly #cursors = new Map<string, CursorSeen>()
  readonly #fences = new Map<number, number>()
  /** Writes that were looked at. */
  readonly looked = { cursors: 0, state: 0 }

  /** What is wrong with the graph's books since they were seen last. */
  graph({ guards, cursors }: GraphSeen): readonly string[] {
    const wrong = cursors.flatMap((now) => this.#cursor(now))
    for (const { shard, epoch } of guards) {
      const known = this.#guards.get(shard) ?? 0
      if (epoch < known) wrong.push(`the guard of shard ${shard} fell from ${known} to ${epoch}`)
      this.#guards.set(shard, Math.max(known, epoch))
    }
    return wrong
  }

  state({ shard, sequence, wrote }: StateSeen): readonly string[] {
    this.looked.state += 1
    if (wrote === "epoch") {
      this.#fences.set(shard, Math.max(this.#fences.get(shard) ?? 0, sequence))
      return []
    }
    const fence = this.#fences.get(shard) ?? 0
    if (wrote.fence >= fence || sequence < fence) return []
    return [`state of shard ${shard} was written under fence ${wrote.fence}, past ${fence}`]
  }

  #cursor(now: CursorSeen): readonly string[] {
    const name = `${now.tenant}/${now.partition}`
    const before = this.#cursors.get(name)
    this.#cursors.set(name, now)
    if (before?.sequence === now.sequence && before.epoch === now.epoch) return []
    this.looked.cursors += 1
    const guard = this.#guards.get(shardOf(now.tenant, now.partition)) ?? 0
    const from = `${before?.sequence ?? 0} under ${before?.epoch ?? 0}`
    const how = `cursor of ${name}: ${from}, then ${now.sequence} under ${now.epoch}`
    if (now.epoch < guard) return [`${how}, while the guard was at ${guard}`]
    if (before !== undefined && before.sequence > now.sequence) return [`${how}: it went back`]
    return before !== undefined && before.epoch > now.epoch ? [`${how}: the epoch fell`] : []
  }
}
