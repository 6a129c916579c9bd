/**
 * Hears of commits that other processes made: the server tells nobody, so the tenants that are
 * watched are looked at again and again, one statement for all of them. What this process's own
 * writer did is told by its thread, and not here.
 */
import { neo4jWatchMillis } from "../../../protocols/limits.ts"

/** Where a tenant's feed stands, and who moved it last. */
export type Stand = readonly [tenant: string, changes: number, sender: string]

export interface Watched {
  readonly stands: (tenants: readonly string[]) => Promise<readonly Stand[]>
  readonly tell: (tenants: readonly string[]) => void
  /** Of this process's writer. */
  readonly sender: string
}

export class Watching {
  readonly #watched: Watched
  /** How many watch each tenant. */
  readonly #counts = new Map<string, number>()
  readonly #changes = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(watched: Watched) {
    this.#watched = watched
  }

  /** Returns how to stop. */
  watch(tenant: string): () => void {
    this.#counts.set(tenant, (this.#counts.get(tenant) ?? 0) + 1)
    this.#later()
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      const left = (this.#counts.get(tenant) ?? 1) - 1
      if (left > 0) this.#counts.set(tenant, left)
      else {
        this.#counts.delete(tenant)
        this.#changes.delete(tenant)
      }
      if (this.#counts.size === 0) this.#rest()
    }
  }

  close(): void {
    this.#isClosed = true
    this.#rest()
  }

  #rest(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #later(): void {
    if (this.#isClosed || this.#timer !== undefined || this.#counts.size === 0) return
    const own = setTimeout(() => void this.#look(own), neo4jWatchMillis).unref()
    this.#timer = own
  }

  async #look(own: NodeJS.Timeout): Promise<void> {
    try {
      this.#compare(await this.#watched.stands([...this.#counts.keys()]))
    } catch {
      // The server is not there; what happened meanwhile is seen when it is back.
    }
    // Whoever watches after a rest looks at times of its own.
    if (this.#timer !== own) return
    this.#timer = undefined
    this.#later()
  }

  #compare(stands: readonly Stand[]): void {
    const moved: string[] = []
    for (const [tenant, changes, sender] of stands) {
      const known = this.#changes.get(tenant)
      if (known === changes) continue
      this.#changes.set(tenant, changes)
      // At the first look it is unknown what happened since the watching began.
      if (sender !== this.#watched.sender) moved.push(tenant)
    }
    this.#watched.tell(moved)
  }
}
