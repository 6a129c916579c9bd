/**
 * Messages on their way out: what is asked in one turn of the event loop leaves together at its
 * end, and where much waits for answers, a moment later. The client would write to its socket as
 * often as somebody asks; one write for all of them also has the server answer them together.
 * Enough for a write leaves at once: otherwise the server would wait until this process has worked
 * off all that it was told, and this process then for the server.
 */
import type { MsgHdrs, NatsConnection } from "@nats-io/nats-core"
import { natsGatherMessages, natsGatherMillis } from "../../../protocols/limits.ts"

export interface OutgoingMessage {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers?: MsgHdrs
  readonly reply?: string
  /** It cannot leave: the connection is closed, or it is larger than the server takes. */
  readonly failed?: (error: unknown) => void
}

export class Outgoing {
  readonly #connection: NatsConnection
  /** Whether so much is under way that a moment is not missed. */
  readonly #isBusy: () => boolean
  #messages: OutgoingMessage[] = []

  constructor(connection: NatsConnection, isBusy: () => boolean) {
    this.#connection = connection
    this.#isBusy = isBusy
  }

  /** In the order of adding. Whether it left is told by an answer, or by none. */
  add(message: OutgoingMessage): void {
    const count = this.#messages.push(message)
    if (count >= natsGatherMessages) return this.#leave()
    if (count > 1) return
    if (this.#isBusy()) setTimeout(this.#leave, natsGatherMillis)
    else setImmediate(this.#leave)
  }

  /** What has not left is not to go out over another connection. */
  drop(): void {
    this.#messages = []
  }

  readonly #leave = (): void => {
    const messages = this.#messages
    this.#messages = []
    for (const { subject, data, headers, reply, failed } of messages) {
      try {
        this.#connection.publish(subject, data, {
          ...(headers === undefined ? {} : { headers }),
          ...(reply === undefined ? {} : { reply }),
        })
      } catch (error) {
        failed?.(error)
      }
    }
  }
}
