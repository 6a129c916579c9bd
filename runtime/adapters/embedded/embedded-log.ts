/**
 * The `MessageLog` of one node: decisions in memory (`LogIndex`), bytes in `log.db` (`LogWriter`).
 *
 * Promises what the port promises. What may fail beneath: the disk and the writing thread; the log
 * then fails every call with the same error until it is opened anew. While trimming is held, an
 * acknowledgement frees its slot at once and leaves the disk when the hold ends; a crash in between
 * delivers the block again, and the sinks' cursors say that it is applied.
 */
import * as Effect from "effect/Effect"
import type { Partition } from "../../../protocols/address.ts"
import { type Fenced, invariant, LogDamaged } from "../../../protocols/errors.ts"
import type {
  Delivery,
  LogBroken,
  MessageLogShape,
  Offer,
  Ownership,
  Receipt,
} from "../../core/log.ts"
import { deliveryOf, type LogIndex, type PendingBlock } from "../../core/log-index.ts"
import type { LogWriter } from "./log-writer.ts"
import { isBroken, submitted } from "./submitted.ts"
import type { TrimHold } from "./trim-hold.ts"

export interface EmbeddedParts {
  readonly writer: LogWriter
  readonly index: LogIndex
  readonly hold: TrimHold
}

interface Puller {
  readonly owner: Ownership
  readonly bytesMax: number
  readonly resume: (outcome: readonly PendingBlock[] | Fenced | LogBroken) => void
}

type Blocks = readonly (Partition & { readonly sequence: number })[]

export function makeEmbeddedLog(parts: EmbeddedParts): MessageLogShape {
  const { writer, index, hold } = parts
  const pullers = new Pullers(parts)
  const senders = new Senders(index)
  writer.onFailure((error) => {
    pullers.fail(error)
    senders.wakeAll()
  })

  const acknowledge = (owner: Ownership, blocks: Blocks) =>
    Effect.suspend(() => {
      const refusal = writer.refusal() ?? index.fence(owner)
      if (refusal !== undefined) return Effect.fail(refusal)
      const found = index.find(owner.shard, blocks)
      const wasFull = index.isFull
      for (const entry of found) index.acknowledge(entry)
      const bytes = found.reduce((sum, entry) => sum + entry.sizeBytes, 0)
      const trimmed = hold.trim(removalsOf(found), () => {
        index.trim(bytes)
        if (wasFull) senders.wakeAll()
      })
      senders.wake(found)
      return trimmed
    })

  return {
    id: writer.opened.id,
    append: (offer) => Effect.suspend(() => append(parts, pullers, offer)),
    announce: () => Effect.void,
    open: (owner) =>
      Effect.suspend(() => {
        const refusal = writer.refusal() ?? index.open(owner)
        if (refusal !== undefined) return Effect.fail(refusal)
        pullers.evict(owner)
        return Effect.map(submitted(writer, { kind: "reader", owner }), () =>
          index.tails(owner.shard),
        )
      }),
    pull: (owner, bytesMax) => pullers.pull(owner, bytesMax),
    acknowledge,
    handBack: (owner, blocks) =>
      Effect.suspend(() => {
        const refusal = writer.failure ?? index.fence(owner)
        if (refusal !== undefined) return Effect.fail(refusal)
        index.giveBack(index.find(owner.shard, blocks))
        pullers.feedSoon(owner.shard)
        return Effect.void
      }),
    whenFree: (partition) => senders.whenFree(partition),
    tails: Effect.suspend(() =>
      writer.failure === undefined ? Effect.sync(() => index.tails()) : Effect.fail(writer.failure),
    ),
    tailsOf: (shard) =>
      Effect.suspend(() =>
        writer.failure === undefined
          ? Effect.sync(() => index.tails(shard))
          : Effect.fail(writer.failure),
      ),
    holdTrimming: (use) => hold.during(use),
  }
}

function append(
  { writer, index }: EmbeddedParts,
  pullers: Pullers,
  offer: Offer,
): ReturnType<MessageLogShape["append"]> {
  const refusal = writer.refusal()
  if (refusal !== undefined) return Effect.fail(refusal)
  const decision = index.offer(offer)
  if (decision.kind === "refused") return Effect.fail(decision.error)
  const { tenant, partition, block } = offer
  const damaged = (sequence: number, message: string) =>
    new LogDamaged({ partition: `${tenant}/${partition}`, sequence, message })
  return Effect.callback<Receipt, LogBroken>((resume) => {
    if (decision.kind === "repeat") {
      const { sequence, senderSequence } = decision
      const [lane, chain] = [decision.lane.id, decision.chain.id]
      writer.submit({ kind: "repeat", lane, chain, sequence, senderSequence, block }, (outcome) => {
        if (isBroken(outcome)) return resume(Effect.fail(outcome))
        if (outcome.kind === "damaged") {
          return resume(Effect.fail(damaged(sequence, outcome.message)))
        }
        resume(Effect.succeed({ sequence, repeated: true }))
      })
      return
    }
    const { entry, chain, senderSequence, previousHash, forgotten } = decision
    const { id, sender, epoch, start } = chain
    const { sequence } = entry
    writer.submit(
      {
        kind: "append",
        lane: { id: entry.lane.id, tenant, partition },
        chain: { id, sender, epoch, start, receipts: [...chain.receipts] },
        sequence,
        senderSequence,
        previousHash,
        block,
        forgotten,
      },
      (outcome) => {
        if (isBroken(outcome)) return resume(Effect.fail(outcome))
        if (outcome.kind === "damaged") {
          index.withdraw(entry, chain)
          return resume(Effect.fail(damaged(sequence, outcome.message)))
        }
        index.settle(entry)
        pullers.feedSoon(entry.lane.shard)
        resume(Effect.succeed({ sequence, repeated: false }))
      },
    )
  })
}

/** Readers that wait for a block: at most one per shard. */
class Pullers {
  readonly #parts: EmbeddedParts
  readonly #waiting = new Map<number, Puller>()
  readonly #toFeed = new Set<number>()

  constructor(parts: EmbeddedParts) {
    this.#parts = parts
  }

  pull(owner: Ownership, bytesMax: number): ReturnType<MessageLogShape["pull"]> {
    return Effect.suspend(() => {
      let taken: readonly PendingBlock[] = []
      const take = Effect.callback<readonly PendingBlock[], Fenced | LogBroken>((resume) => {
        const refusal = this.#parts.writer.failure ?? this.#parts.index.fence(owner)
        if (refusal !== undefined) return resume(Effect.fail(refusal))
        invariant(!this.#waiting.has(owner.shard), "A shard has one pull at a time.")
        const puller: Puller = {
          owner,
          bytesMax,
          resume: (outcome) => {
            this.#waiting.delete(owner.shard)
            if ("_tag" in outcome) return resume(Effect.fail(outcome))
            taken = outcome
            resume(Effect.succeed(outcome))
          },
        }
        this.#waiting.set(owner.shard, puller)
        this.#feed(owner.shard)
        return Effect.sync(() => {
          if (this.#waiting.get(owner.shard) === puller) this.#waiting.delete(owner.shard)
        })
      })
      const giveBack = Effect.sync(() => {
        if (this.#parts.index.fence(owner) !== undefined) return
        this.#parts.index.giveBack(taken)
        this.feedSoon(owner.shard)
      })
      return take.pipe(
        Effect.flatMap((entries) => this.#deliver(owner, entries)),
        Effect.onError(() => giveBack),
      )
    })
  }

  /** Reads what is no longer in memory, then hands all of it out. */
  #deliver(owner: Ownership, entries: readonly PendingBlock[]) {
    const missing = entries.filter((entry) => entry.block === undefined)
    return Effect.forEach(missing, (entry) => this.#load(entry), { concurrency: "unbounded" }).pipe(
      Effect.flatMap((loaded) => {
        const refusal = this.#parts.index.fence(owner)
        if (refusal !== undefined) return Effect.fail(refusal)
        const bytes = new Map(loaded)
        return Effect.succeed(
          entries.map((entry): Delivery => {
            const block = this.#parts.index.release(entry) ?? bytes.get(entry)
            invariant(block !== undefined, "A delivered block has its bytes.")
            return deliveryOf(entry, block)
          }),
        )
      }),
    )
  }

  #load(entry: PendingBlock): Effect.Effect<readonly [PendingBlock, Uint8Array], LogBroken> {
    const { lane, sequence } = entry
    return submitted(this.#parts.writer, { kind: "load", lane: lane.id, sequence }).pipe(
      Effect.flatMap((result) => {
        if (result.kind === "block") return Effect.succeed([entry, result.block] as const)
        const partition = `${lane.tenant}/${lane.partition}`
        const why = result.kind === "damaged" ? result.message : ""
        const message = `Partition ${partition} of the log is damaged. ${why}`
        return Effect.fail(new LogDamaged({ partition, sequence, message }))
      }),
    )
  }

  /** After everything that settles now, so that one pull gets all of it. */
  feedSoon(shard: number): void {
    if (!this.#waiting.has(shard) || this.#toFeed.has(shard)) return
    this.#toFeed.add(shard)
    queueMicrotask(() => {
      this.#toFeed.delete(shard)
      this.#feed(shard)
    })
  }

  /** Ends the pull of a lower epoch. */
  evict(owner: Ownership): void {
    const puller = this.#waiting.get(owner.shard)
    const fenced = puller && this.#parts.index.fence(puller.owner)
    if (fenced !== undefined) puller?.resume(fenced)
  }

  fail(error: LogBroken): void {
    for (const puller of [...this.#waiting.values()]) puller.resume(error)
  }

  #feed(shard: number): void {
    const puller = this.#waiting.get(shard)
    if (puller === undefined) return
    const taken = this.#parts.index.take(shard, puller.bytesMax)
    if (taken.length > 0) puller.resume(taken)
  }
}

/** Senders that wait for room. */
class Senders {
  readonly #index: LogIndex
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor(index: LogIndex) {
    this.#index = index
  }

  whenFree(partition: Partition): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.#index.hasRoom(partition)) return resume(Effect.void)
      const key = `${partition.tenant}/${partition.partition}`
      const wake = () => resume(Effect.void)
      const others = this.#waiting.get(key)
      if (others === undefined) this.#waiting.set(key, new Set([wake]))
      else others.add(wake)
      return Effect.sync(() => {
        const set = this.#waiting.get(key)
        set?.delete(wake)
        if (set?.size === 0) this.#waiting.delete(key)
      })
    })
  }

  wake(freed: readonly PendingBlock[]): void {
    for (const { lane } of freed) this.#wake(`${lane.tenant}/${lane.partition}`)
  }

  wakeAll(): void {
    for (const key of [...this.#waiting.keys()]) this.#wake(key)
  }

  #wake(key: string): void {
    const set = this.#waiting.get(key)
    this.#waiting.delete(key)
    for (const wake of set ?? []) wake()
  }
}

function removalsOf(entries: readonly PendingBlock[]) {
  const byLane = Map.groupBy(entries, (entry) => entry.lane.id)
  return [...byLane].map(([lane, of]) => ({
    kind: "remove" as const,
    lane,
    sequences: of.map((entry) => entry.sequence),
  }))
}
