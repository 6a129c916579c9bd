/**
 * The servers of the placement model: a register whose entries vanish, epochs by compare-and-set, a
 * log with one reader a shard, and sinks with a guard and a cursor each. They check what must never
 * happen, and write it down in `broken`.
 */
import type { Entry, Found, News, Outcome, Place } from "../../runtime/index.ts"
import { placeOf } from "../../runtime/index.ts"
import type { ModelClock } from "./placement-clock.ts"

/** A shard has one partition in the model; its blocks are numbered from 1. */
interface ModelShard {
  epoch: number
  reader: number
  appended: number
  readonly acknowledged: Set<number>
  readonly sinks: readonly ModelSink[]
}

interface ModelSink {
  guard: number
  cursor: number
  /** The epoch of the last write that was let in. */
  writer: number
}

export type Pulled = { readonly kind: "block"; readonly sequence: number } | "none" | "fenced"

export const sinkCount = 2

/**
 * A replica that did not lead tried to remove what had expired, in vain, and tries again 2 s later,
 * by a timer of 250 ms (nats-server 2.15.2, filestore.go).
 */
const lateMillisMax = 2_250

export class ModelServers {
  readonly broken: string[] = []
  readonly refusedWrites = { fenced: 0, repeated: 0 }
  /** Switched off to see that the model finds what the fence prevents. */
  isFenced = true
  /** Shards that nobody can open: their log is damaged. */
  readonly damaged = new Set<number>()
  /** The sinks answer nobody. */
  sinksAreDown = false
  /** Nobody leads the register: it answers nobody, and what has expired goes once it is back. */
  #registerIsAway = false
  #expired: (() => void)[] = []
  readonly #clock: ModelClock
  readonly #shards = new Map<number, ModelShard>()
  readonly #register = new Map<Place, { readonly entry: Entry; readonly revision: number }>()
  readonly #watchers = new Set<(news: News) => void>()
  #revision = 0

  constructor(clock: ModelClock) {
    this.#clock = clock
  }

  set registerIsAway(isAway: boolean) {
    this.#registerIsAway = isAway
    if (isAway) return
    for (const expire of this.#expired.splice(0)) {
      this.#clock.after(this.#clock.between(0, lateMillisMax), () => this.#due(expire))
    }
  }

  /** Without an answer while nobody leads it. */
  put(entry: Entry, expected: number | undefined, ttlMillis: number): Outcome | undefined {
    if (this.#registerIsAway) return undefined
    const place = placeOf(entry)
    const there = this.#register.get(place)
    if (there?.revision !== expected) return { kind: "refused", found: this.#find(place) }
    this.#revision += 1
    const revision = this.#revision
    this.#register.set(place, { entry, revision })
    // A server looks for what has expired from time to time.
    const expire = () => {
      if (this.#register.get(place)?.revision === revision) this.#vanish(place)
    }
    this.#clock.after(ttlMillis + this.#clock.between(0, 1_000), () => this.#due(expire))
    this.#tell({ kind: "found", place, entry, revision })
    return { kind: "done", revision }
  }

  #due(expire: () => void): void {
    if (this.#registerIsAway) this.#expired.push(expire)
    else expire()
  }

  remove(place: Place, expected: number): Outcome | undefined {
    if (this.#registerIsAway) return undefined
    const there = this.#register.get(place)
    if (there?.revision !== expected) return { kind: "refused", found: this.#find(place) }
    this.#vanish(place)
    return { kind: "done", revision: this.#revision }
  }

  /** All that this node has in the register vanishes, as if its time were up. */
  forget(node: string): void {
    for (const [place, { entry }] of this.#register) if (entry.node === node) this.#vanish(place)
  }

  /** What is there now, and then every change, until the returned function is called. */
  watch(tell: (news: News) => void): () => void {
    tell({ kind: "begins" })
    for (const [place, { entry, revision }] of this.#register) {
      tell({ kind: "found", place, entry, revision })
    }
    tell({ kind: "complete" })
    this.#watchers.add(tell)
    return () => this.#watchers.delete(tell)
  }

  claim(shard: number): number {
    const there = this.shard(shard)
    there.epoch += 1
    return there.epoch
  }

  guard(shard: number, index: number, epoch: number): "fenced" | "guarded" {
    const sink = this.#sink(shard, index)
    if (this.isFenced && sink.guard > epoch) return "fenced"
    sink.guard = Math.max(sink.guard, epoch)
    return "guarded"
  }

  open(shard: number, epoch: number): "fenced" | "opened" {
    const there = this.shard(shard)
    if (this.isFenced && there.reader > epoch) return "fenced"
    there.reader = epoch
    return "opened"
  }

  /** The lowest block that is not acknowledged. */
  pull(shard: number, epoch: number): Pulled {
    const there = this.shard(shard)
    if (this.isFenced && there.reader !== epoch) return "fenced"
    for (let sequence = 1; sequence <= there.appended; sequence++) {
      if (!there.acknowledged.has(sequence)) return { kind: "block", sequence }
    }
    return "none"
  }

  commit(shard: number, index: number, epoch: number, sequence: number): "fenced" | "done" {
    const sink = this.#sink(shard, index)
    if (this.isFenced && sink.guard !== epoch) {
      this.refusedWrites.fenced += 1
      return "fenced"
    }
    const where = `shard ${shard}, sink ${index}: epoch ${epoch} writes ${sequence}`
    if (epoch < sink.writer) this.broken.push(`${where} after epoch ${sink.writer} wrote`)
    sink.writer = Math.max(sink.writer, epoch)
    if (sequence <= sink.cursor) {
      this.refusedWrites.repeated += 1
      return "done"
    }
    if (sequence !== sink.cursor + 1) this.broken.push(`${where} after ${sink.cursor}`)
    sink.cursor = sequence
    return "done"
  }

  acknowledge(shard: number, epoch: number, sequence: number): void {
    const there = this.shard(shard)
    if (this.isFenced && there.reader !== epoch) return
    there.acknowledged.add(sequence)
    const missed = there.sinks.some(({ cursor }) => cursor < sequence)
    if (missed) this.broken.push(`shard ${shard}: ${sequence} is acknowledged and not in all sinks`)
  }

  cursors(index: number): readonly { readonly shard: number; readonly sequence: number }[] {
    return [...this.#shards].map(([shard, { sinks }]) => ({
      shard,
      sequence: sinks[index]?.cursor ?? 0,
    }))
  }

  tails(): readonly { readonly shard: number; readonly lastSequence: number }[] {
    return [...this.#shards].map(([shard, { appended }]) => ({ shard, lastSequence: appended }))
  }

  append(shard: number): void {
    this.shard(shard).appended += 1
  }

  /** Blocks that were sent and not applied in every sink and acknowledged. */
  get pending(): number {
    let pending = 0
    for (const { appended, acknowledged } of this.#shards.values()) {
      pending += appended - acknowledged.size
    }
    return pending
  }

  shard(shard: number): ModelShard {
    let there = this.#shards.get(shard)
    if (there === undefined) {
      const sinks = Array.from({ length: sinkCount }, () => ({ guard: 0, cursor: 0, writer: 0 }))
      there = { epoch: 0, reader: 0, appended: 0, acknowledged: new Set(), sinks }
      this.#shards.set(shard, there)
    }
    return there
  }

  #sink(shard: number, index: number): ModelSink {
    const sink = this.shard(shard).sinks[index]
    if (sink === undefined) throw new Error(`There is no sink ${index}.`)
    return sink
  }

  #find(place: Place): Found {
    const there = this.#register.get(place)
    return { place, entry: there?.entry, revision: there?.revision ?? 0 }
  }

  #vanish(place: Place): void {
    this.#register.delete(place)
    this.#revision += 1
    this.#tell({ kind: "found", place, entry: undefined, revision: this.#revision })
  }

  #tell(news: News): void {
    for (const tell of this.#watchers) tell(news)
  }
}
