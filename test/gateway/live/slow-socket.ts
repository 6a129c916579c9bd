/** What a socket takes only when it is told to. */
export class SlowSocket {
  writableLength = 0
  mostHeld = 0
  #isTaking = true
  readonly #untold: (() => void)[] = []

  write(bytes: Uint8Array, taken: () => void): boolean {
    if (this.#isTaking) setImmediate(taken)
    else {
      this.writableLength += bytes.length
      this.#untold.push(taken)
    }
    return true
  }

  stop(): void {
    this.#isTaking = false
  }

  take(): void {
    this.#isTaking = true
    this.writableLength = 0
    for (const taken of this.#untold.splice(0)) taken()
  }
}
