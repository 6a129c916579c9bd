/**
 * Who takes part in the shares, as one node sees it: who comes counts after a quiet time, who goes
 * stops counting at once.
 *
 * Promises: nodes that come one after the other are counted together, at most
 * `joinDebounceMillisMax` after the first of them; the shards of a node that vanished, drains or is
 * cordoned go to those that are left without a wait. Where one vanishes and nobody counts, those
 * that have come count once they have been here for `forgottenMillisMax`. So a cluster that is
 * started, or restarted node by node, shares out once and not once a node; one that is restarted as
 * a whole may do so twice.
 */
import {
  forgottenMillisMax,
  joinDebounceMillis,
  joinDebounceMillisMax,
  nodesMax,
} from "../../protocols/limits.ts"
import type { NodeEntry } from "./placement-register.ts"
import { candidates, type Member, shareOut } from "./placement-share.ts"

export class Members {
  readonly #here = new Map<string, NodeEntry>()
  readonly #settled = new Map<string, Member>()
  readonly #fresh = new Set<string>()
  #owners: readonly string[] = []
  #sharedAtMillis = Number.NEGATIVE_INFINITY
  #quietAt = Number.POSITIVE_INFINITY
  #latestAt = Number.POSITIVE_INFINITY
  #joinedAtMillis = Number.NEGATIVE_INFINITY
  /** Somebody vanished while those that have come did not count: nobody takes what is free. */
  #isOrphaned = false
  #leftAtMillis = Number.NEGATIVE_INFINITY

  /** What is known of a node; `undefined` where it is gone. */
  found(node: string, entry: NodeEntry | undefined, nowMillis: number): void {
    const before = this.#here.get(node)
    if (entry === undefined) this.#here.delete(node)
    else if (before !== undefined || this.#here.size < nodesMax) this.#here.set(node, entry)
    const known = this.#here.get(node)
    const restarted = known?.incarnation !== before?.incarnation
    if (known?.standing !== "serves" || restarted) this.#leave(node, nowMillis)
    if (known?.standing === "serves" && !this.#settled.has(node)) this.#join(node, nowMillis)
    if (this.#fresh.size === 0) this.#isOrphaned = false
    const isWaiting = this.#settled.size === 0 && this.#fresh.size > 0
    if (before !== undefined && known === undefined && isWaiting) this.#orphan(nowMillis)
  }

  /** Lets those count that came, where it has been quiet for long enough. */
  settle(nowMillis: number): void {
    if (nowMillis < this.settlesAtMillis) return
    for (const node of this.#fresh) {
      const entry = this.#here.get(node)
      if (entry !== undefined) this.#settled.set(node, entry)
    }
    this.#fresh.clear()
    this.#isOrphaned = false
    this.#quietAt = Number.POSITIVE_INFINITY
    this.#latestAt = Number.POSITIVE_INFINITY
    this.#share(nowMillis)
  }

  /** When the next ones will count. */
  get settlesAtMillis(): number {
    return Math.min(this.#quietAt, this.#latestAt)
  }

  /** Whose share this shard is; `undefined` while nobody counts. */
  ownerOf(shard: number): string | undefined {
    return this.#owners[shard]
  }

  /** Since when shares are as they are. */
  get sharedAtMillis(): number {
    return this.#sharedAtMillis
  }

  /** When somebody last vanished while nobody counted. */
  get leftAtMillis(): number {
    return this.#leftAtMillis
  }

  counts(node: string): boolean {
    return this.#settled.has(node)
  }

  /**
   * How many come before this node where the owner of this shard does not take it: those that
   * count, then those that just came or are troubled. `undefined` for a node that is to take none.
   */
  rankOf(node: string, shard: number): number | undefined {
    const owner = this.ownerOf(shard)
    if (owner === undefined && this.#fresh.size > 0) return undefined
    const counted = candidates(shard, [...this.#settled.values()])
    const last = [...this.#here.values()].filter((one) => mayTake(one) && !this.counts(one.node))
    const order = [...counted, ...candidates(shard, last)].map((one) => one.node)
    const rank = [owner, ...order.filter((one) => one !== owner)].indexOf(node)
    return rank < 0 ? undefined : rank
  }

  /** Whether another node than this one may take shards. */
  othersTake(node: string): boolean {
    return this.all().some((one) => mayTake(one) && one.node !== node)
  }

  /** All that are here, also those that do not count. */
  all(): readonly NodeEntry[] {
    return [...this.#here.values()]
  }

  #join(node: string, nowMillis: number): void {
    if (this.#fresh.size === 0) this.#latestAt = nowMillis + joinDebounceMillisMax
    if (this.#fresh.has(node)) return
    this.#fresh.add(node)
    this.#joinedAtMillis = nowMillis
    this.#quietAt = nowMillis + (this.#isOrphaned ? forgottenMillisMax : joinDebounceMillis)
  }

  #orphan(nowMillis: number): void {
    this.#isOrphaned = true
    this.#leftAtMillis = nowMillis
    this.#quietAt = Math.max(nowMillis, this.#joinedAtMillis + forgottenMillisMax)
  }

  #leave(node: string, nowMillis: number): void {
    this.#fresh.delete(node)
    if (this.#settled.delete(node)) this.#share(nowMillis)
  }

  #share(nowMillis: number): void {
    this.#sharedAtMillis = nowMillis
    this.#owners = shareOut([...this.#settled.values()])
  }
}

const mayTake = ({ standing }: NodeEntry): boolean =>
  standing === "serves" || standing === "troubled"
