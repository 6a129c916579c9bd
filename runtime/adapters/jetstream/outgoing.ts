/**
 * Messages on their way out: what is asked in one turn of the event loop leaves together at its
 * end. The client would write to its socket as often as somebody asks; one write for all of them
 * also has the server answer them together.
 */
import type { MsgHdrs, NatsConnection } from "@nats-io/nats-core"

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
  #messages: OutgoingMessage[] = []

  constructor(connection: NatsConnection) {
    this.#connection = connection
  }

  /** In the order of adding. Whether it left is told by an answer, or by none. */
  add(message: OutgoingMessage): void {
    if (this.#messages.push(message) === 1) setImmediate(() => this.#leave())
  }

  /** What has not left is not to go out over another connection. */
  drop(): void {
    this.#messages = []
  }

  #leave(): void {
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
