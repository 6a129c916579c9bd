/**
 * How an actor's turns run: one message after the other, or a batch, at once or with an effect
 * that ends later.
 *
 * Promises: turns of one actor never overlap (unless its type allows several); a message is
 * handled, stashed, put back or a dead letter, and counted as such at the same moment; what a
 * handler throws ends in `crashes`, never in the dispatcher.
 *
 * A turn that ends at once costs no allocation: the system's one `Turn` is reused until a turn
 * suspends.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type Address, formatAddress } from "../../protocols/address.ts"
import { invariant, NotFound, Quarantined, Unavailable } from "../../protocols/errors.ts"
import { turnBatchMax } from "../../protocols/limits.ts"
import type { Admission, Behavior } from "./actor.ts"
import type { Ask } from "./ask.ts"
import { Extra } from "./extra.ts"
import {
  closedBit,
  openBit,
  runningBit,
  scheduledBit,
  slowBit,
  stateMask,
  stateShift,
  stopBit,
  touchedBit,
} from "./flags.ts"
import type { Host } from "./host.ts"
import { type Core, type Kin, neverMind, Turn } from "./kin.ts"
import { Mailbox } from "./mailbox.ts"

/**
 * - `starting`: its next turn begins with `start`. `ending`: turns and children have yet to end.
 * - `waiting`: ended, to be started again after the backoff. `gone`: stopped for good.
 */
export type CellState = "starting" | "running" | "ending" | "waiting" | "quarantined" | "gone"
/** The hot paths compare with the first two by their place. */
const states: readonly CellState[] = [
  "starting",
  "running",
  "ending",
  "waiting",
  "quarantined",
  "gone",
]

const runningState = 1 << stateShift

export abstract class Turns extends Mailbox<Kin> {
  readonly key: string
  behavior: Behavior<unknown> | undefined = undefined
  extra: Extra | undefined = undefined

  constructor(kin: Kin, key: string) {
    super(kin)
    this.key = key
  }

  /** Before the first turn of an incarnation. */
  protected abstract begins(): void
  /** A turn failed. */
  protected abstract crashes(error: unknown): void
  /** The last turn has ended of an incarnation that is to end. */
  protected abstract ends(): void
  /** A turn asked for the actor to be stopped, and no other is open. */
  protected abstract stopsItself(): void

  /** Three of the flags' bits: a field would cost a million idle actors 8 MB. */
  get state(): CellState {
    return states[(this.flags >> stateShift) & 7] ?? "gone"
  }

  set state(state: CellState) {
    this.flags = (this.flags & ~stateMask) | (states.indexOf(state) << stateShift)
  }

  get address(): Address {
    return { tenant: this.home.tenant, kind: this.home.kind, key: this.key }
  }

  get host(): Host {
    return this.home.host
  }

  get core(): Core {
    return this.home.core
  }

  need(): Extra {
    this.extra ??= new Extra()
    return this.extra
  }

  run(budget: number): number {
    const { turnWeight } = this.home
    const limit = turnWeight === 1 ? budget : Math.ceil(budget / turnWeight)
    this.flags = (this.flags & ~scheduledBit) | touchedBit
    if ((this.flags & stateMask) === 0) this.begins()
    const { behavior } = this
    if ((this.flags & stateMask) !== runningState || behavior === undefined) return 0
    this.flags |= runningBit
    const done =
      behavior.receiveBatch === undefined || (this.extra?.singles ?? 0) > 0
        ? this.runSingles(behavior, limit)
        : this.runBatch(behavior.receiveBatch, limit)
    this.core.turn.cell = undefined
    this.flags &= ~runningBit
    this.afterTurn()
    return done * turnWeight
  }

  /** Turns that wait for their effects. */
  openTurns(): number {
    return this.extra === undefined ? 0 : this.extra.turns.size
  }

  isBusy(): boolean {
    return (this.flags & (runningBit | openBit)) !== 0
  }

  /** A turn that was open has ended or was cut off; false where it had before. */
  closeOpen(turn: Turn): boolean {
    const turns = this.extra?.turns
    if (turns?.delete(turn) !== true) return false
    if (turns.size === 0) this.flags &= ~openBit
    return true
  }

  /** Whether a running actor with open turns may begin one more. */
  private hasRoom(doing: number): boolean {
    const { concurrencyMax } = this.home.bounds
    return doing === (runningState | openBit) && this.openTurns() < concurrencyMax
  }

  private runSingles(behavior: Behavior<unknown>, limit: number): number {
    const { core } = this
    let done = 0
    while (done < limit) {
      const doing = this.flags & (stopBit | openBit | stateMask)
      if (doing !== runningState && !this.hasRoom(doing)) break
      const turn = core.turn
      if (!this.take(turn)) break
      turn.cell = this
      turn.left = 1
      done += 1
      core.untilSample -= 1
      if (core.untilSample <= 0) this.sample(turn)
      try {
        const result = behavior.receive(turn.message)
        if (result !== undefined && this.follow(turn, result)) continue
      } catch (error) {
        this.failTurn(turn, error)
        break
      }
      this.inTurn -= turn.left
      this.handled += turn.left
      if (turn.startMillis >= 0) this.report(turn, "handled")
    }
    if (this.extra !== undefined && this.extra.singles > 0) {
      this.extra.singles = Math.max(0, this.extra.singles - done)
    }
    core.turn.message = undefined
    core.turn.ask = undefined
    return done
  }

  private runBatch(
    receiveBatch: (messages: readonly unknown[]) => undefined | void | Effect.Effect<void, unknown>,
    limit: number,
  ): number {
    if (this.openTurns() >= this.home.bounds.concurrencyMax) return 0
    const turn = this.core.turn
    const batch: unknown[] = []
    const size = Math.min(limit, turnBatchMax)
    while (batch.length < size && !(batch.length > 0 && this.nextIsAsk()) && this.take(turn)) {
      batch.push(turn.message)
      if (turn.ask !== undefined) break
    }
    if (batch.length === 0) return 0
    turn.cell = this
    turn.left = batch.length
    turn.batch = batch
    turn.message = undefined
    this.core.untilSample -= 1
    if (this.core.untilSample <= 0) this.sample(turn)
    try {
      const result = receiveBatch(batch)
      if (result !== undefined && this.follow(turn, result)) return batch.length
      this.closeTurn(turn)
    } catch (error) {
      this.failTurn(turn, error)
    }
    turn.batch = undefined
    turn.ask = undefined
    return batch.length
  }

  /** Runs the effect of a turn; true where the turn stays open for it. */
  private follow(turn: Turn, effect: Effect.Effect<void, unknown>): boolean {
    if (!Effect.isEffect(effect)) return false
    const fiber = this.core.dispatcher.fork(effect)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) {
      if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
      return false
    }
    this.core.turn = new Turn()
    turn.fiber = fiber
    this.need().turns.add(turn)
    this.flags |= openBit
    fiber.addObserver((ended) => this.endTurn(turn, ended))
    return true
  }

  private endTurn(turn: Turn, exit: Exit.Exit<void, unknown>): void {
    if (!this.closeOpen(turn)) return
    if (Exit.isSuccess(exit)) this.closeTurn(turn)
    else this.failTurn(turn, Cause.squash(exit.cause))
    if ((this.flags & runningBit) === 0) this.afterTurn()
  }

  private closeTurn(turn: Turn): void {
    this.inTurn -= turn.left
    this.handled += turn.left
    turn.left = 0
    if (turn.startMillis >= 0) this.report(turn, "handled")
  }

  private afterTurn(): void {
    const doing = this.flags & (stateMask | stopBit | scheduledBit)
    if (doing === runningState) {
      if (this.queued() > 0) this.wake()
    } else if (this.state === "ending") this.ends()
    else if ((doing & stopBit) !== 0 && !this.isBusy()) this.stopsItself()
  }

  /** A failed turn: its messages come again or are dead letters, and the incarnation ends. */
  private failTurn(turn: Turn, error: unknown): void {
    const { batch, ask } = turn
    turn.ask = undefined
    turn.batch = undefined
    if (turn.startMillis >= 0) this.report(turn, "failed")
    if (turn.left > 0 && batch !== undefined && batch.length > 1 && turn.left === batch.length) {
      for (let i = batch.length - 1; i >= 0; i--) this.putBack(batch[i], undefined)
      this.need().singles = batch.length
    } else if (turn.left > 0) {
      for (const message of batch ?? [turn.message]) this.failMessage(message, ask, error)
    } else if (ask !== undefined) this.core.asks.fail(ask, this.lost(textOf(error)))
    turn.left = 0
    this.crashes(error)
  }

  private failMessage(message: unknown, ask: Ask | undefined, error: unknown): void {
    const extra = this.need()
    extra.failures = extra.failing === message ? extra.failures + 1 : 1
    extra.failing = message
    if (extra.failures < this.home.failuresMax) {
      this.putBack(message, ask)
      if (extra.singles > 0) extra.singles += 1
      return
    }
    extra.failures = 0
    extra.failing = undefined
    this.countDead()
    this.bury(message, ask, "failed", textOf(error))
  }

  /** Keeps a dead letter that is counted already, and tells its asker. */
  bury(message: unknown, ask: Ask | undefined, reason: string, error: string | undefined): void {
    const { core } = this
    core.deadLetters.add({
      address: this.address,
      message,
      reason,
      error,
      atMicros: core.host.wallMicros(),
      bytes: this.bytesOf(message),
    })
    if (ask !== undefined) core.asks.fail(ask, this.lost(error ?? reason))
  }

  lost(why: string): Unavailable {
    return new Unavailable({
      message: `${this.label()} gave no answer: ${why}.`,
      retryAfterMillis: 1,
    })
  }

  protected currentTurn(): Turn {
    const { turn } = this.core
    if (turn.cell === this) return turn
    const open = this.extra?.turns
    const [only] = open ?? []
    invariant(
      only !== undefined && open?.size === 1,
      "This belongs into a turn; with several turns at once, before the first effect of it.",
    )
    return only
  }

  private sample(turn: Turn): void {
    const { core } = this
    core.untilSample = core.observer?.everyTurns ?? neverMind
    if (core.observer === undefined) return
    turn.startMillis = core.host.nowMillis()
    turn.startMicros = core.host.wallMicros()
  }

  private report(turn: Turn, outcome: "handled" | "failed"): void {
    const { startMillis, startMicros, batch } = turn
    turn.startMillis = -1
    this.core.observer?.turn({
      address: this.address,
      messages: batch?.length ?? 1,
      startMicros,
      durationMillis: this.host.nowMillis() - startMillis,
      outcome,
    })
  }

  protected wake(): void {
    if ((this.flags & stateMask) > runningState) return
    if ((this.flags & openBit) !== 0 && this.openTurns() >= this.home.bounds.concurrencyMax) return
    this.flags |= scheduledBit
    this.core.dispatcher.schedule(this)
  }

  /** Runs soon, with or without a message. */
  schedule(): void {
    if ((this.flags & scheduledBit) === 0) this.wake()
  }

  close(): void {
    this.flags |= closedBit | slowBit
  }

  reopen(): void {
    this.flags &= ~(closedBit | stopBit)
  }

  refusal(): NonNullable<Admission> {
    if (this.state === "quarantined" || this.extra?.goal === "quarantine") {
      return new Quarantined({
        message: `${this.label()} crashed too often and is quarantined.`,
        mailbox: this.label(),
      })
    }
    return new NotFound({ message: `${this.label()} has stopped.`, what: "actor" })
  }

  label(): string {
    return formatAddress(this.address)
  }
}

/** What a person reads of an error. */
export function textOf(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : error.message
  return typeof error === "string" ? error : String(error)
}
