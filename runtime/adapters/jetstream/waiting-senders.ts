/** Senders of this process that wait for room, woken by what this process acknowledges. */
import * as Effect from "effect/Effect"
import type { Partition } from "../../../protocols/address.ts"

export class WaitingSenders {
  /** By partition that was full when it was asked last. */
  readonly #waiting = new Map<string, Set<() => void>>()

  /** The partition has no room. */
  refused(partition: Partition): void {
    const key = keyOf(partition)
    if (!this.#waiting.has(key)) this.#waiting.set(key, new Set())
  }

  /** These may have room. */
  freed(partitions: readonly Partition[]): void {
    if (this.#waiting.size === 0) return
    for (const partition of partitions) {
      const waiting = this.#waiting.get(keyOf(partition))
      this.#waiting.delete(keyOf(partition))
      for (const wake of waiting ?? []) wake()
    }
  }

  whenFree(partition: Partition): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const waiting = this.#waiting.get(keyOf(partition))
      if (waiting === undefined) return resume(Effect.void)
      const wake = () => resume(Effect.void)
      waiting.add(wake)
      return Effect.sync(() => {
        waiting.delete(wake)
      })
    })
  }
}

const keyOf = ({ tenant, partition }: Partition): string => `${tenant}/${partition}`
