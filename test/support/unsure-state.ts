/**
 * An `ActorState` whose next write, or next read, ends as a test says, on top of a real one. It
 * keeps what the port promises: what ended without an outcome takes effect at some later time or
 * never, and in no case once a later write of its owner, or a claim, was taken.
 */
import * as Effect from "effect/Effect"
import { Unavailable } from "../../protocols/errors.ts"
import type { ActorStateShape, Ownership, StateBroken, StateEntry } from "../../runtime/index.ts"

/**
 * - `lost`: the write fails, and has no effect. `landed`: it has, and its answer is lost.
 * - `late`: it fails, and takes effect at one of the reads that follow, or else just before the
 *   next write. `dropped`: the same, but never with the write.
 * - `barrier`: an empty group fails. `unread`: a read fails.
 */
export const fates = ["well", "lost", "landed", "late", "dropped", "barrier", "unread"] as const
export type Fate = (typeof fates)[number]

interface Late {
  readonly owner: Ownership
  readonly entries: readonly StateEntry[]
  readonly landsAtLast: boolean
  readsLeft: number
}

export class UnsureState implements ActorStateShape {
  fate: Fate = "well"
  /** Reads after which a late write lands. */
  readsUntilLate = 0
  readonly #real: ActorStateShape
  #late: Late | undefined

  constructor(real: ActorStateShape) {
    this.#real = real
  }

  claim: ActorStateShape["claim"] = (shards) =>
    Effect.andThen(this.#end(), this.#real.claim(shards))

  read: ActorStateShape["read"] = (shard, path) =>
    Effect.andThen(this.#pass(), this.#real.read(shard, path))

  list: ActorStateShape["list"] = (shard, prefix, page) =>
    Effect.andThen(this.#pass(), this.#real.list(shard, prefix, page))

  write: ActorStateShape["write"] = (owner, entries) =>
    Effect.suspend(() => {
      if (entries.length === 0) {
        if (this.#meets("barrier")) return noAnswer
        return Effect.andThen(this.#end(), this.#real.write(owner, entries))
      }
      return Effect.andThen(this.#end(), this.#writeFated(owner, entries))
    })

  #writeFated(owner: Ownership, entries: readonly StateEntry[]) {
    return Effect.suspend((): ReturnType<ActorStateShape["write"]> => {
      if (this.#meets("lost")) return noAnswer
      if (this.#meets("landed")) return Effect.andThen(this.#real.write(owner, entries), noAnswer)
      const landsAtLast = this.#meets("late")
      if (!landsAtLast && !this.#meets("dropped")) return this.#real.write(owner, entries)
      this.#late = { owner, entries, landsAtLast, readsLeft: this.readsUntilLate }
      return noAnswer
    })
  }

  /** Before a read: what is late may land. */
  #pass(): Effect.Effect<void, StateBroken> {
    return Effect.suspend(() => {
      if (this.#meets("unread")) return noAnswer
      const late = this.#late
      if (late === undefined || late.readsLeft-- > 0) return Effect.void
      this.#late = undefined
      return this.#land(late)
    })
  }

  /** Before a write: what is late lands now or never. */
  #end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const late = this.#late
      this.#late = undefined
      return late?.landsAtLast === true ? this.#land(late) : Effect.void
    })
  }

  #land = ({ owner, entries }: Late): Effect.Effect<void> =>
    Effect.ignore(this.#real.write(owner, entries))

  #meets(fate: Fate): boolean {
    if (this.fate !== fate) return false
    this.fate = "well"
    return true
  }
}

const noAnswer = Effect.fail(
  new Unavailable({ message: "The state has not answered.", retryAfterMillis: 1 }),
)
