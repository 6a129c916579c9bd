/**
 * What one node sees of the cluster: the nodes that are here and who holds each shard, as the watch
 * on the register told it. May be behind at any time; nothing is written on its word alone.
 */
import { shardCount } from "../../protocols/limits.ts"
import { Members } from "./placement-members.ts"
import {
  type Entry,
  type LeaseEntry,
  type News,
  type Place,
  placeOf,
} from "./placement-register.ts"

export class Sight {
  readonly members = new Members()
  readonly #entries = new Map<Place, Entry>()
  readonly #leases: (LeaseEntry | undefined)[] = []
  readonly #freeSinceMillis = new Array<number>(shardCount).fill(Number.POSITIVE_INFINITY)
  #told = new Set<Place>()
  #isComplete = false

  /** Takes in what the watch tells. */
  news(news: News, nowMillis: number): void {
    if (news.kind === "begins") {
      this.#told = new Set()
    } else if (news.kind === "complete") {
      this.#complete(nowMillis)
    } else {
      this.#told.add(news.place)
      if (news.entry === undefined) this.#vanished(news.place, nowMillis)
      else this.#found(news.entry, nowMillis)
    }
  }

  /** All that was there has been told, at least once. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  holderOf(shard: number): LeaseEntry | undefined {
    return this.#leases[shard]
  }

  /** Since when nobody is seen to hold this shard; infinity where somebody does. */
  freeSinceMillis(shard: number): number {
    return this.#freeSinceMillis[shard] ?? Number.POSITIVE_INFINITY
  }

  #found(entry: Entry, nowMillis: number): void {
    this.#entries.set(placeOf(entry), entry)
    if (entry.kind === "node") {
      this.members.found(entry.node, entry, nowMillis)
    } else {
      this.#leases[entry.shard] = entry
      this.#freeSinceMillis[entry.shard] = Number.POSITIVE_INFINITY
    }
  }

  #vanished(place: Place, nowMillis: number): void {
    const entry = this.#entries.get(place)
    this.#entries.delete(place)
    if (entry?.kind === "node") {
      this.members.found(entry.node, undefined, nowMillis)
    } else if (entry?.kind === "lease") {
      this.#leases[entry.shard] = undefined
      this.#freeSinceMillis[entry.shard] = nowMillis
    }
  }

  /** What a watch that began anew did not find is gone. */
  #complete(nowMillis: number): void {
    for (const place of this.#entries.keys()) {
      if (!this.#told.has(place)) this.#vanished(place, nowMillis)
    }
    if (this.#isComplete) return
    this.#isComplete = true
    for (let shard = 0; shard < shardCount; shard++) {
      if (this.#leases[shard] === undefined) this.#freeSinceMillis[shard] = nowMillis
    }
  }
}
