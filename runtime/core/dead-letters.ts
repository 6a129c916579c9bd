/**
 * Dead letters of the runtime: messages that were admitted and will not be handled. The newest are
 * kept for a look, within a bound of count and of bytes; all are counted, by reason.
 */
import type { Address } from "../../protocols/address.ts"
import {
  deadLetterReasonsMax,
  deadLettersKeptBytesMax,
  deadLettersKeptMax,
} from "../../protocols/limits.ts"

export interface ActorDeadLetter {
  readonly address: Address
  readonly message: unknown
  readonly reason: string
  /** The error's text, where one was the reason. */
  readonly error: string | undefined
  readonly atMicros: number
  readonly bytes: number
}

export class DeadLetters {
  private readonly letters: ActorDeadLetter[] = []
  private readonly counts = new Map<string, number>()
  private bytes = 0

  add(letter: ActorDeadLetter): void {
    const known = this.counts.has(letter.reason) || this.counts.size < deadLetterReasonsMax
    const reason = known ? letter.reason : "other"
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1)
    this.letters.push(letter)
    this.bytes += letter.bytes
    while (this.letters.length > deadLettersKeptMax || this.bytes > deadLettersKeptBytesMax) {
      this.bytes -= this.letters.shift()?.bytes ?? 0
      if (this.letters.length === 0) break
    }
  }

  /** The newest, oldest first. */
  kept(): readonly ActorDeadLetter[] {
    return [...this.letters]
  }

  byReason(): ReadonlyMap<string, number> {
    return this.counts
  }
}
