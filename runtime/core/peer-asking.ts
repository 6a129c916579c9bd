/**
 * One request to another node, from the side of who asks: meets the process where it is not known,
 * asks it, and hears its answer. Decides only; the desk sends, counts and keeps the time.
 */
import {
  DeadlineExceeded,
  type IntelGraphError,
  type LimitExceeded,
  Unavailable,
} from "../../protocols/errors.ts"
import {
  peerChunksUntakenMax,
  peerSilenceMillisMax,
  retryMillisMax,
} from "../../protocols/limits.ts"
import { errorOfPlain } from "../../protocols/travelling-error.ts"
import type { PeerFrame } from "./peer-frames.ts"
import type { PeerPlace } from "./peer-line.ts"
import type { Acquaintances, Met } from "./peer-met.ts"
import { notThere, type PeerPart } from "./peers.ts"
import type { Who } from "./placement-register.ts"

export interface AskedFor {
  readonly node: string
  readonly name: string
  readonly payload: unknown
  /** By our clock; `undefined` for a stream, which ends when it ends. */
  readonly deadlineMillis: number | undefined
}

/** What the desk does for a request. */
export interface AskingDesk {
  readonly own: Who
  readonly met: Acquaintances
  readonly nowMillis: () => number
  /** `unheard`: whether this request is told where nobody is there. */
  readonly send: (
    to: PeerPlace,
    frame: PeerFrame,
    unheard: "told" | "not told",
  ) => LimitExceeded | undefined
  /** It has ended: nothing of it comes any more. */
  readonly over: (asking: Asking) => void
}

export interface AskingTold {
  readonly part: (part: PeerPart) => void
  readonly failed: (error: IntelGraphError) => void
}

export class Asking {
  readonly number: number
  readonly asked: AskedFor
  readonly #desk: AskingDesk
  readonly #told: AskingTold
  #phase: "meeting" | "asked" | "over" = "meeting"
  #met: Met | undefined
  /** The process was known from before, and may have been replaced meanwhile. */
  #isFromMemory = false
  #heardAtMillis: number
  #hasHeard = false
  #chunks = 0
  #taken = 0
  #takenTold = 0

  constructor(number: number, asked: AskedFor, desk: AskingDesk, told: AskingTold) {
    this.number = number
    this.asked = asked
    this.#desk = desk
    this.#told = told
    this.#heardAtMillis = desk.nowMillis()
  }

  begin(): void {
    const known = this.#desk.met.of(this.asked.node)
    this.#isFromMemory = known !== undefined
    if (known === undefined) this.#greet()
    else this.#ask(known)
  }

  heard(frame: PeerFrame): void {
    const now = this.#desk.nowMillis()
    if (frame.kind === "welcome") {
      if (this.#phase !== "meeting") return
      const { node } = this.asked
      this.#ask(this.#desk.met.meet(node, frame.incarnation, frame.clockMillis, now))
      return
    }
    if (this.#phase !== "asked") return
    this.#heardAtMillis = now
    this.#hasHeard = true
    if ("clockMillis" in frame) this.#met?.compare(frame.clockMillis, now)
    switch (frame.kind) {
      case "alive":
        // Where all that may be ahead was lost, nothing else comes that would show it.
        this.#follows(frame.at)
        return
      case "chunk":
        if (!this.#follows(frame.at)) return
        this.#chunks += 1
        return this.#told.part({ kind: "chunk", value: frame.value })
      case "done":
        if (!this.#follows(frame.at)) return
        this.#end()
        return this.#told.part({ kind: "last", value: frame.value })
      case "failed":
        return this.fail(errorOfPlain(frame.error) ?? this.#unknown("failed"))
    }
  }

  /** Nobody is where this was sent last. */
  unheard(): void {
    if (this.#phase === "over" || this.#hasHeard) return
    if (this.#met !== undefined) this.#desk.met.forget(this.asked.node, this.#met)
    if (this.#phase === "asked" && this.#isFromMemory) {
      this.#isFromMemory = false
      this.#greet()
    } else this.fail(notThere(`The node ${this.asked.node} is not there.`))
  }

  /** The consumer has taken a chunk. Told when half of what may be ahead is, or nothing is. */
  took(): void {
    this.#taken += 1
    const untold = this.#taken - this.#takenTold
    if (untold * 2 >= peerChunksUntakenMax || this.#taken === this.#chunks) this.#tellTaken()
  }

  /** Time has passed: shows a streaming node that this one is there, and gives up a silent one. */
  look(): void {
    if (this.#phase === "over") return
    const silentMillis = this.#desk.nowMillis() - this.#heardAtMillis
    if (silentMillis > peerSilenceMillisMax) {
      if (this.#met !== undefined) this.#desk.met.forget(this.asked.node, this.#met)
      const { node } = this.asked
      if (this.#phase === "meeting") this.fail(notThere(`The node ${node} does not answer.`))
      else this.stop(this.#unknown("has fallen silent"))
    } else if (this.#phase === "asked" && this.asked.deadlineMillis === undefined) {
      this.#tellTaken()
    }
  }

  /** This process itself was away: nobody else was silent meanwhile. */
  wasAway(millis: number): void {
    this.#heardAtMillis += millis
  }

  /** The line was cut: what was asked may never be answered. */
  cut(): void {
    if (this.#phase === "meeting") this.fail(notThere("This node's line to the others is cut."))
    else this.fail(this.#unknown("was cut off"))
  }

  expire(): void {
    const { node } = this.asked
    const message = `The node ${node} gave no answer in time; it may have handled the request.`
    this.stop(new DeadlineExceeded({ message, retryAfterMillis: retryMillisMax }))
  }

  /** Nobody waits any longer, or for this reason not. */
  stop(why?: IntelGraphError): void {
    if (this.#phase === "over") return
    if (this.#phase === "asked" && this.#met !== undefined) {
      const frame = { kind: "stop", asker: this.#desk.own, number: this.number } as const
      this.#desk.send(
        { node: this.asked.node, incarnation: this.#met.incarnation },
        frame,
        "not told",
      )
    }
    this.#end()
    if (why !== undefined) this.#told.failed(why)
  }

  fail(error: IntelGraphError): void {
    if (this.#phase === "over") return
    this.#end()
    this.#told.failed(error)
  }

  #greet(): void {
    this.#phase = "meeting"
    this.#heardAtMillis = this.#desk.nowMillis()
    const { own } = this.#desk
    const frame = { kind: "greet", asker: own, number: this.number } as const
    this.#desk.send({ node: this.asked.node }, frame, "told")
  }

  #ask(met: Met): void {
    const { own, nowMillis } = this.#desk
    const { node, name, payload, deadlineMillis } = this.asked
    const now = nowMillis()
    this.#phase = "asked"
    this.#met = met
    this.#heardAtMillis = now
    const frame = {
      kind: "ask",
      asker: own,
      number: this.number,
      name,
      deadlineMillis: met.byItsClock(deadlineMillis ?? now + peerSilenceMillisMax, now),
      credit: deadlineMillis === undefined ? peerChunksUntakenMax : 0,
      payload,
    } as const
    const tooLarge = this.#desk.send({ node, incarnation: met.incarnation }, frame, "told")
    if (tooLarge !== undefined) this.fail(tooLarge)
  }

  #tellTaken(): void {
    if (this.#phase !== "asked" || this.#met === undefined) return
    this.#takenTold = this.#taken
    const { asked, number } = this
    const frame = { kind: "taken", asker: this.#desk.own, number, count: this.#taken } as const
    this.#desk.send({ node: asked.node, incarnation: this.#met.incarnation }, frame, "not told")
  }

  /** Whether no chunk before this part was lost. */
  #follows(at: number): boolean {
    if (at === this.#chunks && at - this.#taken <= peerChunksUntakenMax) return true
    this.stop(this.#unknown("has sent what did not arrive"))
    return false
  }

  #end(): void {
    this.#phase = "over"
    this.#desk.over(this)
  }

  #unknown(what: string): Unavailable {
    const { node, name } = this.asked
    const message = `The node ${node} ${what}; whether it handled ${name} is unknown.`
    return new Unavailable({ message, retryAfterMillis: retryMillisMax })
  }
}
