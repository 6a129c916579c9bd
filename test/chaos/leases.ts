/**
 * Who had which shard when, from the register's own entries; how long shards were without a new
 * owner. Pure.
 */
import type { Seen } from "./observer.ts"

export type LeaseSeen = Extract<Seen, { kind: "lease" }>

/** A shard that went from one process to another. */
export interface Takeover {
  readonly shard: number
  readonly from: string
  readonly to: string
  readonly epoch: number
  readonly atMillis: number
}

/** A process of a node: its name and the incarnation. */
const whoOf = ({ node, incarnation }: LeaseSeen): string => `${node}/${incarnation}`

export class Leases {
  readonly #owned = new Map<number, LeaseSeen>()
  readonly takeovers: Takeover[] = []
  /** Shards whose epoch did not rise with a new owner. */
  readonly fallen: string[] = []

  /** Entries in the order in which they were stored. */
  heard(lease: LeaseSeen): void {
    // One that takes over does not own yet.
    if (lease.epoch === 0) return
    const before = this.#owned.get(lease.shard)
    if (before?.epoch === lease.epoch && whoOf(before) === whoOf(lease)) return
    this.#owned.set(lease.shard, lease)
    if (before === undefined) return
    if (lease.epoch <= before.epoch) {
      this.fallen.push(`shard ${lease.shard}: ${before.epoch}, then ${lease.epoch}`)
    }
    if (whoOf(before) === whoOf(lease)) return
    const { shard, epoch, atMillis } = lease
    this.takeovers.push({ shard, from: whoOf(before), to: whoOf(lease), epoch, atMillis })
  }

  /** Shards that a node was last seen to own. */
  shardsOf(node: string): readonly number[] {
    return [...this.#owned.values()].filter((one) => one.node === node).map(({ shard }) => shard)
  }

  get owned(): number {
    return this.#owned.size
  }

  /** How long each of these shards took to get an owner other than this node's process. */
  millisToNewOwner(node: string, shards: readonly number[], fromMillis: number): readonly number[] {
    return shards.flatMap((shard) => {
      const taken = this.takeovers.find(
        (one) =>
          one.shard === shard && one.atMillis >= fromMillis && one.from.startsWith(`${node}/`),
      )
      return taken === undefined ? [] : [taken.atMillis - fromMillis]
    })
  }
}

/** The value below which a share of them is; none of nothing. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
}
