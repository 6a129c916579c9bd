/** Requests of other processes: which are begun, which are refused, and how many are under way. */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { MailboxCounters } from "../../protocols/counters.ts"
import { type IntelGraphError, Invalid, MailboxFull, NotFound } from "../../protocols/errors.ts"
import { peerRequestsMax, retryMillisMax } from "../../protocols/limits.ts"
import { plainOfError } from "../../protocols/travelling-error.ts"
import {
  Answering,
  type AnsweringDesk,
  type AskFrame,
  answerLimit,
  expired,
} from "./peer-answering.ts"
import { type PeerFrame, peerVersion } from "./peer-frames.ts"
import type { PeerHandler } from "./peers.ts"

export interface ServingDesk extends Omit<AnsweringDesk, "ended"> {
  readonly fork: (work: Effect.Effect<void>) => Fiber.Fiber<void>
}

/** Which process's request it is. */
const keyOf = ({ asker, number }: PeerFrame): string =>
  `${asker.node} ${asker.incarnation} ${number}`

export class Serving {
  readonly handlers = new Map<string, PeerHandler>()
  readonly #desk: ServingDesk
  readonly #answering = new Map<string, Answering>()
  readonly #byNumber = new Map<number, Answering>()
  #next = 1
  readonly #counts = { refused: 0, handled: 0, failed: 0, expired: 0 }

  constructor(desk: ServingDesk) {
    this.#desk = desk
  }

  get isIdle(): boolean {
    return this.#answering.size === 0
  }

  ask(ask: AskFrame): void {
    const { own, nowMillis } = this.#desk
    const { node } = own
    const key = keyOf(ask)
    const handler = this.handlers.get(ask.name)
    if (handler === undefined) return this.#refuse(ask, notServed(node, ask.name))
    if (this.#answering.size >= peerRequestsMax) return this.#refuse(ask, tooMany(node))
    if (ask.deadlineMillis <= nowMillis()) {
      this.#counts.expired += 1
      return this.#fail(ask, expired(node, "not begun"))
    }
    const number = this.#next++
    const answering = new Answering(number, ask, {
      ...this.#desk,
      ended: (how) => {
        this.#answering.delete(key)
        this.#byNumber.delete(number)
        this.#counts[how] += 1
      },
    })
    this.#answering.set(key, answering)
    this.#byNumber.set(number, answering)
    answering.fiber = this.#desk.fork(answering.work(handler))
  }

  taken(frame: PeerFrame & { readonly kind: "taken" }): void {
    this.#answering.get(keyOf(frame))?.taken(frame.count)
  }

  stop(frame: PeerFrame): void {
    this.#answering.get(keyOf(frame))?.giveUp()
  }

  /** The process that asked is gone. */
  unheard(number: number): void {
    this.#byNumber.get(number)?.giveUp()
  }

  /** What another release says: whoever it was is told what is spoken here. */
  misunderstood(frame: PeerFrame & { readonly kind: "unknown" }): void {
    const message =
      `The node ${this.#desk.own.node} speaks version ${peerVersion} of messages between nodes, ` +
      `not ${frame.version}.`
    const next = "Run the same release on all nodes, or the older one's next."
    this.#fail(frame, new Invalid({ what: "request", message, next }))
  }

  look(): void {
    for (const answering of this.#answering.values()) answering.look()
  }

  wasAway(millis: number): void {
    for (const answering of this.#answering.values()) answering.wasAway(millis)
  }

  counters(): MailboxCounters {
    const { refused, handled, failed, expired: late } = this.#counts
    const inTurn = this.#answering.size
    const admitted = handled + failed + late + inTurn
    return {
      offered: admitted + refused,
      admitted,
      refused,
      handled,
      deadLettered: failed,
      expired: late,
      shed: 0,
      queued: 0,
      stashed: 0,
      parked: 0,
      inTurn,
    }
  }

  #refuse(ask: AskFrame, error: IntelGraphError): void {
    this.#counts.refused += 1
    this.#fail(ask, error)
  }

  #fail({ asker, number }: PeerFrame, error: IntelGraphError): void {
    const clockMillis = this.#desk.nowMillis()
    const frame = {
      kind: "failed",
      asker,
      number,
      clockMillis,
      error: plainOfError(error),
    } as const
    this.#desk.reply(frame, answerLimit)
  }
}

const notServed = (node: string, name: string) =>
  new NotFound({ what: "request", message: `The node ${node} answers no requests named ${name}.` })

const tooMany = (node: string) =>
  new MailboxFull({
    mailbox: node,
    limit: "concurrency",
    retryAfterMillis: retryMillisMax,
    message: `The node ${node} works on as many requests as it may: ${peerRequestsMax}.`,
  })
