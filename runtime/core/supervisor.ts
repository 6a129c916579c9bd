/**
 * The `Supervisor` port: what becomes of an actor whose incarnation ended. `supervisors/`
 * implements it.
 *
 * The runtime calls it once for each ended incarnation that nobody asked for, keeps the history for
 * it, and carries out the verdict. It decides purely from what it is given.
 */
import type { RestartType, Supervision } from "./actor.ts"

export interface Failure {
  /** What the parent's actor type says about its children. */
  readonly supervision: Supervision
  readonly restart: RestartType
  /** `stopped`: the actor stopped itself. A stop by its parent is never asked about. */
  readonly ended: "crashed" | "stopped"
  /**
   * Instants of the restarts that count, oldest first: the child's own with `one-for-one`, those of
   * all children together with the group strategies. What a verdict returned last.
   */
  readonly history: readonly number[]
  readonly nowMillis: number
  /** Uniform in [0, 1), for jitter. */
  readonly random: number
}

export type Verdict =
  | {
      readonly action: "restart"
      /** `rest`: the child and those spawned after it. */
      readonly scope: "child" | "rest" | "all"
      readonly delayMillis: number
      readonly history: readonly number[]
    }
  /** Gone for good. */
  | { readonly action: "stop" }
  /** Kept with its messages, refusing new ones, until an operator releases it. */
  | { readonly action: "quarantine" }
  /** The parent fails as if it had crashed itself. At the root: quarantine. */
  | { readonly action: "escalate" }

export interface Supervisor {
  readonly decide: (failure: Failure) => Verdict
}
