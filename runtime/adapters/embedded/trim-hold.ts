/**
 * Removals that wait while a backup copies the sinks and then the log (contracts §8). Bounded,
 * because the log's bytes count until they are removed.
 */
import * as Effect from "effect/Effect"
import type { LogBroken } from "../../core/log.ts"
import type { LogWriter } from "./log-writer.ts"
import { isBroken } from "./submitted.ts"
import type { Operation } from "./wire.ts"

interface Held {
  readonly operations: readonly Operation[]
  readonly trimmed: () => void
}

export class TrimHold {
  readonly #writer: LogWriter
  #holders = 0
  #held: Held[] = []

  constructor(writer: LogWriter) {
    this.#writer = writer
  }

  get isHeld(): boolean {
    return this.#holders > 0
  }

  /** Removes now, or when the last hold ends; `trimmed` is called when it is decided. */
  trim(operations: readonly Operation[], trimmed: () => void): Effect.Effect<void, LogBroken> {
    if (operations.length === 0) return Effect.void
    if (this.#holders > 0) {
      this.#held.push({ operations, trimmed })
      return Effect.void
    }
    trimmed()
    return Effect.callback<void, LogBroken>((resume) => {
      let left = operations.length
      for (const operation of operations) {
        this.#writer.submit(operation, (outcome) => {
          left--
          if (isBroken(outcome)) resume(Effect.fail(outcome))
          else if (left === 0) resume(Effect.void)
        })
      }
    })
  }

  during<A, E, R>(use: Effect.Effect<A, E, R>): Effect.Effect<A, E | LogBroken, R> {
    const begin = Effect.suspend(() => {
      if (this.#writer.failure !== undefined) return Effect.fail(this.#writer.failure)
      this.#holders++
      return Effect.void
    })
    return Effect.acquireUseRelease(
      begin,
      () => use,
      () => Effect.sync(() => this.#release()),
    )
  }

  #release(): void {
    this.#holders--
    if (this.#holders > 0) return
    const held = this.#held
    this.#held = []
    for (const { operations, trimmed } of held) {
      trimmed()
      for (const operation of operations) this.#writer.submit(operation, () => {})
    }
  }
}
