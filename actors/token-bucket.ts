/**
 * A token bucket on the host's clock: at most `ratePerSecond` on average, a tenth of it at once.
 */
export class TokenBucket {
  readonly #perMilli: number
  readonly #burst: number
  #tokens: number
  #atMillis: number

  constructor(ratePerSecond: number, nowMillis: number) {
    this.#perMilli = ratePerSecond / 1000
    this.#burst = Math.max(1, ratePerSecond / 10)
    this.#tokens = 1
    this.#atMillis = nowMillis
  }

  /** Milliseconds until a token is there; 0 where there is one now. */
  waitMillis(nowMillis: number): number {
    const earned = (nowMillis - this.#atMillis) * this.#perMilli
    this.#tokens = Math.min(this.#burst, this.#tokens + earned)
    this.#atMillis = nowMillis
    return this.#tokens >= 1 ? 0 : Math.max(1, Math.ceil((1 - this.#tokens) / this.#perMilli))
  }

  take(): void {
    this.#tokens -= 1
  }
}
