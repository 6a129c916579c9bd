/**
 * The actor system of one node:
 *
 *     const system = makeSystem({ host: makeNodeHost(), supervisor })
 *     const ref = system.spawn(type, { tenant: "demo", key: "a" }, argument)
 *     ref.tell(message); yield* ref.ask(message); yield* system.stop
 *
 * Promises: what `actor.ts` says of every actor; the equations hold for each and for all together;
 * a crash of one actor, its turns or its start never reaches another actor or the host. Does not
 * promise: that volatile messages survive the process. That is the log's office.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { type Address, checkToken } from "../../protocols/address.ts"
import { brokenMailboxEquation, type MailboxCounters } from "../../protocols/counters.ts"
import type { ActorRef, ActorType, ActorView, Supervision } from "./actor.ts"
import { Asks } from "./ask.ts"
import { Cell } from "./cell.ts"
import { type ActorDeadLetter, DeadLetters } from "./dead-letters.ts"
import { Dispatcher } from "./dispatcher.ts"
import type { Host } from "./host.ts"
import {
  type AnyType,
  addMailboxCounters,
  type Core,
  Kin,
  neverMind,
  noMailboxCounters,
  Registry,
  Turn,
} from "./kin.ts"
import { release, spawnUnder, stop } from "./lifecycle.ts"
import type { ActorEvent, TurnObserver } from "./observer.ts"
import { MemoryPassiveStore, type PassiveStore } from "./passive.ts"
import { RingPool } from "./ring.ts"
import type { Supervisor } from "./supervisor.ts"
import { viewOf } from "./view.ts"
import { type VirtualActors, type VirtualOptions, Virtuals } from "./virtual.ts"

export interface SystemOptions {
  readonly host: Host
  readonly supervisor: Supervisor
  /** How the root treats what is spawned under it. Default: one-for-one, as `limits.ts` says. */
  readonly supervision?: Supervision
  readonly observer?: TurnObserver
  /** Crashes, restarts, quarantines: for the log. Must not throw. */
  readonly events?: (event: ActorEvent) => void
  /** References (scheduler, clock, tracer) that effects of actors run with. */
  readonly context?: Context.Context<never>
  /** Where virtual actors leave their state; in memory where it is left out. */
  readonly passive?: PassiveStore
}

export interface ActorSystem {
  /** Starts an actor under the root; throws `Invalid` where the address is taken or malformed. */
  readonly spawn: <M, A>(
    type: ActorType<M, A>,
    place: { readonly tenant: string; readonly key: string },
    argument: A,
  ) => ActorRef<M>
  /** Actors that are there as soon as they are addressed. Once per type. */
  readonly virtual: <M, A>(type: ActorType<M, A>, options: VirtualOptions<A>) => VirtualActors<M>
  /** Stops everything, last spawned first; done when all has stopped. */
  readonly stop: Effect.Effect<void>
  /** Stops one actor under the root, or any other by its address; false where there is none. */
  readonly stopAt: (address: Address) => boolean
  /** Lets a quarantined actor go on; false where there is none at the address. */
  readonly release: (address: Address) => boolean
  /** The tree below the root, of one tenant where it is given. */
  readonly view: (tenant?: string) => ActorView
  readonly find: (address: Address) => ActorRef<unknown> | undefined
  /** All mailboxes together, those of actors that are gone included. */
  readonly counters: () => MailboxCounters
  /** An equation that does not hold now, with the actor's address; empty where all hold. */
  readonly brokenEquations: () => readonly string[]
  readonly deadLetters: () => readonly ActorDeadLetter[]
  readonly deadLetterCounts: () => ReadonlyMap<string, number>
}

export function makeSystem(options: SystemOptions): ActorSystem {
  const core = makeCore(options)
  const root = makeRoot(core, options.supervision ?? {})
  const virtuals = new Virtuals(core, options.passive ?? new MemoryPassiveStore())
  const at = (address: Address) => core.registry.find(address.tenant, address.kind, address.key)
  return {
    spawn: (type, place, argument) =>
      spawnUnder(root, erase(type), place.tenant, place.key, argument),
    virtual: (type, settings) => virtuals.add(erase(type), settings),
    stop: Effect.callback<void>((resume) => {
      virtuals.close()
      stop(root, () => resume(Effect.void))
    }),
    stopAt: (address) => {
      const cell = at(address)
      if (cell !== undefined) stop(cell)
      return cell !== undefined
    },
    release: (address) => {
      const cell = at(address)
      return cell !== undefined && release(cell)
    },
    view: (tenant) => viewOf(root, virtuals, tenant),
    find: (address) => at(address),
    counters: () => totals(core),
    brokenEquations: () => brokenIn(core),
    deadLetters: () => core.deadLetters.kept(),
    deadLetterCounts: () => core.deadLetters.byReason(),
  }
}

function makeCore(options: SystemOptions): Core {
  const { host, observer } = options
  return {
    host,
    dispatcher: new Dispatcher(host, options.context),
    asks: new Asks(host),
    rings: new RingPool(),
    supervisor: options.supervisor,
    deadLetters: new DeadLetters(),
    observer,
    events: options.events ?? (() => {}),
    registry: new Registry(),
    kins: new WeakMap(),
    retired: noMailboxCounters,
    turn: new Turn(),
    untilSample: observer?.everyTurns ?? neverMind,
  }
}

function makeRoot(core: Core, supervision: Supervision): Cell {
  const type: AnyType = { kind: "root", supervision, start: () => ({ receive: () => {} }) }
  const root = new Cell(new Kin(core, checkToken("tenant", "system"), type), "root")
  root.behavior = { receive: () => {} }
  root.state = "running"
  return root
}

/** The cell hands out only what came in with the type, so the parameters need not be known here. */
const erase = <M, A>(type: ActorType<M, A>) => type as unknown as AnyType

function totals(core: Core): MailboxCounters {
  let sum = core.retired
  for (const cell of core.registry.all()) sum = addMailboxCounters(sum, cell.counters())
  return sum
}

function brokenIn(core: Core): readonly string[] {
  const broken: string[] = []
  for (const cell of core.registry.all()) {
    const equation = brokenMailboxEquation(cell.counters())
    if (equation !== undefined) broken.push(`${cell.label()}: ${equation}`)
  }
  const all = brokenMailboxEquation(totals(core))
  if (all !== undefined) broken.push(`all actors: ${all}`)
  return broken
}
