/**
 * What only some actors have: a family, timers, open turns, a history of crashes. Made when needed.
 */
import type * as Fiber from "effect/Fiber"
import type { StopReason } from "./actor.ts"
import type { Ask } from "./ask.ts"
import type { Cell } from "./cell.ts"
import type { Turn, Watchers } from "./kin.ts"

/** What is to become of an actor whose incarnation ends. The later ones win. */
export type Goal = "restart" | "quarantine" | "stop"

export class Extra {
  parent: Cell | undefined = undefined
  argument: unknown = undefined
  /** In order of spawning. */
  readonly children = new Set<Cell>()
  readonly watchers: Watchers = new Map()
  readonly watching = new Set<Cell>()
  /** What takes each timer back. */
  readonly timers = new Map<string, () => void>()
  readonly pipes = new Set<Fiber.Fiber<unknown, unknown>>()
  readonly turns = new Set<Turn>()
  /** Replies that it took and owes, and answers that it waits for itself. */
  readonly openReplies = new Set<Ask>()
  readonly requests = new Set<Ask>()
  /** Restarts that the supervisor counts: of this actor, and of its children as a group. */
  history: readonly number[] = []
  groupHistory: readonly number[] = []
  restarts = 0
  lastError: string | undefined = undefined
  /** The message that failed last, and how often. */
  failing: unknown = undefined
  failures = 0
  /** Messages that come one by one although the behavior takes batches. */
  singles = 0
  goal: Goal = "restart"
  reason: StopReason = "stopped"
  readonly onEnded: (() => void)[] = []
  cancelCutOff: (() => void) | undefined = undefined

  owes(): boolean {
    const { children, watchers, watching, timers } = this
    if (children.size + watchers.size + watching.size + timers.size > 0) return true
    const { pipes, turns, openReplies, requests } = this
    return pipes.size + turns.size + openReplies.size + requests.size > 0
  }
}
