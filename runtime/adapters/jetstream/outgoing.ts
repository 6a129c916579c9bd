/**
 * Messages on their way out: what is asked in one turn of the event loop leaves together at its
 * end, and where much waits for answers, a moment later. The client would write to its socket as
 * often as somebody asks; one write for all of them also has the server answer them together.
 * Enough for a write leaves at once: otherwise the server would wait until this process has worked
 * off all that it was told, and this process then for the server.
 *
 * Messages are put into bytes here, all of one write into the same memory, and the client passes
 * these on as they are: it would make several small buffers of each message and copy them together.
 */
import type { NatsConnection } from "@nats-io/nats-core"
import { NatsConnectionImpl } from "@nats-io/nats-core/internal"
import { invariant } from "../../../protocols/errors.ts"
import {
  natsGatheredBytesMax,
  natsGatheredMessagesMax,
  natsGatherMillis,
} from "../../../protocols/limits.ts"

export interface OutgoingMessage {
  /** Subjects and headers are ASCII without spaces or ends of lines within. */
  readonly subject: string
  readonly data: Uint8Array
  /** As `headerText` makes them. */
  readonly headers?: string | undefined
  readonly reply?: string
  /** It cannot leave: the connection is closed, or it is larger than the server takes. */
  readonly failed?: (error: unknown) => void
}

/** Headers as they stand in a message, and nothing where there are none. */
export function headerText(of: Readonly<Record<string, string>>): string | undefined {
  let text = ""
  for (const name in of) text += `${name}: ${of[name]}\r\n`
  return text === "" ? undefined : `NATS/1.0\r\n${text}\r\n`
}

export class Outgoing {
  readonly #connection: NatsConnectionImpl
  /** Whether so much is under way that a moment is not missed. */
  readonly #isBusy: () => boolean
  #messages: OutgoingMessage[] = []
  #bytes = 0

  constructor(connection: NatsConnection, isBusy: () => boolean) {
    invariant(connection instanceof NatsConnectionImpl, "A connection is one of the client's own.")
    this.#connection = connection
    this.#isBusy = isBusy
  }

  /** In the order of adding. Whether it left is told by an answer, or by none. */
  add(message: OutgoingMessage): void {
    const count = this.#messages.push(message)
    this.#bytes += message.data.byteLength
    if (count >= natsGatheredMessagesMax || this.#bytes >= natsGatheredBytesMax)
      return this.#leave()
    if (count > 1) return
    if (this.#isBusy()) setTimeout(this.#leave, natsGatherMillis)
    else setImmediate(this.#leave)
  }

  /** What has not left is not to go out over another connection. */
  drop(): void {
    this.#messages = []
    this.#bytes = 0
  }

  readonly #leave = (): void => {
    const messages = this.#messages
    if (messages.length === 0) return
    this.drop()
    if (!this.#isOpen()) {
      for (const { failed } of messages) failed?.(new Error("the connection is closed"))
      return
    }
    const bytes = encode(messages, this.#bytesMax())
    // Of an empty piece the client would think that it waits, and send nothing that comes after.
    if (bytes.byteLength > 0) this.#connection.protocol.sendCommand(bytes)
  }

  #isOpen(): boolean {
    return !this.#connection.isClosed() && !this.#connection.isDraining()
  }

  #bytesMax(): number {
    return this.#connection.info?.max_payload ?? Number.POSITIVE_INFINITY
  }
}

/** All of them but those that the server does not take. */
export function encode(messages: readonly OutgoingMessage[], bytesMax: number): Uint8Array {
  const heads: string[] = []
  let size = 0
  for (const message of messages) {
    const { headers, data, failed } = message
    if ((headers?.length ?? 0) + data.byteLength > bytesMax) {
      heads.push("")
      failed?.(new Error("it is larger than the server takes"))
      continue
    }
    const head = headOf(message)
    heads.push(head)
    size += head.length + data.byteLength + 2
  }
  const bytes = Buffer.allocUnsafeSlow(size)
  let at = 0
  for (const [i, head] of heads.entries()) {
    const data = messages[i]?.data
    if (head === "" || data === undefined) continue
    at += bytes.write(head, at, "latin1")
    bytes.set(data, at)
    at += data.byteLength
    bytes[at++] = carriageReturn
    bytes[at++] = lineFeed
  }
  return bytes
}

const carriageReturn = 13
const lineFeed = 10

/** The line of the protocol, and the headers. */
function headOf({ subject, data, headers, reply = "" }: OutgoingMessage): string {
  const to = reply === "" ? subject : `${subject} ${reply}`
  if (headers === undefined) return `PUB ${to} ${data.byteLength}\r\n`
  const bytes = headers.length + data.byteLength
  return `HPUB ${to} ${headers.length} ${bytes}\r\n${headers}`
}
