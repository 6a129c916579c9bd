/**
 * `Peers` over a line: keeps the requests of this process, hands those of others on, and looks
 * after all of them while time passes. What it promises is said in `peers.ts`.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { isToken } from "../../protocols/address.ts"
import type { MailboxCounters } from "../../protocols/counters.ts"
import {
  Conflict,
  type IntelGraphError,
  Invalid,
  invariant,
  type LimitExceeded,
  MailboxFull,
  Unavailable,
} from "../../protocols/errors.ts"
import {
  askMillisDefault,
  askMillisMax,
  peerAliveMillis,
  peerAsksOpenMax,
  retryMillisMax,
} from "../../protocols/limits.ts"
import type { Host } from "./host.ts"
import { answerLimit } from "./peer-answering.ts"
import { type AskedFor, Asking, type AskingDesk, type AskingTold } from "./peer-asking.ts"
import { decodeFrame, encodeFrame, type FrameLimit, type PeerFrame } from "./peer-frames.ts"
import type { PeerLine, PeerListener, PeerPlace } from "./peer-line.ts"
import { Acquaintances } from "./peer-met.ts"
import { PartQueue } from "./peer-parts.ts"
import { Serving, type ServingDesk } from "./peer-serving.ts"
import { notThere, type PeerHandlers, type PeerStream, type Peers } from "./peers.ts"
import type { Who } from "./placement-register.ts"

export interface PeerOptions {
  /** This process: its node's name, and a token that no other process of that name has. */
  readonly own: Who
  readonly host: Pick<Host, "nowMillis" | "after">
  /** A handler died of something that nobody expected. */
  readonly onFault?: (name: string, cause: unknown) => void
}

/** Listens, asks and answers until the scope closes; what is under way then is told so. */
export const makePeers = <E>(
  options: PeerOptions,
  openLine: (listener: PeerListener) => Effect.Effect<PeerLine, E, Scope.Scope>,
): Effect.Effect<Peers, E, Scope.Scope> =>
  Effect.gen(function* () {
    const early = new EarlyListener()
    const line = yield* openLine(early)
    const fork = yield* FiberSet.makeRuntime<never, void>()
    const desk = new Desk(options, line, fork)
    early.listener = desk
    yield* Effect.addFinalizer(() => Effect.sync(() => desk.close()))
    return desk
  })

/** Stands in while the line is opened: nobody knows this process yet. */
class EarlyListener implements PeerListener {
  listener: PeerListener | undefined

  heard(frame: Uint8Array): void {
    this.listener?.heard(frame)
  }

  unheard(number: number): void {
    this.listener?.unheard(number)
  }

  cut(): void {
    this.listener?.cut()
  }
}

class Desk implements Peers, PeerListener {
  readonly own: Who
  readonly #options: PeerOptions
  readonly #line: PeerLine
  readonly #serving: Serving
  readonly #asking = new Map<number, Asking>()
  readonly #askingDesk: AskingDesk
  #next = 1
  #isClosed = false
  #lookAtMillis: number | undefined
  #cancelLook: () => void = () => undefined

  constructor(options: PeerOptions, line: PeerLine, fork: ServingDesk["fork"]) {
    const { own, host, onFault = () => undefined } = options
    this.own = own
    this.#options = options
    this.#line = line
    this.#serving = new Serving({
      own,
      fork,
      onFault,
      nowMillis: () => host.nowMillis(),
      after: (millis, task) => host.after(millis, task),
      // Its requests and ours are told apart by the sign.
      reply: (frame, limit, unheard) =>
        this.#send(frame.asker, frame, limit, unheard === undefined ? undefined : -unheard),
    })
    this.#askingDesk = {
      own,
      met: new Acquaintances(),
      nowMillis: () => host.nowMillis(),
      send: (to, frame, unheard) =>
        this.#send(to, frame, answerLimit, unheard === "told" ? frame.number : undefined),
      over: ({ number }) => void this.#asking.delete(number),
    }
  }

  ask(
    node: string,
    name: string,
    payload: unknown,
    deadlineMillis = askMillisDefault,
  ): Effect.Effect<unknown, IntelGraphError> {
    return Effect.callback((resume) => {
      const { host } = this.#options
      const millis = Math.min(Math.max(1, deadlineMillis), askMillisMax)
      const cancel = host.after(millis, () => asking?.expire())
      const settle = (exit: Effect.Effect<unknown, IntelGraphError>) => {
        cancel()
        resume(exit)
      }
      const asked = { node, name, payload, deadlineMillis: host.nowMillis() + millis }
      const asking = this.#ask(asked, {
        part: ({ value }) => settle(Effect.succeed(value)),
        failed: (error) => settle(Effect.fail(error)),
      })
      return Effect.sync(() => {
        cancel()
        asking?.stop()
      })
    })
  }

  stream(
    node: string,
    name: string,
    payload: unknown,
  ): Effect.Effect<PeerStream, never, Scope.Scope> {
    const begin = Effect.sync(() => {
      const parts: PartQueue = new PartQueue(() => asking?.took())
      const asked = { node, name, payload, deadlineMillis: undefined }
      const asking: Asking | undefined = this.#ask(asked, {
        part: (part) => parts.put(part),
        failed: (error) => parts.fail(error),
      })
      return { parts, asking }
    })
    const end = (begun: { readonly asking: Asking | undefined }) =>
      Effect.sync(() => begun.asking?.stop())
    return Effect.map(Effect.acquireRelease(begin, end), ({ parts }) => parts)
  }

  serve(handlers: PeerHandlers): Effect.Effect<void, Conflict, Scope.Scope> {
    const served = this.#serving.handlers
    const begin = Effect.suspend(() => {
      for (const name of Object.keys(handlers)) {
        invariant(isToken(name), `${name} is no name of a request.`)
        if (!served.has(name)) continue
        return new Conflict({ message: `Requests named ${name} are answered already.` })
      }
      for (const [name, handler] of Object.entries(handlers)) served.set(name, handler)
      return Effect.void
    })
    const end = Effect.sync(() => {
      for (const name of Object.keys(handlers)) served.delete(name)
    })
    return Effect.acquireRelease(begin, () => end)
  }

  counters(): MailboxCounters {
    return this.#serving.counters()
  }

  close(): void {
    this.#isClosed = true
    this.#cancelLook()
    const message = "This node ends; whether the request was handled is unknown."
    const why = new Unavailable({ message, retryAfterMillis: retryMillisMax })
    for (const asking of this.#asking.values()) asking.stop(why)
  }

  heard(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes)
    if (frame === undefined || this.#isClosed) return
    switch (frame.kind) {
      case "greet":
        return this.#welcome(frame)
      case "ask":
        this.#serving.ask(frame)
        return this.#lookLater()
      case "taken":
        return this.#serving.taken(frame)
      case "stop":
        return this.#serving.stop(frame)
      case "unknown":
        return this.#serving.misunderstood(frame)
      default:
        return this.#heardAnswer(frame)
    }
  }

  /** Who is at work on what nobody waits for any more is told so again. */
  #heardAnswer(frame: PeerFrame): void {
    if (frame.asker.incarnation !== this.own.incarnation) return
    const asking = this.#asking.get(frame.number)
    if (asking !== undefined) asking.heard(frame)
    else if (frame.kind === "alive") {
      const { asker, number, answerer } = frame
      this.#send(answerer, { kind: "stop", asker, number }, answerLimit)
    }
  }

  unheard(number: number): void {
    if (number < 0) this.#serving.unheard(-number)
    else this.#asking.get(number)?.unheard()
  }

  cut(): void {
    for (const asking of this.#asking.values()) asking.cut()
  }

  /** `undefined` where it was refused, and `told` so. */
  #ask(asked: AskedFor, told: AskingTold): Asking | undefined {
    const refusal = this.#refusalOf(asked)
    if (refusal !== undefined) {
      told.failed(refusal)
      return undefined
    }
    const asking = new Asking(this.#next++, asked, this.#askingDesk, told)
    this.#asking.set(asking.number, asking)
    this.#lookLater()
    asking.begin()
    return asking
  }

  #refusalOf({ node, name }: AskedFor): IntelGraphError | undefined {
    if (!isToken(node) || !isToken(name)) {
      const wrong = JSON.stringify((isToken(node) ? name : node).slice(0, 80))
      return new Invalid({ what: "node", message: `${wrong} names no node and no request.` })
    }
    if (this.#isClosed) return notThere("This node ends.")
    if (!this.#line.isUp()) return notThere("This node's line to the others is cut.")
    if (this.#asking.size < peerAsksOpenMax) return undefined
    return new MailboxFull({
      mailbox: "peers",
      limit: "concurrency",
      retryAfterMillis: retryMillisMax,
      message: `This node waits for as many answers of others as it may: ${peerAsksOpenMax}.`,
    })
  }

  #welcome({ asker, number }: PeerFrame): void {
    const { incarnation } = this.own
    const clockMillis = this.#options.host.nowMillis()
    const frame = { kind: "welcome", asker, number, incarnation, clockMillis } as const
    this.#send(asker, frame, answerLimit)
  }

  #send(
    to: PeerPlace,
    frame: PeerFrame,
    limit: FrameLimit,
    unheard?: number,
  ): LimitExceeded | undefined {
    const bytes = encodeFrame(frame, limit)
    if (!(bytes instanceof Uint8Array)) return bytes
    this.#line.send(to, bytes, unheard)
    return undefined
  }

  /** Looks from time to time, as long as anything is under way. */
  #lookLater(): void {
    const isIdle = this.#asking.size === 0 && this.#serving.isIdle
    if (this.#lookAtMillis !== undefined || isIdle || this.#isClosed) return
    const { host } = this.#options
    this.#lookAtMillis = host.nowMillis() + peerAliveMillis
    this.#cancelLook = host.after(peerAliveMillis, () => this.#look())
  }

  #look(): void {
    const awayMillis = this.#options.host.nowMillis() - (this.#lookAtMillis ?? 0)
    this.#lookAtMillis = undefined
    if (awayMillis > peerAliveMillis) {
      for (const asking of this.#asking.values()) asking.wasAway(awayMillis)
      this.#serving.wasAway(awayMillis)
    }
    for (const asking of this.#asking.values()) asking.look()
    this.#serving.look()
    this.#lookLater()
  }
}
