/**
 * One request of another process, from the side of who answers: what its handler may send, and how
 * it ends. Decides only; the desk runs the handler, sends, and keeps the time.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import {
  DeadlineExceeded,
  type IntelGraphError,
  Invalid,
  type LimitExceeded,
  Unavailable,
} from "../../protocols/errors.ts"
import {
  peerAliveMillis,
  peerChunkBytesMax,
  peerChunksUntakenMax,
  peerFrameBytesMax,
  peerSilenceMillisMax,
  retryMillisMax,
} from "../../protocols/limits.ts"
import { plainOfError } from "../../protocols/travelling-error.ts"
import type { FrameLimit, PeerFrame } from "./peer-frames.ts"
import type { PeerCall, PeerHandler } from "./peers.ts"
import type { Who } from "./placement-register.ts"

export type AskFrame = PeerFrame & { readonly kind: "ask" }

/** How a request ended, for the counters. */
export type Ending = "handled" | "failed" | "expired"

export interface AnsweringDesk {
  readonly own: Who
  readonly nowMillis: () => number
  /** To who asked. `unheard`: the request of this number is told where that process is gone. */
  readonly reply: (
    frame: PeerFrame,
    limit: FrameLimit,
    unheard?: number,
  ) => LimitExceeded | undefined
  /** A handler died of this. */
  readonly onFault: (name: string, cause: unknown) => void
  readonly after: (millis: number, task: () => void) => () => void
  readonly ended: (how: Ending) => void
}

export const answerLimit: FrameLimit = { name: "peerFrameBytesMax", bound: peerFrameBytesMax }
const chunkLimit: FrameLimit = { name: "peerChunkBytesMax", bound: peerChunkBytesMax }

export class Answering {
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  readonly ask: AskFrame
  readonly #number: number
  readonly #desk: AnsweringDesk
  readonly #waiting: (() => void)[] = []
  /** Nobody waits for the answer any more; the handler is told to end. */
  #isGivenUp = false
  #sent = 0
  #taken = 0
  #heardAtMillis: number
  #saidAtMillis: number
  readonly #cancelDeadline: () => void

  constructor(number: number, ask: AskFrame, desk: AnsweringDesk) {
    this.#number = number
    this.ask = ask
    this.#desk = desk
    this.#heardAtMillis = desk.nowMillis()
    this.#saidAtMillis = this.#heardAtMillis
    const leftMillis = ask.deadlineMillis - this.#heardAtMillis
    this.#cancelDeadline =
      ask.credit > 0 ? () => undefined : desk.after(leftMillis, () => this.#expire())
  }

  /** The handler's work, however it ends. */
  work(handler: PeerHandler): Effect.Effect<void> {
    const { asker, payload } = this.ask
    const call: PeerCall = { from: asker, emit: (chunk) => this.#emit(chunk) }
    return Effect.suspend(() => handler(payload, call)).pipe(
      Effect.onExit((exit) => Effect.sync(() => this.#ended(exit))),
      Effect.exit,
      Effect.asVoid,
    )
  }

  taken(count: number): void {
    this.#heardAtMillis = this.#desk.nowMillis()
    if (count <= this.#taken || count > this.#sent) return
    this.#taken = count
    for (const resume of this.#waiting.splice(0)) resume()
  }

  /** Interrupts the handler. */
  giveUp(): void {
    this.#isGivenUp = true
    this.fiber?.interruptUnsafe()
  }

  /** Shows that the handler is at work, and gives up for one who does not take its chunks. */
  look(): void {
    const now = this.#desk.nowMillis()
    const isStream = this.ask.credit > 0
    if (isStream && now - this.#heardAtMillis > peerSilenceMillisMax) this.giveUp()
    else if (now - this.#saidAtMillis >= peerAliveMillis) this.#sayAlive()
  }

  /** This process itself was away: nobody else was silent meanwhile. */
  wasAway(millis: number): void {
    this.#heardAtMillis += millis
  }

  #sayAlive(): void {
    const { asker, number } = this.ask
    const { own, nowMillis, reply } = this.#desk
    this.#saidAtMillis = nowMillis()
    const clockMillis = this.#saidAtMillis
    const at = this.#sent
    const frame = { kind: "alive", asker, number, at, clockMillis, answerer: own } as const
    reply(frame, answerLimit, this.#number)
  }

  #expire(): void {
    if (this.#isGivenUp) return
    this.#fail(expired(this.#desk.own.node, "ended"))
    this.giveUp()
  }

  #emit(chunk: unknown): Effect.Effect<void, IntelGraphError> {
    return Effect.suspend(() => {
      const { credit, name } = this.ask
      if (credit === 0) return Effect.fail(streamsOnly(name))
      if (this.#sent - this.#taken >= Math.min(credit, peerChunksUntakenMax)) {
        return Effect.andThen(this.#room, this.#emit(chunk))
      }
      const tooLarge = this.#reply({ kind: "chunk", at: this.#sent, value: chunk }, chunkLimit)
      if (tooLarge !== undefined) return Effect.fail(tooLarge)
      this.#sent += 1
      return Effect.void
    })
  }

  readonly #room: Effect.Effect<void> = Effect.callback((resume) => {
    this.#waiting.push(() => resume(Effect.void))
  })

  #ended(exit: Exit.Exit<unknown, IntelGraphError>): void {
    const refused = exit._tag === "Failure" ? Cause.findErrorOption(exit.cause) : Option.none()
    const isHandled = exit._tag === "Success" || Option.isSome(refused)
    this.#cancelDeadline()
    this.#desk.ended(this.#isGivenUp ? "expired" : isHandled ? "handled" : "failed")
    if (this.#isGivenUp) return
    if (Option.isSome(refused)) this.#fail(refused.value)
    else if (exit._tag === "Success") this.#answer(exit.value)
    else if (Cause.hasInterruptsOnly(exit.cause)) this.#fail(this.#broken("ends"))
    else this.#fault(Cause.squash(exit.cause))
  }

  #answer(value: unknown): void {
    try {
      const tooLarge = this.#reply({ kind: "done", at: this.#sent, value })
      if (tooLarge !== undefined) this.#fail(tooLarge)
    } catch (error) {
      // What the handler gave is no plain value.
      this.#fault(error)
    }
  }

  #fault(cause: unknown): void {
    const { name } = this.ask
    this.#desk.onFault(name, cause)
    this.#fail(this.#broken(`failed at ${name}`))
  }

  #fail(error: IntelGraphError): void {
    this.#reply({ kind: "failed", error: plainOfError(error) })
  }

  #broken(what: string): Unavailable {
    const { node } = this.#desk.own
    const message = `The node ${node} ${what}; whether it was done is unknown.`
    return new Unavailable({ message, retryAfterMillis: retryMillisMax })
  }

  #reply(part: Reply, limit = answerLimit): LimitExceeded | undefined {
    const { asker, number } = this.ask
    const clockMillis = this.#desk.nowMillis()
    this.#saidAtMillis = clockMillis
    return this.#desk.reply({ asker, number, clockMillis, ...part }, limit)
  }
}

type Reply =
  | { readonly kind: "chunk" | "done"; readonly at: number; readonly value: unknown }
  | { readonly kind: "failed"; readonly error: ReturnType<typeof plainOfError> }

export const expired = (node: string, what: "ended" | "not begun"): DeadlineExceeded =>
  new DeadlineExceeded({
    message:
      what === "ended"
        ? `The node ${node} did not answer in time, and has ended what it did for it.`
        : `The request came to the node ${node} after its time, and was not handled.`,
    retryAfterMillis: retryMillisMax,
  })

const streamsOnly = (name: string) =>
  new Invalid({ what: "request", message: `${name} answers by a stream, not once.` })
