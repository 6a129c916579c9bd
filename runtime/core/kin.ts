/**
 * What actors of one type and tenant share, so that each of a million holds little more than its
 * key: the type with its bounds, the argument of virtual ones, the register of addresses, and the
 * parts of the system.
 */
import type * as Fiber from "effect/Fiber"
import type { MailboxCounters } from "../../protocols/counters.ts"
import type { ActorRef, ActorType, StopReason } from "./actor.ts"
import type { Ask, Asks } from "./ask.ts"
import { type Bounds, boundsOf } from "./bounds.ts"
import type { Cell } from "./cell.ts"
import type { DeadLetters } from "./dead-letters.ts"
import type { Dispatcher } from "./dispatcher.ts"
import type { Host } from "./host.ts"
import type { MailboxHome } from "./mailbox.ts"
import type { ActorEvent, TurnObserver } from "./observer.ts"
import type { RingPool, Taken } from "./ring.ts"
import type { Supervisor } from "./supervisor.ts"

/**
 * One turn: what was taken, and what of it is not disposed of yet. One is reused until it suspends.
 */
export class Turn implements Taken {
  /** Whose turn it is. */
  cell: object | undefined = undefined
  message: unknown = undefined
  ask: Ask | undefined = undefined
  bytes = 0
  tick = 0
  /** Messages of this turn that are neither stashed nor dead letters. */
  left = 0
  batch: unknown[] | undefined = undefined
  /** Set where the observer looks at this turn; otherwise -1. */
  startMillis = -1
  startMicros = 0
  fiber: Fiber.Fiber<void, unknown> | undefined = undefined
}

/** The system as cells see it. */
export interface Core {
  readonly host: Host
  readonly dispatcher: Dispatcher
  readonly asks: Asks
  readonly rings: RingPool
  readonly supervisor: Supervisor
  readonly deadLetters: DeadLetters
  readonly observer: TurnObserver | undefined
  readonly events: (event: ActorEvent) => void
  readonly registry: Registry
  readonly kins: WeakMap<AnyType, Map<string, Kin>>
  /** What actors that have gone counted. */
  retired: MailboxCounters
  turn: Turn
  /** Turns until the observer looks again. */
  untilSample: number
}

/** The type-erased actor type: what was put in with a type comes out with the same one. */
export type AnyType = ActorType<unknown, unknown>

export class Kin implements MailboxHome {
  readonly core: Core
  readonly tenant: string
  readonly kind: string
  readonly type: AnyType
  readonly bounds: Bounds
  readonly failuresMax: number
  readonly turnWeight: number
  /** Every actor of this tenant and kind, whatever its type. */
  readonly cells: Map<string, Cell>
  /** Argument of virtual actors; spawned ones carry their own. */
  readonly argument: unknown
  /** Makes virtual actors of these; `undefined` for spawned ones. */
  readonly passive: PassiveHome | undefined
  readonly rings: RingPool
  readonly asks: Asks
  readonly host: Host
  /** What virtual actors that are gone or passive have counted. */
  retired: MailboxCounters = noMailboxCounters

  constructor(core: Core, tenant: string, type: AnyType, virtual?: VirtualPart) {
    this.core = core
    this.tenant = tenant
    this.kind = type.kind
    this.type = type
    this.bounds = boundsOf(type.mailbox, type.sizeOf)
    this.failuresMax = type.failuresMax ?? 1
    this.turnWeight = type.turnWeight ?? 1
    this.cells = core.registry.cellsOf(tenant, type.kind)
    this.argument = virtual?.argument
    this.passive = virtual?.passive
    this.rings = core.rings
    this.asks = core.asks
    this.host = core.host
  }

  /** Keeps the counts of an actor that leaves. */
  retire(cell: Cell): void {
    const counters = cell.counters()
    if (this.passive !== undefined) {
      this.retired = addMailboxCounters(this.retired, counters)
      this.passive.left()
    }
    this.core.retired = addMailboxCounters(this.core.retired, counters)
  }
}

interface VirtualPart {
  readonly argument: unknown
  readonly passive: PassiveHome
}

/** Turns to count down before looking again where nobody observes; a small integer. */
export const neverMind = 2 ** 30

/** Where virtual actors of a kin leave their state, and how they are addressed. */
export interface PassiveHome {
  readonly ref: (kin: Kin, key: string) => ActorRef<unknown>
  readonly read: (kin: Kin, key: string) => Uint8Array | undefined
  readonly forget: (kin: Kin, key: string) => void
  /** One of them is in memory no more. */
  readonly left: () => void
}

export type Watchers = Map<Cell, (reason: StopReason) => unknown>

/** Addresses: tenant, then kind, then key. */
export class Registry {
  private readonly tenants = new Map<string, Map<string, Map<string, Cell>>>()

  cellsOf(tenant: string, kind: string): Map<string, Cell> {
    let kinds = this.tenants.get(tenant)
    if (kinds === undefined) {
      kinds = new Map()
      this.tenants.set(tenant, kinds)
    }
    let cells = kinds.get(kind)
    if (cells === undefined) {
      cells = new Map()
      kinds.set(kind, cells)
    }
    return cells
  }

  find(tenant: string, kind: string, key: string): Cell | undefined {
    return this.tenants.get(tenant)?.get(kind)?.get(key)
  }

  *all(): Generator<Cell> {
    for (const kinds of this.tenants.values()) {
      for (const cells of kinds.values()) yield* cells.values()
    }
  }
}

export const noMailboxCounters: MailboxCounters = {
  offered: 0,
  admitted: 0,
  refused: 0,
  handled: 0,
  deadLettered: 0,
  expired: 0,
  shed: 0,
  queued: 0,
  stashed: 0,
  parked: 0,
  inTurn: 0,
}

export function addMailboxCounters(a: MailboxCounters, b: MailboxCounters): MailboxCounters {
  return {
    offered: a.offered + b.offered,
    admitted: a.admitted + b.admitted,
    refused: a.refused + b.refused,
    handled: a.handled + b.handled,
    deadLettered: a.deadLettered + b.deadLettered,
    expired: a.expired + b.expired,
    shed: a.shed + b.shed,
    queued: a.queued + b.queued,
    stashed: a.stashed + b.stashed,
    parked: a.parked + b.parked,
    inTurn: a.inTurn + b.inTurn,
  }
}
