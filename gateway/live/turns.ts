/**
 * Turns of sending. What reads and sends for long does it in turns of `liveTurnMillisMax`, one in
 * each round of the event loop, so that a thousand subscribers who resume at once do not keep
 * requests, commits or each other waiting.
 */
export class Turns {
  readonly #waiting: (() => void)[] = []
  #scheduled = false

  /** Resolves when it is the caller's turn, in the order of asking. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#waiting.shift()?.()
      this.#schedule()
    })
  }
}
