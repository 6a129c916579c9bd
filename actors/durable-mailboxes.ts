/**
 * Counters of the durable mailboxes that this node owns: one per partition, as contracts §4 wants them.
 * A mailbox's books open at takeover with what the log already holds, so that the equation
 * `admitted = handled + deadLettered + expired + shed + pending` holds from the first block on.
 */
import type { Partition } from "../protocols/address.ts"
import { brokenMailboxEquation, type MailboxCounters } from "../protocols/counters.ts"

interface Books {
  offered: number
  admitted: number
  refused: number
  handled: number
  queued: number
  inTurn: number
}

export class DurableMailboxes {
  readonly #books = new Map<string, Books>()

  /** Takes over what was appended before and not acknowledged. */
  opened(partition: Partition, pending: number): void {
    const books = this.#of(partition)
    books.offered += pending
    books.admitted += pending
    books.queued += pending
  }

  /** The log answered an offer; `repeated` blocks were admitted before. */
  offered(partition: Partition, answer: "admitted" | "repeated" | "refused"): void {
    if (answer === "repeated") return
    const books = this.#of(partition)
    books.offered++
    if (answer === "refused") {
      books.refused++
    } else {
      books.admitted++
      books.queued++
    }
  }

  /** A partition began with a block, or gave it back unhandled (`-1`). */
  begun(partition: Partition, blocks: 1 | -1): void {
    const books = this.#of(partition)
    books.queued -= blocks
    books.inTurn += blocks
  }

  /** The block is committed downstream. */
  handled(partition: Partition): void {
    const books = this.#of(partition)
    books.inTurn--
    books.handled++
  }

  depth(tenant: string): number {
    let depth = 0
    for (const [key, books] of this.#books) {
      if (key.startsWith(`${tenant}/`)) depth += books.queued + books.inTurn
    }
    return depth
  }

  counters(partition: Partition): MailboxCounters {
    const books = this.#of(partition)
    return { ...books, deadLettered: 0, expired: 0, shed: 0, stashed: 0, parked: 0 }
  }

  /** Sentences for the mailboxes whose equation does not hold. */
  broken(): readonly string[] {
    const sentences: string[] = []
    for (const [key, books] of this.#books) {
      const zeros = { deadLettered: 0, expired: 0, shed: 0, stashed: 0, parked: 0 }
      const broken = brokenMailboxEquation({ ...books, ...zeros })
      if (broken !== undefined) sentences.push(`mailbox of ${key}: ${broken}`)
    }
    return sentences
  }

  #of({ tenant, partition }: Partition): Books {
    const key = `${tenant}/${partition}`
    let books = this.#books.get(key)
    if (books === undefined) {
      books = { offered: 0, admitted: 0, refused: 0, handled: 0, queued: 0, inTurn: 0 }
      this.#books.set(key, books)
    }
    return books
  }
}
