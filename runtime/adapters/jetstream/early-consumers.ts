/**
 * Consumers that are made while their owners still guard their sinks: replicated servers elect a
 * leader for each, which takes them 0.1 to 1 s, and as long as that a takeover would stand still.
 *
 * Promises: what was made, or begun, for an owner is given to it once; nobody pulls from it before.
 * Once it is made, the former owner's consumer is gone: that one may commit what it holds until its
 * sinks are guarded, and acknowledges nothing. What may fail beneath: all that `Consumers` may. A
 * try that failed is made once more by whoever asks, who is told of the second failure. A consumer
 * that nobody asks for is deleted by the next owner, like every other.
 */
import type { Ownership } from "../../core/log.ts"
import type { ConsumerInfo, Consumers } from "./consumers.ts"
import { failureOf } from "./failures.ts"
import type { Tails } from "./tails.ts"

/** `undefined` of a shard that never had a block: it needs none. */
export type Made = ConsumerInfo | undefined

export class EarlyConsumers {
  readonly #consumers: Pick<Consumers, "present" | "take">
  readonly #tails: Pick<Tails, "hasCarried">
  /** What was announced last of each shard. */
  readonly #begun = new Map<number, { readonly epoch: number; readonly made: Promise<Made> }>()

  constructor(consumers: Pick<Consumers, "present" | "take">, tails: Pick<Tails, "hasCarried">) {
    this.#consumers = consumers
    this.#tails = tails
  }

  /** Begins to make that of an owner who has claimed this epoch. */
  announce(owner: Ownership): void {
    const made = this.#make(owner)
    // Who opens the shard is told.
    made.catch(() => undefined)
    this.#begun.set(owner.shard, { epoch: owner.epoch, made })
  }

  /** What was begun for this owner, or else is made now. */
  async of(owner: Ownership): Promise<Made> {
    const begun = this.#begun.get(owner.shard)
    if (begun?.epoch !== owner.epoch) return await this.#make(owner)
    this.#begun.delete(owner.shard)
    try {
      return await begun.made
    } catch (error) {
      if (failureOf(error)._tag === "Fenced") throw error
      // What was in its way then may be over. If it was made after all, it is found.
      return await this.#make(owner)
    }
  }

  async #make(owner: Ownership): Promise<Made> {
    const [present, hasCarried] = await Promise.all([
      this.#consumers.present(),
      this.#tails.hasCarried(owner.shard),
    ])
    const isIdle = !hasCarried && present.every(({ shard }) => shard !== owner.shard)
    return isIdle ? undefined : await this.#consumers.take(owner, present)
  }
}
