/**
 * Messages between nodes: a request to a node by name, and one answer or a stream of them.
 *
 * Promises: a request is begun at most once, and not after its deadline, whoever's clock is wrong
 * and however long the other was paused. What a node cannot take now it refuses, with a reason; a
 * node that is not there is `NotThere` at once. Chunks of a stream come in order and without a gap,
 * and a sender is at most `peerChunksUntakenMax` of them ahead. When who asked is interrupted, or
 * is gone, so is the handler. Each side gives a silent other up after `peerSilenceMillisMax`.
 *
 * What may fail beneath: messages are lost or late; connections are cut; a process dies, sleeps, or
 * another one takes its name. Then a request ends in `Unavailable`: whether it was handled is
 * unknown, unless it is `NotThere`, which a node that has just come may be to some for a moment.
 * Nothing is sent again by itself.
 *
 * A deadline travels in the clock of the process that is asked, as that process told it when it was
 * first met; what is unknown of the way between is taken off. The process that was met is the one
 * that is asked: another of the same name is met anew.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { MailboxCounters } from "../../protocols/counters.ts"
import { type Conflict, type IntelGraphError, Unavailable } from "../../protocols/errors.ts"
import { retryMillisMax } from "../../protocols/limits.ts"
import type { Who } from "./placement-register.ts"

/** Nobody is there to ask, and nothing was handled: another node may be asked, or later. */
export class NotThere extends Unavailable {}

export const notThere = (message: string): NotThere =>
  new NotThere({ message, retryAfterMillis: retryMillisMax })

export interface PeerCall {
  /** The process that asks. */
  readonly from: Who
  /**
   * Gives one chunk of a streamed answer; waits until who asked has taken enough of those before.
   * `Invalid` where one answer was asked for, `LimitExceeded` where it is too large.
   */
  readonly emit: (chunk: unknown) => Effect.Effect<void, IntelGraphError>
}

/**
 * Answers one request; interrupted when nobody waits for it any longer. What it is given was said
 * by another process: it is to be read like any input. What it fails with travels; what it dies of
 * does not, and who asked is told that the node failed.
 */
export type PeerHandler = (
  payload: unknown,
  call: PeerCall,
) => Effect.Effect<unknown, IntelGraphError>

export type PeerHandlers = { readonly [name: string]: PeerHandler }

/** The next part of a streamed answer; `last` is what the handler ended with. */
export type PeerPart =
  | { readonly kind: "chunk"; readonly value: unknown }
  | { readonly kind: "last"; readonly value: unknown }

export interface PeerStream {
  /** Waits for the next part. One at a time, and not after the last one. */
  readonly next: Effect.Effect<PeerPart, IntelGraphError>
}

/** Payloads are plain values: what MessagePack holds. */
export interface Peers {
  /** This process. */
  readonly own: Who
  /**
   * Fails with what the handler fails with, or with what kept the request from it. The deadline is
   * `askMillisDefault` from now unless told, and at most `askMillisMax`.
   */
  readonly ask: (
    node: string,
    name: string,
    payload: unknown,
    deadlineMillis?: number,
  ) => Effect.Effect<unknown, IntelGraphError>
  /** Begun with the scope and ended with it, on both sides. */
  readonly stream: (
    node: string,
    name: string,
    payload: unknown,
  ) => Effect.Effect<PeerStream, IntelGraphError, Scope.Scope>
  /** Answers requests of these names, in this scope. `Conflict` where one of them is answered. */
  readonly serve: (handlers: PeerHandlers) => Effect.Effect<void, Conflict, Scope.Scope>
  /** Requests of others to this process, by the equations of a mailbox. */
  readonly counters: () => MailboxCounters
}
