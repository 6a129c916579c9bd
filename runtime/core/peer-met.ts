/**
 * Processes that were met, and what their clocks show. A clock is compared when its process
 * answers: it showed `clock` before the answer was here, so it is at least so far ahead of ours.
 * Whatever the answer's way took makes it look further behind, never further ahead: a deadline that
 * is told by it is never later than meant.
 */
import { peerClockDrift, peersKnownMax } from "../../protocols/limits.ts"

/** A process as it is known here. */
export class Met {
  readonly incarnation: string
  #aheadMillis: number
  #comparedAtMillis: number

  constructor(incarnation: string, clockMillis: number, nowMillis: number) {
    this.incarnation = incarnation
    this.#aheadMillis = clockMillis - nowMillis
    this.#comparedAtMillis = nowMillis
  }

  /** Keeps the better of two comparisons; an old one loses by what clocks run apart. */
  compare(clockMillis: number, nowMillis: number): void {
    const aheadMillis = clockMillis - nowMillis
    if (aheadMillis < this.#aheadAt(nowMillis)) return
    this.#aheadMillis = aheadMillis
    this.#comparedAtMillis = nowMillis
  }

  /** This time of ours, by its clock, or earlier. */
  byItsClock(timeMillis: number, nowMillis: number): number {
    return timeMillis + this.#aheadAt(nowMillis)
  }

  #aheadAt(nowMillis: number): number {
    return this.#aheadMillis - peerClockDrift * (nowMillis - this.#comparedAtMillis)
  }
}

/** The process behind each node's name, as it was last met; the longest known go first. */
export class Acquaintances {
  readonly #met = new Map<string, Met>()

  of(node: string): Met | undefined {
    return this.#met.get(node)
  }

  meet(node: string, incarnation: string, clockMillis: number, nowMillis: number): Met {
    const known = this.#met.get(node)
    if (known?.incarnation === incarnation) {
      known.compare(clockMillis, nowMillis)
      return known
    }
    const met = new Met(incarnation, clockMillis, nowMillis)
    this.#met.delete(node)
    for (const oldest of this.#met.keys()) {
      if (this.#met.size < peersKnownMax) break
      this.#met.delete(oldest)
    }
    this.#met.set(node, met)
    return met
  }

  /** The process is gone, or does not answer. */
  forget(node: string, met: Met): void {
    if (this.#met.get(node) === met) this.#met.delete(node)
  }
}
