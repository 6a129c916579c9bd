/**
 * Writes that are not over and whose bytes are on this node, by tenant, key and source; and which
 * of a source goes first. In memory alone: what is here at a start is found in the spool.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { retryMillisMax } from "../../protocols/limits.ts"
import { notBegun, type Standing, type StoredReceipt, type StoredWrite } from "../receipt.ts"

export interface WaitingWrite {
  readonly tenant: string
  readonly key: string
  readonly stored: StoredReceipt
  readonly recipe: NonNullable<StoredWrite["recipe"]>
}

export interface LiveWrite extends WaitingWrite {
  /** Over, gone to another node, or not to go on before the node starts anew. */
  readonly rests: Deferred.Deferred<void>
  standing: Standing
  /** Another node is asked to take it. */
  isOnItsWay: boolean
  /** It stands in the queue of its source here, or waits for the file that is before it there. */
  isBeingRead: boolean
  /** Until it is given away again, where that was refused or failed. */
  giveMillis: number
}

interface TenantWrites {
  readonly turn: Semaphore.Semaphore
  readonly byKey: Map<string, LiveWrite>
  /** Those of each source, in the order of their numbers. */
  readonly bySource: Map<string, readonly LiveWrite[]>
}

export class LiveWrites {
  readonly #tenants = new Map<string, TenantWrites>()

  get(tenant: string, key: string): LiveWrite | undefined {
    return this.#of(tenant).byKey.get(key)
  }

  has(live: LiveWrite): boolean {
    return this.get(live.tenant, live.key) === live
  }

  count(tenant: string, source: string): number {
    return this.#ofSource(tenant, source).length
  }

  add(write: WaitingWrite): LiveWrite {
    const { tenant, key, stored } = write
    const live: LiveWrite = {
      ...write,
      rests: Deferred.makeUnsafe<void>(),
      standing: notBegun,
      isOnItsWay: false,
      isBeingRead: false,
      giveMillis: retryMillisMax,
    }
    const ofSource = [...this.#ofSource(tenant, stored.source), live]
    ofSource.sort((one, other) => one.stored.number - other.stored.number)
    this.#of(tenant).byKey.set(key, live)
    this.#of(tenant).bySource.set(stored.source, ofSource)
    return live
  }

  remove(live: LiveWrite): void {
    const { tenant, key, stored } = live
    const { byKey, bySource } = this.#of(tenant)
    const left = this.#ofSource(tenant, stored.source).filter((other) => other !== live)
    byKey.delete(key)
    if (left.length > 0) bySource.set(stored.source, left)
    else bySource.delete(stored.source)
  }

  /**
   * A write of its source that has to go first, the nearest: out of here one is under way at a
   * time, or one that is refused there would come behind the next; and what came back is read in
   * the order in which it left. One that rests goes nowhere before the node starts anew.
   */
  before({ tenant, stored }: LiveWrite, isElsewhere: boolean): LiveWrite | undefined {
    return this.#ofSource(tenant, stored.source).findLast(
      (other) =>
        other.stored.number < stored.number &&
        (isElsewhere || !other.isBeingRead) &&
        !Deferred.isDoneUnsafe(other.rests),
    )
  }

  /** Whoever waits for the tenant's turn may give up; whoever has it goes through with it. */
  inTurn<A, E>(tenant: string, work: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.#of(tenant).turn.withPermits(1)(Effect.uninterruptible(work))
  }

  #ofSource(tenant: string, source: string): readonly LiveWrite[] {
    return this.#of(tenant).bySource.get(source) ?? []
  }

  #of(tenant: string): TenantWrites {
    const known = this.#tenants.get(tenant)
    if (known !== undefined) return known
    const own = { turn: Semaphore.makeUnsafe(1), byKey: new Map(), bySource: new Map() }
    this.#tenants.set(tenant, own)
    return own
  }
}
