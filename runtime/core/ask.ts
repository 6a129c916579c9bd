/**
 * Asks that wait for an answer. All asks of one time-out stand in one list in order of their
 * deadlines, with one timer for the list: a timer for each ask would cost more than the ask
 * (architecture D1).
 *
 * Promises: `settle` is called exactly once for each opened ask, unless it is cancelled first; with
 * `DeadlineExceeded` not before its deadline.
 */
import { DeadlineExceeded, MailboxFull } from "../../protocols/errors.ts"
import { askMillisDefault, askMillisMax, asksOpenMax } from "../../protocols/limits.ts"
import type { AskError } from "./actor.ts"
import type { Host } from "./host.ts"

export type Settle = (value: unknown, error: AskError | undefined) => void

export class Ask {
  settle: Settle | undefined
  deadlineMillis = 0
  list: DeadlineList | undefined = undefined
  previous: Ask | undefined = undefined
  next: Ask | undefined = undefined

  constructor(settle: Settle) {
    this.settle = settle
  }
}

class DeadlineList {
  readonly millis: number
  first: Ask | undefined = undefined
  last: Ask | undefined = undefined
  armed = false

  constructor(millis: number) {
    this.millis = millis
  }
}

export class Asks {
  open = 0
  private readonly host: Host
  private readonly lists = new Map<number, DeadlineList>()

  constructor(host: Host) {
    this.host = host
  }

  /** Starts the deadline; refused where too many asks of this node are open. */
  begin(ask: Ask, timeoutMillis = askMillisDefault): MailboxFull | undefined {
    if (this.open >= asksOpenMax) return tooManyAsks(timeoutMillis)
    const millis = Math.min(Math.max(1, Math.ceil(timeoutMillis)), askMillisMax)
    let list = this.lists.get(millis)
    if (list === undefined) {
      list = new DeadlineList(millis)
      this.lists.set(millis, list)
    }
    ask.deadlineMillis = this.host.nowMillis() + millis
    ask.list = list
    ask.previous = list.last
    if (list.last === undefined) list.first = ask
    else list.last.next = ask
    list.last = ask
    this.open += 1
    if (!list.armed) this.arm(list, millis)
    return undefined
  }

  answer(ask: Ask, value: unknown): void {
    const settle = this.end(ask)
    if (settle !== undefined) settle(value, undefined)
  }

  fail(ask: Ask, error: AskError): void {
    const settle = this.end(ask)
    if (settle !== undefined) settle(undefined, error)
  }

  /** The asker has gone; nobody is told any more. */
  cancel(ask: Ask): void {
    this.end(ask)
  }

  private end(ask: Ask): Settle | undefined {
    const { settle, list } = ask
    if (settle === undefined) return undefined
    ask.settle = undefined
    if (list === undefined) return settle
    if (ask.previous === undefined) list.first = ask.next
    else ask.previous.next = ask.next
    if (ask.next === undefined) list.last = ask.previous
    else ask.next.previous = ask.previous
    ask.previous = undefined
    ask.next = undefined
    ask.list = undefined
    this.open -= 1
    return settle
  }

  private arm(list: DeadlineList, millis: number): void {
    list.armed = true
    this.host.after(millis, () => this.expire(list))
  }

  private expire(list: DeadlineList): void {
    list.armed = false
    const now = this.host.nowMillis()
    let ask = list.first
    while (ask !== undefined && ask.deadlineMillis <= now) {
      this.fail(ask, deadlineExceeded(list.millis))
      ask = list.first
    }
    if (ask !== undefined) {
      if (!list.armed) this.arm(list, Math.max(1, ask.deadlineMillis - now))
    } else if (!list.armed) this.lists.delete(list.millis)
  }
}

const deadlineExceeded = (millis: number) =>
  new DeadlineExceeded({
    message: `No answer within ${millis} ms; the message may still be handled.`,
    retryAfterMillis: millis,
  })

const tooManyAsks = (retryAfterMillis: number) =>
  new MailboxFull({
    message: `More than ${asksOpenMax} asks wait for their answers.`,
    mailbox: "asks",
    limit: "concurrency",
    retryAfterMillis,
  })
