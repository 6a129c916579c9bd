/**
 * What a socket has been given and has not taken yet. Everything that is live is written through
 * one of these, so that no reader, however slow, makes the process hold more than
 * `subscriberWaitingBytesMax` bytes or `subscriberWaitingMessagesMax` messages for it.
 *
 * Nothing queues here: who finds no room asks to be told when the socket has taken all, and reads
 * what it missed from where it is kept. A socket that takes nothing for too long is reported as
 * stalled, once.
 */
import { subscriberWaitingBytesMax, subscriberWaitingMessagesMax } from "../../protocols/limits.ts"

/** A socket, or an answer that is written in parts. */
export interface Writable {
  readonly writableLength: number
  write(bytes: Uint8Array, taken: () => void): boolean
}

export class Wire {
  readonly #to: Writable
  readonly #onStalled: () => void
  readonly #stallMillisMax: number
  readonly #waiting: (() => void)[] = []
  #writesUnderWay = 0
  #messages = 0
  #stall: NodeJS.Timeout | undefined

  constructor(to: Writable, stallMillisMax: number, onStalled: () => void) {
    this.#to = to
    this.#stallMillisMax = stallMillisMax
    this.#onStalled = onStalled
  }

  write(bytes: Uint8Array, messages: number): void {
    if (this.#to.writableLength === 0) this.#messages = 0
    this.#messages += messages
    this.#writesUnderWay += 1
    this.#to.write(bytes, this.#taken)
  }

  /** Whether so much more may wait. What is alone may always, however large. */
  hasRoom(bytes: number, messages: number): boolean {
    const waiting = this.#to.writableLength
    if (waiting === 0) return true
    return (
      waiting + bytes <= subscriberWaitingBytesMax &&
      this.#messages + messages <= subscriberWaitingMessagesMax
    )
  }

  /** Calls back, never at once, when the socket has taken all that it was given. */
  whenTaken(then: () => void): void {
    this.#waiting.push(then)
    if (this.#writesUnderWay === 0) setImmediate(this.#tell)
    else this.#stall ??= setTimeout(this.#onStalled, this.#stallMillisMax)
  }

  /** Nobody is told of anything any more. */
  end(): void {
    clearTimeout(this.#stall)
    this.#waiting.length = 0
  }

  // One function for all writes: Node then tells of those that were taken at once together.
  readonly #taken = () => {
    this.#writesUnderWay -= 1
    if (this.#writesUnderWay === 0) this.#tell()
  }

  readonly #tell = () => {
    clearTimeout(this.#stall)
    this.#stall = undefined
    for (const then of this.#waiting.splice(0)) then()
  }
}
