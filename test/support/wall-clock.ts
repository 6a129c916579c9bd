/** A wall clock that stands still until the test moves it; all else of the host is the node's. */
import { durableTimerLookMillisMax } from "../../protocols/limits.ts"
import { type Host, makeNodeHost } from "../../runtime/index.ts"

export class WallClock {
  #millis = Date.UTC(2026, 10, 21, 12)
  readonly #looks = new Set<() => void>()

  get millis(): number {
    return this.#millis
  }

  /** Whoever waits for a durable timer looks at once. */
  advance(millis: number): void {
    this.#millis += millis
    for (const look of [...this.#looks]) look()
  }

  makeHost(): Host {
    const host = makeNodeHost()
    return {
      ...host,
      wallMicros: () => this.#millis * 1_000,
      after: (millis, task) => {
        // A timer that is further away than one look: no other wait of a node is so long.
        if (millis !== durableTimerLookMillisMax) return host.after(millis, task)
        const look = () => {
          this.#looks.delete(look)
          task()
        }
        this.#looks.add(look)
        return () => void this.#looks.delete(look)
      },
    }
  }
}
