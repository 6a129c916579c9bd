/**
 * Messages on their way out: what is asked in one turn of the event loop leaves together at its
 * end, and where much waits for answers, a moment later. The client would write to its socket as
 * often as somebody asks; one write for all of them also has the server answer them together.
 * Enough for a write leaves at once: otherwise the server would wait until this process has worked
 * off all that it was told, and this process then for the server.
 *
 * Messages are put into bytes here, all of one write into the same memory, and the client passes
 * these on as they are: it would make several small buffers of each message and copy them together.
 * The data of a large one is a piece by itself. The client joins what leaves in one turn, so where
 * several do, it would be copied here and there.
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
  /** Must stay as it is until it has left. */
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
    const [first, ...rest] = encode(messages, this.#bytesMax())
    if (first !== undefined) this.#connection.protocol.sendCommand(first, ...rest)
  }

  #isOpen(): boolean {
    return !this.#connection.isClosed() && !this.#connection.isDraining()
  }

  #bytesMax(): number {
    return this.#connection.info?.max_payload ?? Number.POSITIVE_INFINITY
  }
}

/** All of them but those that the server does not take, in pieces that follow each other. */
export function encode(
  messages: readonly OutgoingMessage[],
  bytesMax: number,
): readonly Uint8Array[] {
  const pieces: Uint8Array[] = []
  let small: OutgoingMessage[] = []
  const join = () => {
    if (small.length > 0) pieces.push(joined(small))
    small = []
  }
  for (const message of messages) {
    const { headers, data, failed } = message
    if ((headers?.length ?? 0) + data.byteLength > bytesMax) {
      failed?.(new Error("it is larger than the server takes"))
    } else if (data.byteLength < natsGatheredBytesMax) {
      small.push(message)
    } else {
      join()
      pieces.push(Buffer.from(headOf(message), "latin1"), data, lineEnd)
    }
  }
  join()
  return pieces
}

function joined(messages: readonly OutgoingMessage[]): Uint8Array {
  const headed = messages.map((message) => [headOf(message), message.data] as const)
  let size = 0
  for (const [head, data] of headed) size += head.length + data.byteLength + lineEnd.byteLength
  const bytes = Buffer.allocUnsafeSlow(size)
  let at = 0
  for (const [head, data] of headed) {
    at += bytes.write(head, at, "latin1")
    bytes.set(data, at)
    at += data.byteLength
    bytes.set(lineEnd, at)
    at += lineEnd.byteLength
  }
  return bytes
}

const lineEnd = Buffer.from("\r\n")

/** The line of the protocol, and the headers. */
function headOf({ subject, data, headers, reply = "" }: OutgoingMessage): string {
  const to = reply === "" ? subject : `${subject} ${reply}`
  if (headers === undefined) return `PUB ${to} ${data.byteLength}\r\n`
  const bytes = headers.length + data.byteLength
  return `HPUB ${to} ${headers.length} ${bytes}\r\n${headers}`
}
