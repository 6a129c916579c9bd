/**
 * Who had which shard when, from the register's own entries; how long shards were without a new
 * owner. Pure.
 */
import type { Seen } from "./observer.ts"

export type LeaseSeen = Extract<Seen, { kind: "lease" }>
export type VacancySeen = Extract<Seen, { kind: "vacant" }>

/** A shard that went from one process to another, with times of the register's own. */
export interface Takeover {
  readonly shard: number
  readonly from: string
  readonly to: string
  readonly epoch: number
  /** When the lease before was seen to have vanished, or to be given back. */
  readonly vacantMillis: number | undefined
  /** When the new owner had the lease. */
  readonly leasedMillis: number | undefined
  /** When it had opened the shard. */
  readonly atMillis: number
}

/** A process of a node: its name and the incarnation. */
const whoOf = ({ node, incarnation }: LeaseSeen): string => `${node}/${incarnation}`

export class Leases {
  readonly #owned = new Map<number, LeaseSeen>()
  /** Since when nobody has had the shard, and who has its lease since when; until it is opened. */
  readonly #vacant = new Map<number, number>()
  readonly #leased = new Map<number, LeaseSeen>()
  readonly takeovers: Takeover[] = []
  /** Who has opened which shard under which epoch. */
  readonly #opened = new Set<string>()
  /** Shards whose epoch did not rise with a new owner. */
  readonly fallen: string[] = []

  /** Entries in the order in which they were stored. */
  heard(lease: LeaseSeen): void {
    // One that takes over does not own yet.
    if (lease.epoch === 0) return this.#taken(lease)
    const before = this.#owned.get(lease.shard)
    if (before?.epoch === lease.epoch && whoOf(before) === whoOf(lease)) return
    const opened = `${lease.shard}/${lease.epoch} ${whoOf(lease)}`
    // A former owner may not know yet that it is one, and name itself once more.
    const isPast = this.#opened.has(opened) && before !== undefined && before.epoch > lease.epoch
    if (isPast) return
    this.#opened.add(opened)
    this.#owned.set(lease.shard, lease)
    if (before === undefined) return
    if (lease.epoch <= before.epoch) {
      this.fallen.push(`shard ${lease.shard}: ${before.epoch}, then ${lease.epoch}`)
    }
    if (whoOf(before) === whoOf(lease)) return
    const { shard, epoch, atMillis } = lease
    const leased = this.#leased.get(shard)
    this.takeovers.push({
      shard,
      from: whoOf(before),
      to: whoOf(lease),
      epoch,
      vacantMillis: this.#vacant.get(shard),
      leasedMillis: leased && whoOf(leased) === whoOf(lease) ? leased.atMillis : undefined,
      atMillis,
    })
    this.#vacant.delete(shard)
    this.#leased.delete(shard)
  }

  vacated({ shard, atMillis }: VacancySeen): void {
    this.#leased.delete(shard)
    if (!this.#vacant.has(shard)) this.#vacant.set(shard, atMillis)
  }

  /** Shards that a node was last seen to own. */
  shardsOf(node: string): readonly number[] {
    return [...this.#owned.values()].filter((one) => one.node === node).map(({ shard }) => shard)
  }

  get owned(): number {
    return this.#owned.size
  }

  /** How each of these shards came to an owner other than this node's process. */
  takenFrom(node: string, shards: readonly number[], fromMillis: number): readonly Takeover[] {
    return shards.flatMap((shard) => {
      const taken = this.takeovers.find(
        (one) =>
          one.shard === shard && one.atMillis >= fromMillis && one.from.startsWith(`${node}/`),
      )
      return taken === undefined ? [] : [taken]
    })
  }

  /** It is renewed until the shard is opened: the first one counts. */
  #taken(lease: LeaseSeen): void {
    const known = this.#leased.get(lease.shard)
    if (known === undefined || whoOf(known) !== whoOf(lease)) this.#leased.set(lease.shard, lease)
  }
}

/** The value below which a share of them is; none of nothing. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
}
