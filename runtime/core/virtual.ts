/**
 * Virtual actors: there as soon as they are addressed, out of memory when they have been idle.
 *
 * Promises: the first message to an address starts its actor with the state that it left; an actor
 * is passivated only when it is idle and owes nothing (no message, turn, timer, child, watch, pipe,
 * reply); where its state finds no room it stays in memory. Several references to one address are
 * one actor. Does not promise: that state outlives a crash of the actor, or the process; an actor
 * that needs it keeps durable state (`durable-state.ts`) and leaves `snapshot` out.
 */
import * as Effect from "effect/Effect"
import { type Address, checkToken } from "../../protocols/address.ts"
import type { MailboxCounters } from "../../protocols/counters.ts"
import { MailboxFull } from "../../protocols/errors.ts"
import type { Lane } from "../../protocols/lanes.ts"
import {
  passivateIdleMillisDefault,
  passivateStepMax,
  retryMillisMax,
  virtualActorsMax,
} from "../../protocols/limits.ts"
import type { ActorRef, Admission, AskError } from "./actor.ts"
import type { Ask } from "./ask.ts"
import { Cell } from "./cell.ts"
import { scheduledBit, touchedBit } from "./flags.ts"
import { type AnyType, type Core, Kin, noMailboxCounters, type PassiveHome } from "./kin.ts"
import { crash } from "./lifecycle.ts"
import type { PassiveStore } from "./passive.ts"

export interface VirtualOptions<A> {
  readonly argument: A
  /** An actor is passivated when it was idle for this long, and at most for twice as long. */
  readonly idleMillis?: number
  /** Actors in memory at once; a message that needs one more is refused. */
  readonly activeMax?: number
}

export interface VirtualActors<M> {
  readonly tell: (tenant: string, key: string, message: M, lane?: Lane) => Admission
  readonly ask: <A>(
    tenant: string,
    key: string,
    message: M,
    timeoutMillis?: number,
  ) => Effect.Effect<A, AskError>
  /** A reference that stays good while its actor comes and goes. It cannot be watched. */
  readonly ref: (tenant: string, key: string) => ActorRef<M>
  /** Passivates idle actors now, at most `countMax`; how many it did. */
  readonly passivate: (countMax: number) => number
  readonly activeCount: () => number
}

/** All virtual actors of a system, by type. */
export class Virtuals {
  readonly families: Family[] = []
  private readonly core: Core
  private readonly store: PassiveStore

  constructor(core: Core, store: PassiveStore) {
    this.core = core
    this.store = store
  }

  add<A>(type: AnyType, options: VirtualOptions<A>): VirtualActors<unknown> {
    const family = new Family(this.core, this.store, type, options)
    this.families.push(family)
    return family
  }

  /** Refuses every message to an actor that is not in memory, and sweeps no more. */
  close(): void {
    for (const family of this.families) family.close()
  }
}

export class Family implements VirtualActors<unknown>, PassiveHome {
  readonly kins = new Map<string, Kin>()
  private readonly core: Core
  private readonly store: PassiveStore
  private readonly type: AnyType
  private readonly argument: unknown
  private readonly idleMillis: number
  private activeMax: number
  private active = 0
  private sweeping = false

  constructor(core: Core, store: PassiveStore, type: AnyType, options: VirtualOptions<unknown>) {
    this.core = core
    this.store = store
    this.type = type
    this.argument = options.argument
    this.idleMillis = options.idleMillis ?? passivateIdleMillisDefault
    this.activeMax = options.activeMax ?? virtualActorsMax
    checkToken("kind", type.kind)
  }

  tell(tenant: string, key: string, message: unknown, lane?: Lane): Admission {
    const kin = this.kinOf(tenant)
    const cell = kin.cells.get(key) ?? this.activate(kin, key)
    return cell === undefined ? this.tooMany() : cell.tell(message, lane)
  }

  ask<A>(tenant: string, key: string, message: unknown, timeoutMillis?: number) {
    return Effect.suspend((): Effect.Effect<A, AskError> => {
      const cell = this.cellAt(tenant, key)
      return cell === undefined ? Effect.fail(this.tooMany()) : cell.ask<A>(message, timeoutMillis)
    })
  }

  ref(at: string | Kin, key: string): ActorRef<unknown> {
    return new VirtualRef(this, typeof at === "string" ? at : at.tenant, key)
  }

  passivate(countMax: number): number {
    let done = 0
    for (const kin of this.kins.values()) {
      for (const cell of kin.cells.values()) {
        if (done >= countMax) return done
        if (this.tryPassivate(cell)) done += 1
      }
    }
    return done
  }

  activeCount(): number {
    return this.active
  }

  close(): void {
    this.activeMax = 0
  }

  read(kin: Kin, key: string): Uint8Array | undefined {
    return this.store.get(kin.tenant, kin.kind, key)
  }

  forget(kin: Kin, key: string): void {
    this.store.delete(kin.tenant, kin.kind, key)
  }

  /** An actor has stopped for good or is passive. */
  left(): void {
    this.active -= 1
  }

  passiveCount(kin: Kin): number {
    return this.store.count(kin.tenant, kin.kind)
  }

  get kind(): string {
    return this.type.kind
  }

  inMemoryAt(tenant: string, key: string): Cell | undefined {
    return this.kins.get(tenant)?.cells.get(key)
  }

  cellAt(tenant: string, key: string): Cell | undefined {
    const kin = this.kinOf(tenant)
    return kin.cells.get(key) ?? this.activate(kin, key)
  }

  tooMany(): MailboxFull {
    return new MailboxFull({
      message: `At most ${this.activeMax} actors of kind ${this.type.kind} are in memory at once.`,
      mailbox: this.type.kind,
      limit: "concurrency",
      retryAfterMillis: retryMillisMax,
    })
  }

  refuseAsk(ask: Ask): void {
    this.core.asks.fail(ask, this.tooMany())
  }

  private kinOf(tenant: string): Kin {
    let kin = this.kins.get(tenant)
    if (kin === undefined) {
      const part = { argument: this.argument, passive: this }
      kin = new Kin(this.core, checkToken("tenant", tenant), this.type, part)
      this.kins.set(tenant, kin)
    }
    return kin
  }

  private activate(kin: Kin, key: string): Cell | undefined {
    if (this.active >= this.activeMax) return undefined
    const cell = new Cell(kin, key)
    kin.cells.set(key, cell)
    this.active += 1
    if (!this.sweeping) {
      this.sweeping = true
      this.core.host.after(this.idleMillis, () => this.sweep(this.inMemory()))
    }
    return cell
  }

  private *inMemory(): Generator<Cell> {
    for (const kin of this.kins.values()) yield* kin.cells.values()
  }

  /** One step of a sweep: who has done nothing since the last one goes. */
  private sweep(cells: Iterator<Cell>): void {
    for (let i = 0; i < passivateStepMax; i++) {
      const next = cells.next()
      if (next.done === true) {
        this.sweeping = this.active > 0 && this.activeMax > 0
        if (!this.sweeping) return
        this.core.host.after(this.idleMillis, () => this.sweep(this.inMemory()))
        return
      }
      const cell = next.value
      if ((cell.flags & touchedBit) === 0) this.tryPassivate(cell)
      else cell.flags &= ~touchedBit
    }
    this.core.host.yield(() => this.sweep(cells))
  }

  private tryPassivate(cell: Cell): boolean {
    if (cell.state !== "running" || cell.home.passive !== this || owes(cell)) return false
    const { tenant, kind, cells } = cell.home
    try {
      const state = cell.behavior?.snapshot?.()
      if (state !== undefined && !this.store.put(tenant, kind, cell.key, state)) return false
      cell.behavior?.stopped?.()
    } catch (error) {
      crash(cell, error)
      return false
    }
    cell.state = "gone"
    cell.behavior = undefined
    cell.close()
    cells.delete(cell.key)
    cell.home.retire(cell)
    return true
  }
}

/** Whether something of the actor is under way, or others count on its being there. */
function owes(cell: Cell): boolean {
  if ((cell.flags & scheduledBit) !== 0 || cell.inTurn > 0 || cell.queued() > 0) return true
  const { side, extra } = cell
  if (side?.owes() === true) return true
  return extra?.owes() === true
}

class VirtualRef implements ActorRef<unknown> {
  private readonly family: Family
  private readonly tenant: string
  private readonly key: string

  constructor(family: Family, tenant: string, key: string) {
    this.family = family
    this.tenant = tenant
    this.key = key
  }

  get address(): Address {
    return { tenant: this.tenant, kind: this.family.kind, key: this.key }
  }

  tell(message: unknown, lane?: Lane): Admission {
    return this.family.tell(this.tenant, this.key, message, lane)
  }

  ask<A>(message: unknown, timeoutMillis?: number): Effect.Effect<A, AskError> {
    return this.family.ask<A>(this.tenant, this.key, message, timeoutMillis)
  }

  admitAsk(message: unknown, ask: Ask, timeoutMillis?: number): void {
    const cell = this.family.cellAt(this.tenant, this.key)
    if (cell === undefined) this.family.refuseAsk(ask)
    else cell.admitAsk(message, ask, timeoutMillis)
  }

  offer(message: unknown, lane?: Lane) {
    return Effect.suspend(() => {
      const cell = this.family.cellAt(this.tenant, this.key)
      return cell === undefined ? Effect.fail(this.family.tooMany()) : cell.offer(message, lane)
    })
  }

  /** Of its present life; none where it is passive. */
  counters(): MailboxCounters {
    return this.family.inMemoryAt(this.tenant, this.key)?.counters() ?? noMailboxCounters
  }
}
