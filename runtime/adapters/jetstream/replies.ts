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

interface Waiting {
  readonly subject: string
  readonly endMillis: number
  readonly resolve: (answer: Msg) => void
  readonly reject: (error: unknown) => void
}

interface Expected {
  readonly reply: string
  readonly answer: Promise<Msg>
  /** What asks could not be sent. */
  readonly failed: (error: unknown) => void
}

export class Replies {
  readonly #inbox = createInbox()
  readonly #waiting = new Map<string, Waiting>()
  #next = 0
  #looking: NodeJS.Timeout | undefined

  constructor(connection: NatsConnection) {
    connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, answer) => {
        if (error === null) this.#answered(answer)
      },
    })
  }

  /** Answers that are waited for. */
  get size(): number {
    return this.#waiting.size
  }

  /** Where the answer is to be sent, and the answer. */
  expect(subject: string, timeoutMillis: number): Expected {
    const token = (this.#next++).toString(36)
    const { promise: answer, resolve, reject } = Promise.withResolvers<Msg>()
    const endMillis = performance.now() + timeoutMillis
    this.#waiting.set(token, { subject, endMillis, resolve, reject })
    this.#looking ??= setTimeout(() => this.#look(), natsLookMillis).unref()
    const failed = (error: unknown) => {
      this.#waiting.delete(token)
      reject(error)
    }
    return { reply: `${this.#inbox}.${token}`, answer, failed }
  }

  /** No answer will come to what was asked so far. */
  lost(): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) reject(new Error("the connection is lost"))
  }

  /** The server does not let this user ask. */
  violated(error: PermissionViolationError): void {
    for (const [token, { subject, reject }] of this.#waiting) {
      if (subject !== error.subject) continue
      this.#waiting.delete(token)
      reject(error)
    }
  }

  #answered(answer: Msg): void {
    const token = answer.subject.slice(this.#inbox.length + 1)
    const waiting = this.#waiting.get(token)
    this.#waiting.delete(token)
    waiting?.resolve(answer)
  }

  #look(): void {
    const now = performance.now()
    for (const [token, { endMillis, reject }] of this.#waiting) {
      if (endMillis > now) continue
      this.#waiting.delete(token)
      reject(new Error("no answer in time"))
    }
    const isIdle = this.#waiting.size === 0
    this.#looking = isIdle ? undefined : setTimeout(() => this.#look(), natsLookMillis).unref()
  }
}
