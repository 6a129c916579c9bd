/**
 * Answers to requests, matched by the last token of the subject on which they arrive. The client
 * has requests of its own; those make two errors with stacks and a timer each, and were a fifth of
 * the time that a block takes. Here one timer looks at all of them, a few times a second.
 */
import {
  createInbox,
  type Msg,
  type NatsConnection,
  type PermissionViolationError,
} from "@nats-io/nats-core"
import { natsLookMillis } from "../../../protocols/limits.ts"

/** Who waits; one of the two is called, once. */
interface Waiting {
  readonly subject: string
  readonly endMillis: number
  readonly heard: (answer: Msg) => void
  readonly failed: (error: unknown) => void
}

/** Whoever was asked may have dropped the question without a word. */
export const late = new Error("no answer in time")

export class Replies {
  /** With the dot that stands before a token. */
  readonly #inbox = `${createInbox()}.`
  readonly #waiting = new Map<string, Waiting>()
  #next = 0
  #looking: NodeJS.Timeout | undefined

  constructor(connection: NatsConnection) {
    connection.subscribe(`${this.#inbox}*`, {
      callback: (error, answer) => {
        if (error === null) this.#take(answer.subject)?.heard(answer)
      },
    })
  }

  /** Answers that are waited for. */
  get size(): number {
    return this.#waiting.size
  }

  /** Where the answer is to be sent. */
  expect(waiting: Waiting): string {
    const token = (this.#next++).toString(36)
    this.#waiting.set(token, waiting)
    this.#looking ??= setTimeout(() => this.#look(), natsLookMillis).unref()
    return this.#inbox + token
  }

  /** What asks for this answer could not be sent. */
  unsent(reply: string, error: unknown): void {
    this.#take(reply)?.failed(error)
  }

  /** No answer will come to what was asked so far. */
  lost(): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { failed } of waiting) failed(new Error("the connection is lost"))
  }

  /** The server does not let this user ask. */
  violated(error: PermissionViolationError): void {
    for (const [token, { subject, failed }] of this.#waiting) {
      if (subject !== error.subject) continue
      this.#waiting.delete(token)
      failed(error)
    }
  }

  #take(reply: string): Waiting | undefined {
    const token = reply.slice(this.#inbox.length)
    const waiting = this.#waiting.get(token)
    this.#waiting.delete(token)
    return waiting
  }

  #look(): void {
    const now = performance.now()
    for (const [token, { endMillis, failed }] of this.#waiting) {
      if (endMillis > now) continue
      this.#waiting.delete(token)
      failed(late)
    }
    const isIdle = this.#waiting.size === 0
    this.#looking = isIdle ? undefined : setTimeout(() => this.#look(), natsLookMillis).unref()
  }
}
