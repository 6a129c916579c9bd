/** The parts of a streamed answer that are here and not yet taken, and who waits for the next. */
import * as Effect from "effect/Effect"
import { type IntelGraphError, invariant } from "../../protocols/errors.ts"
import type { PeerPart } from "./peers.ts"

type Waiter = (part: Effect.Effect<PeerPart, IntelGraphError>) => void

/** Bounded by what the sender may be ahead. What failed is told when the parts before are taken. */
export class PartQueue {
  readonly #parts: PeerPart[] = []
  readonly #took: () => void
  #error: IntelGraphError | undefined
  #waiter: Waiter | undefined

  /** `took`: a chunk has reached its consumer. */
  constructor(took: () => void) {
    this.#took = took
  }

  put(part: PeerPart): void {
    this.#parts.push(part)
    this.#give()
  }

  fail(error: IntelGraphError): void {
    this.#error = error
    this.#give()
  }

  readonly next: Effect.Effect<PeerPart, IntelGraphError> = Effect.callback((resume) => {
    invariant(this.#waiter === undefined, "The parts of a stream are asked for one at a time.")
    this.#waiter = resume
    this.#give()
    return Effect.sync(() => {
      this.#waiter = undefined
    })
  })

  #give(): void {
    const waiter = this.#waiter
    if (waiter === undefined) return
    const part = this.#parts.shift()
    if (part === undefined && this.#error === undefined) return
    this.#waiter = undefined
    if (part?.kind === "chunk") this.#took()
    if (part !== undefined) waiter(Effect.succeed(part))
    else if (this.#error !== undefined) waiter(Effect.fail(this.#error))
  }
}
