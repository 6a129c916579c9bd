/**
 * The cell: one actor at one address, through all its incarnations. It is the mailbox, the
 * reference that others hold and the context that its behavior is given, in one object, because a
 * million idle actors must fit into memory. How its turns run is in `turns.ts`; how it starts,
 * ends and restarts in `lifecycle.ts`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { formatAddress } from "../../protocols/address.ts"
import { invariant } from "../../protocols/errors.ts"
import type { Lane } from "../../protocols/lanes.ts"
import { actorPipesMax, actorTimersMax, watchMax } from "../../protocols/limits.ts"
import type { ActorContext, ActorRef, ActorType, Admission, AskError, StopReason } from "./actor.ts"
import { Ask } from "./ask.ts"
import { stopBit } from "./flags.ts"
import type { AnyType } from "./kin.ts"
import { begin, crash, finishEnd, spawnUnder, stop, stopSelf } from "./lifecycle.ts"
import type { Waiter } from "./side.ts"
import { Turns } from "./turns.ts"

export class Cell extends Turns implements ActorRef<unknown>, ActorContext<unknown> {
  /** Of a virtual actor by its address: the cell ends when the actor is passivated. */
  get self(): ActorRef<unknown> {
    return this.home.passive === undefined ? this : this.home.passive.ref(this.home, this.key)
  }

  // What others do with an actor.

  tell(message: unknown, lane: Lane = "normal"): Admission {
    return this.admit(message, undefined, lane)
  }

  /**
   * An asker that is interrupted leaves its ask open until it is answered or past its deadline, and
   * the answer is dropped: a finalizer for each ask would cost a third of the whole.
   */
  ask<A>(message: unknown, timeoutMillis?: number): Effect.Effect<A, AskError> {
    return Effect.callback<A, AskError>((resume) => {
      const ask = new Ask((value, error) =>
        resume(error === undefined ? Effect.succeed(value as A) : Effect.fail(error)),
      )
      this.admitAsk(message, ask, timeoutMillis)
    })
  }

  /** Offers a message whose answer `ask` waits for; a refusal is its answer. */
  admitAsk(message: unknown, ask: Ask, timeoutMillis?: number): void {
    const { asks } = this.core
    const tooMany = asks.begin(ask, timeoutMillis)
    if (tooMany !== undefined) {
      asks.fail(ask, tooMany)
      return
    }
    const refusal = this.admit(message, ask, "normal")
    if (refusal !== undefined) asks.fail(ask, refusal)
  }

  offer(message: unknown, lane: Lane = "normal") {
    return Effect.callback<void, NonNullable<Admission>>((resume) => {
      const answer = (refusal: Admission) =>
        resume(refusal === undefined ? Effect.void : Effect.fail(refusal))
      if (lane === "control" || !this.mustWait(message)) {
        answer(this.admit(message, undefined, lane))
        return undefined
      }
      const waiter: Waiter = { message, lane, resume: answer }
      this.awaitCredit(waiter)
      return Effect.sync(() => this.leave(waiter))
    })
  }

  // What an actor does itself.

  spawn<N, A>(
    type: ActorType<N, A>,
    key: string,
    argument: A,
    options?: { readonly tenant?: string },
  ): ActorRef<N> {
    const tenant = options?.tenant ?? this.home.tenant
    return spawnUnder(this, type as unknown as AnyType, tenant, key, argument)
  }

  stop(ref: ActorRef<never>): void {
    const cell = cellOf(ref)
    if (cell === this) {
      this.flags |= stopBit
      if (!this.isBusy()) stopSelf(this)
      return
    }
    invariant(
      cell.state === "gone" || cell.extra?.parent === this,
      `${this.label()} stops only its children, not ${cell.label()}.`,
    )
    stop(cell)
  }

  watch(ref: ActorRef<never>, message: (reason: StopReason) => unknown): void {
    const cell = cellOf(ref)
    if (cell.state === "gone") {
      this.force(message(cell.extra?.reason ?? "stopped"))
      return
    }
    const { watchers } = cell.need()
    const { watching } = this.need()
    invariant(
      (watchers.size < watchMax && watching.size < watchMax) || watchers.has(this),
      `An actor has at most ${watchMax} watchers and watches as many.`,
    )
    watchers.set(this, message)
    watching.add(cell)
  }

  unwatch(ref: ActorRef<never>): void {
    const cell = cellOf(ref)
    cell.extra?.watchers.delete(this)
    this.extra?.watching.delete(cell)
  }

  startTimer(
    name: string,
    millis: number,
    message: unknown,
    options?: { readonly repeat?: boolean },
  ): void {
    this.cancelTimer(name)
    const { timers } = this.need()
    invariant(timers.size < actorTimersMax, `An actor has at most ${actorTimersMax} timers.`)
    const fire = () => {
      if (options?.repeat !== true) {
        timers.delete(name)
        this.force(message)
        return
      }
      timers.set(name, this.host.after(millis, fire))
      // A tick that finds the mailbox full is refused and counted; the next one comes anyway.
      this.tell(message)
    }
    timers.set(name, this.host.after(millis, fire))
  }

  cancelTimer(name: string): void {
    const timers = this.extra?.timers
    timers?.get(name)?.()
    timers?.delete(name)
  }

  stash(message: unknown): void {
    const turn = this.currentTurn()
    invariant(turn.left > 0, "A turn stashes each of its messages at most once.")
    this.stashOne(message, turn.ask)
    turn.ask = undefined
    turn.left -= 1
  }

  unstash(): void {
    this.unstashAll()
  }

  reply(value: unknown): void {
    const turn = this.currentTurn()
    const { ask } = turn
    if (ask === undefined) return
    turn.ask = undefined
    this.core.asks.answer(ask, value)
  }

  takeReply(): (value: unknown) => void {
    const turn = this.currentTurn()
    const { ask } = turn
    if (ask === undefined) return () => {}
    turn.ask = undefined
    const { openReplies } = this.need()
    openReplies.add(ask)
    return (value) => {
      openReplies.delete(ask)
      this.core.asks.answer(ask, value)
    }
  }

  pipe<A, E>(effect: Effect.Effect<A, E>, message: (exit: Exit.Exit<A, E>) => unknown): void {
    const { pipes } = this.need()
    invariant(
      pipes.size < actorPipesMax,
      `An actor pipes at most ${actorPipesMax} effects at once.`,
    )
    const fiber = this.core.dispatcher.fork(effect)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) {
      this.force(message(exit))
      return
    }
    pipes.add(fiber)
    fiber.addObserver((ended) => {
      // A pipe that its incarnation did not outlive tells nobody.
      if (!pipes.delete(fiber)) return
      try {
        this.force(message(ended))
      } catch (error) {
        crash(this, error)
      }
    })
  }

  request<N, A>(
    ref: ActorRef<N>,
    message: N,
    answer: (exit: Exit.Exit<A, AskError>) => unknown,
    timeoutMillis?: number,
  ): void {
    const { requests } = this.need()
    invariant(requests.size < actorPipesMax, `An actor has at most ${actorPipesMax} open requests.`)
    const ask = new Ask((value, error) => {
      // A request that its incarnation did not outlive is answered to nobody.
      if (!requests.delete(ask)) return
      try {
        this.force(answer(error === undefined ? Exit.succeed(value as A) : Exit.fail(error)))
      } catch (thrown) {
        crash(this, thrown)
      }
    })
    requests.add(ask)
    receiverOf(ref).admitAsk(message, ask, timeoutMillis)
  }

  deadLetter(message: unknown, reason: string): void {
    const turn = this.currentTurn()
    invariant(turn.left > 0, "A turn gives up each of its messages at most once.")
    turn.left -= 1
    this.countDead()
    this.bury(message, turn.ask, reason, undefined)
    turn.ask = undefined
  }

  // What its turns lead to.

  protected begins(): void {
    begin(this)
  }

  protected crashes(error: unknown): void {
    crash(this, error)
  }

  protected ends(): void {
    finishEnd(this)
  }

  protected stopsItself(): void {
    stopSelf(this)
  }
}

/** The cell behind a reference. References are made by the system only. */
export function cellOf(ref: ActorRef<never>): Cell {
  invariant(
    ref instanceof Cell,
    `${formatAddress(ref.address)} is no reference of a spawned actor.`,
  )
  return ref
}

/** What takes an ask: a cell, or a virtual reference that finds one. */
interface AskReceiver {
  readonly admitAsk: (message: unknown, ask: Ask, timeoutMillis?: number) => void
}

function receiverOf(ref: ActorRef<never>): AskReceiver {
  invariant("admitAsk" in ref, `${formatAddress(ref.address)} is no reference of this system.`)
  return ref as ActorRef<never> & AskReceiver
}
