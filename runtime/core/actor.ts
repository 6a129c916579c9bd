/**
 * What an actor is, for those who write one. The cell that runs it lives in `cell.ts`.
 *
 * One turn at a time: `receive` is called with one message, and not again before it returned and
 * the effect that it may have returned has ended (unless the mailbox allows more turns at once).
 * What it throws, or how its effect fails, ends the incarnation, and the supervisor decides. The
 * messages that were not handled stay in the mailbox for the next incarnation; the one that failed
 * is a dead letter.
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Address } from "../../protocols/address.ts"
import type { MailboxCounters } from "../../protocols/counters.ts"
import type {
  DeadlineExceeded,
  MailboxFull,
  NotFound,
  Quarantined,
  Unavailable,
} from "../../protocols/errors.ts"
import type { Lane, MailboxLimits } from "../../protocols/lanes.ts"
import type { Host } from "./host.ts"

/** `undefined`: admitted. Otherwise nothing was kept, and this says which limit said no. */
export type Admission = MailboxFull | NotFound | Quarantined | undefined

/** Why an ask has no answer. `Unavailable`: the actor crashed or stopped before it answered. */
export type AskError = MailboxFull | NotFound | Quarantined | DeadlineExceeded | Unavailable

export interface ActorRef<M> {
  readonly address: Address
  /** Never waits and never throws. `lane` defaults to `normal`. */
  readonly tell: (message: M, lane?: Lane) => Admission
  /**
   * The value that the actor gives to `context.reply`. Fails when the actor stops or crashes
   * before.
   */
  readonly ask: <A>(message: M, timeoutMillis?: number) => Effect.Effect<A, AskError>
  /**
   * Tells, and waits for credit while the mailbox is full and its overflow policy is `wait`; in
   * order of asking, before any later `tell`. With another policy it fails as `tell` refuses.
   */
  readonly offer: (
    message: M,
    lane?: Lane,
  ) => Effect.Effect<void, MailboxFull | NotFound | Quarantined>
  readonly counters: () => MailboxCounters
}

/** - `permanent`: always restarted. `transient`: after a crash only. `temporary`: never. */
export type RestartType = "permanent" | "transient" | "temporary"
export type Strategy = "one-for-one" | "one-for-all" | "rest-for-one"

/** How an actor treats its children. What is left out is the default of `limits.ts`. */
export interface Supervision {
  readonly strategy?: Strategy
  readonly restartsMax?: number
  readonly periodMillis?: number
  readonly backoffMillisMin?: number
  readonly backoffMillisMax?: number
  /**
   * When a child (with the group strategies: the group) needs more restarts than allowed. Default:
   * `quarantine` for one-for-one, `escalate` (this actor fails too) for the group strategies.
   */
  readonly exceeded?: "quarantine" | "escalate"
}

export interface Behavior<M> {
  readonly receive: (message: M) => void | Effect.Effect<void, unknown>
  /**
   * Instead of `receive`: everything that waits, up to `turnBatchMax`, as one turn. An ask comes
   * alone. When a batch fails its messages come again one by one, and only what fails alone is a
   * dead letter.
   */
  readonly receiveBatch?: (messages: readonly M[]) => void | Effect.Effect<void, unknown>
  /** The incarnation ends, for good or before a restart. Must not throw. */
  readonly stopped?: () => void
  /** State to keep while a virtual actor is passive: given to the next `start`. */
  readonly snapshot?: () => Uint8Array
}

export interface ActorType<M, A = undefined> {
  readonly kind: string
  readonly mailbox?: MailboxLimits
  /** Default `transient`. */
  readonly restart?: RestartType
  readonly supervision?: Supervision
  /** Bytes that a message counts for in the mailbox; a fixed estimate where it is left out. */
  readonly sizeOf?: (message: M) => number
  /**
   * Messages that a turn counts for where the dispatcher shares its time out, default 1. An actor
   * whose turns take milliseconds says `dispatchBudgetMax`: the host gets its turn after each.
   */
  readonly turnWeight?: number
  /**
   * Times that one message may fail, each ending an incarnation, until it is a dead letter. Default
   * 1.
   */
  readonly failuresMax?: number
  /** Makes the behavior of a new incarnation: at spawn, at activation and after each restart. */
  readonly start: (context: ActorContext<M>, argument: A, snapshot?: Uint8Array) => Behavior<M>
}

export type StopReason = "stopped" | "crashed" | "quarantined"

/** Call its functions on the context itself (`context.stop(ref)`); they need it as receiver. */
export interface ActorContext<M> {
  readonly self: ActorRef<M>
  readonly address: Address
  readonly host: Host
  /**
   * Starts a child under this actor, of its tenant where `options` name no other; throws `Invalid`
   * where the address is taken. The child's `start` runs before its first turn, not within this
   * call.
   */
  readonly spawn: <N, A>(
    type: ActorType<N, A>,
    key: string,
    argument: A,
    options?: { readonly tenant?: string },
  ) => ActorRef<N>
  /** Stops a child, or oneself at the end of this turn; its children first, last spawned first. */
  readonly stop: (ref: ActorRef<never>) => void
  /**
   * `message` comes to this actor when `ref` has stopped for good, also where it is gone already.
   */
  readonly watch: (ref: ActorRef<never>, message: (reason: StopReason) => M) => void
  readonly unwatch: (ref: ActorRef<never>) => void
  /** One timer per name; setting it again replaces it. The message goes to the normal lane. */
  readonly startTimer: (
    name: string,
    millis: number,
    message: M,
    options?: { readonly repeat?: boolean },
  ) => void
  readonly cancelTimer: (name: string) => void
  /** Puts the message of this turn aside; `unstash` brings all back in order, before newer ones. */
  readonly stash: (message: M) => void
  readonly unstash: () => void
  /** Answers the ask of this turn; does nothing where it was a tell. */
  readonly reply: (value: unknown) => void
  /** Keeps the ask of this turn open; call the result later, once. */
  readonly takeReply: () => (value: unknown) => void
  /**
   * Runs an effect beside the turns and tells its exit to oneself, past all limits (it answers what
   * this actor began). Interrupted when the incarnation ends; its message then never comes.
   */
  readonly pipe: <A, E>(effect: Effect.Effect<A, E>, message: (exit: Exit.Exit<A, E>) => M) => void
  /**
   * Asks another actor and tells the answer to oneself, past all limits; several times cheaper than
   * piping an `ask`. Forgotten when the incarnation ends.
   */
  readonly request: <N, A>(
    ref: ActorRef<N>,
    message: N,
    answer: (exit: Exit.Exit<A, AskError>) => M,
    timeoutMillis?: number,
  ) => void
  /** Counts as refused or dead-lettered by hand: what is left of the message with the reason. */
  readonly deadLetter: (message: M, reason: string) => void
}

/** An actor with its children as people see it. */
export interface ActorView {
  readonly address: Address
  readonly state: "running" | "restarting" | "quarantined" | "stopping" | "passive"
  readonly restarts: number
  readonly counters: MailboxCounters
  readonly lastError: string | undefined
  readonly children: readonly ActorView[]
}
