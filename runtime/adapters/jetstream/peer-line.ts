/**
 * Messages between nodes over NATS, without a stream: a frame is there when it is sent, or lost.
 * The server itself answers for a node that is not there. What is sent while the connection is lost
 * is not kept for later: whoever waits for it is told at once.
 */
import type { Msg, Subscription } from "@nats-io/nats-core"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { StoreFailed, type Unavailable } from "../../../protocols/errors.ts"
import { natsRequestMillisMax, peerFrameBytesMax } from "../../../protocols/limits.ts"
import { makePeers, type PeerOptions } from "../../core/peer-desk.ts"
import type { PeerLine, PeerListener, PeerPlace } from "../../core/peer-line.ts"
import type { Peers } from "../../core/peers.ts"
import type { Who } from "../../core/placement-register.ts"
import { type Broker, NoAnswer } from "./broker.ts"
import { asked, unavailable } from "./failures.ts"
import { peerSubject } from "./peer-subjects.ts"

export interface NatsPeerOptions extends PeerOptions {
  /** The log's name. */
  readonly name?: string
}

/**
 * Listens under this node's name. `StoreFailed` where this user may not, or the servers take no
 * messages of this size.
 */
export const openPeers = (
  broker: Broker,
  options: NatsPeerOptions,
): Effect.Effect<Peers, StoreFailed | Unavailable, Scope.Scope> => {
  const { name = "intelgraph", own } = options
  return makePeers(options, (listener) =>
    Effect.tap(
      Effect.acquireRelease(
        Effect.sync(() => new NatsLine(broker, name, own, listener)),
        (line) =>
          Effect.timeoutOption(
            Effect.promise(() => line.close()),
            natsRequestMillisMax,
          ),
      ),
      (line) =>
        Effect.timeoutOrElse(
          asked(["StoreFailed"], () => line.probe()),
          {
            duration: natsRequestMillisMax,
            orElse: () => Effect.fail(unavailable("no server answers in time.")),
          },
        ),
    ),
  )
}

class NatsLine implements PeerLine {
  readonly #broker: Broker
  readonly #name: string
  readonly #own: Who
  readonly #listener: PeerListener
  readonly #subscriptions: readonly Subscription[]
  #isUp = true
  #refusal: Error | undefined

  constructor(broker: Broker, name: string, own: Who, listener: PeerListener) {
    this.#broker = broker
    this.#name = name
    this.#own = own
    this.#listener = listener
    const { node, incarnation } = own
    const heard = ({ data }: Msg) => listener.heard(data)
    this.#subscriptions = [
      this.#listen(peerSubject(name, node, { kind: "door" }), heard),
      this.#listen(peerSubject(name, node, { kind: "in", incarnation }), heard),
      this.#listen(
        peerSubject(name, node, { kind: "no", incarnation, number: "*" }),
        ({ subject }) => listener.unheard(Number(subject.slice(subject.lastIndexOf(".") + 1))),
      ),
    ]
    void this.#follow()
  }

  isUp(): boolean {
    return this.#isUp && !this.#broker.connection.isClosed()
  }

  send({ node, incarnation }: PeerPlace, frame: Uint8Array, unheard?: number): void {
    if (!this.isUp()) return
    const at = incarnation === undefined ? door : ({ kind: "in", incarnation } as const)
    this.#broker.connection.publish(
      peerSubject(this.#name, node, at),
      frame,
      unheard === undefined ? {} : { reply: this.#noticeOf(unheard) },
    )
  }

  /** Throws where this user may not listen or send, or where frames are too large. */
  async probe(): Promise<void> {
    const { connection } = this.#broker
    const bytesMax = connection.info?.max_payload ?? 0
    if (bytesMax < peerFrameBytesMax) throw tooSmall(bytesMax)
    await connection.flush()
    if (this.#refusal !== undefined) throw this.#refusal
    const { node, incarnation } = this.#own
    try {
      const probe = peerSubject(this.#name, node, { kind: "probe", incarnation })
      await this.#broker.confirmLast([probe], none)
    } catch (error) {
      if (!(error instanceof NoAnswer && error.nobodyThere)) throw error
    }
  }

  /** What was said last is on its way before the connection may be closed. */
  async close(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.unsubscribe()
    if (this.isUp()) await this.#broker.connection.flush().catch(() => undefined)
    this.#isUp = false
  }

  #listen(subject: string, heard: (message: Msg) => void): Subscription {
    return this.#broker.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) heard(message)
        else this.#refusal = error
      },
    })
  }

  #noticeOf(number: number): string {
    const { node, incarnation } = this.#own
    return peerSubject(this.#name, node, { kind: "no", incarnation, number })
  }

  async #follow(): Promise<void> {
    for await (const { type } of this.#broker.connection.status()) {
      if (type === "reconnect") this.#isUp = true
      if (type !== "disconnect" && type !== "close") continue
      this.#isUp = false
      this.#listener.cut()
    }
  }
}

const door = { kind: "door" } as const
const none = new Uint8Array(0)

const tooSmall = (bytesMax: number) =>
  new StoreFailed({
    store: "nats",
    message: `The NATS servers take ${bytesMax} bytes at once; nodes send ${peerFrameBytesMax}.`,
    next: "Leave `max_payload` of the servers at its default of 1 MiB, or above.",
  })
