/**
 * A message that several reads of a socket bring gets its memory at once.
 *
 * The client begins with what the first read brought and makes it larger with each further one, by
 * more than twice. That memory is outside the heap, where it counts for how often all of the heap
 * is collected, and a message that uses little of it is copied once more. What it is worth stands
 * in decision 0025. Messages are the same either way.
 */
import { Parser } from "@nats-io/nats-core/internal"
import { natsWholeBytesMax } from "../../../protocols/limits.ts"

let isDone = false

/** Of all connections of this thread. */
export function receiveWhole(): void {
  if (isDone) return
  isDone = true
  const { parse } = Parser.prototype
  Parser.prototype.parse = function (this: Parser, read: Uint8Array): void {
    parse.call(this, read)
    if (this.msgBuf !== undefined) makeRoom(this.msgBuf, this.ma.size)
  }
}

type Buffered = NonNullable<Parser["msgBuf"]>

function makeRoom(buffered: Buffered, size: number): void {
  if (buffered.capacity >= size || size > natsWholeBytesMax) return
  const begun = buffered.bytes({ copy: false })
  const whole = new Uint8Array(size)
  whole.set(begun)
  buffered._buf = whole.subarray(0, begun.byteLength)
}
