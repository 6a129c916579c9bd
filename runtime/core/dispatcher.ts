/**
 * The dispatcher: gives every actor with messages its turns, fairly, on one thread.
 *
 * Promises: an actor with messages runs after the actors that were ready before it, for at most
 * `turnBatchMax` messages at a time; after `dispatchBudgetMax` messages the host may do other work.
 * Cells run from here only, never within each other's turns.
 * This is the one file of the runtime that runs effects: those that handlers return and those that
 * actors pipe to themselves.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { dispatchBudgetMax, turnBatchMax } from "../../protocols/limits.ts"
import type { Host } from "./host.ts"

export interface Runnable {
  /**
   * Runs messages worth at most `budget`; what they were worth. Says itself whether it runs again.
   */
  readonly run: (budget: number) => number
}

export class Dispatcher {
  private readonly host: Host
  private readonly context: Context.Context<never>
  private ready: (Runnable | undefined)[] = new Array<Runnable | undefined>(64).fill(undefined)
  private head = 0
  private count = 0
  private awake = false
  private readonly drain = () => this.run()

  constructor(host: Host, context: Context.Context<never> = Context.empty()) {
    this.host = host
    this.context = context
  }

  schedule(cell: Runnable): void {
    if (this.count === this.ready.length) this.grow()
    this.ready[(this.head + this.count) & (this.ready.length - 1)] = cell
    this.count += 1
    if (!this.awake) {
      this.awake = true
      this.host.wake(this.drain)
    }
  }

  /** Starts an effect; `ended` is called within this call where the effect ended at once. */
  fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.context)(effect)
  }

  private run(): void {
    let budget = dispatchBudgetMax
    try {
      while (this.count > 0 && budget > 0) {
        const cell = this.ready[this.head]
        this.ready[this.head] = undefined
        this.head = (this.head + 1) & (this.ready.length - 1)
        this.count -= 1
        if (cell === undefined) continue
        const done = cell.run(Math.min(budget, turnBatchMax))
        budget -= done > 0 ? done : 1
      }
    } finally {
      // A bug that throws from here ends its task, not the dispatcher.
      if (this.count > 0) this.host.yield(this.drain)
      else this.awake = false
    }
  }

  private grow(): void {
    const size = this.ready.length
    const ready = new Array<Runnable | undefined>(size * 2).fill(undefined)
    for (let i = 0; i < size; i++) ready[i] = this.ready[(this.head + i) & (size - 1)]
    this.ready = ready
    this.head = 0
  }
}

/** The exit of a fiber that has ended; `undefined` while it runs. */
export const exitOf = <A, E>(fiber: Fiber.Fiber<A, E>): Exit.Exit<A, E> | undefined =>
  fiber.pollUnsafe()
