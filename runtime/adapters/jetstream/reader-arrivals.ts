/** What comes to a reader from its consumer: blocks, and what the server says of a request. */
import type { Msg } from "@nats-io/nats-core"
import { invariant } from "../../../protocols/errors.ts"

/** Codes of what is not a block. */
export const statusCodes = { heartbeat: 100, conflict: 409, noResponders: 503 } as const

export interface Arrived {
  readonly subject: string
  readonly sequence: number
  /** The consumer's own count. */
  readonly delivered: number
  /** Blocks that the consumer had not delivered yet. */
  readonly left: number
  readonly block: Uint8Array
}

/** `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<times>.<place>.<count>.<time>.<left>[.…]` */
export function arrivalOf(message: Msg): Arrived {
  const tokens = (message.reply ?? "").split(".")
  const at = tokens.length === 9 ? 5 : 7
  const sequence = Number(tokens[at])
  const delivered = Number(tokens[at + 1])
  const left = Number(tokens[at + 3])
  const isRead = [sequence, delivered, left].every(Number.isSafeInteger)
  invariant(isRead, "A delivery names its place.")
  const { data } = message
  // A view keeps alive all that arrived beside it: little, where the block is most of it.
  const { buffer, byteOffset, byteLength } = data
  const isAlone = buffer.byteLength <= 2 * byteLength
  const block = isAlone ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(data)
  return { subject: message.subject, sequence, delivered, left, block }
}
