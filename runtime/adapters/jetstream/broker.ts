/**
 * Requests to JetStream over one connection, and what their failures mean. Nothing is retried here:
 * what has no answer is `NoAnswer`, and only the caller knows whether it may ask again. What waits
 * for an answer when the connection is lost will get none, and ends at once.
 */
import {
  headers,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  PermissionViolationError,
} from "@nats-io/nats-core"
import { natsGatherFrom, natsRequestMillisMax } from "../../../protocols/limits.ts"
import { headerText, Outgoing } from "./outgoing.ts"
import { late, Replies } from "./replies.ts"

/** The server answered with an error of its API. */
export class ApiFailed extends Error {
  readonly code: number
  readonly errorCode: number

  constructor(asked: string, { code, err_code, description }: WireApiError) {
    super(`${asked}: ${description ?? "failed"} (${err_code ?? code})`)
    this.code = code
    this.errorCode = err_code ?? 0
  }
}

/** There is no answer: whether it was done is unknown, unless nobody was there to do it. */
export class NoAnswer extends Error {
  readonly nobodyThere: boolean
  /** The time was up. */
  readonly isLate: boolean

  constructor(asked: string, cause: unknown) {
    super(`${asked}: ${cause instanceof Error ? cause.message : "failed"}`)
    this.nobodyThere = cause === nobody
    this.isLate = cause === late
  }
}

interface WireApiError {
  readonly code: number
  readonly err_code?: number
  readonly description?: string
}

export interface Stored {
  readonly subject: string
  readonly sequence: number
  readonly headers: MsgHdrs | undefined
  readonly data: Uint8Array
}

export interface PublishAnswer {
  readonly seq: number
  readonly duplicate?: boolean
}

export interface Message {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

interface WireStored {
  readonly message: {
    readonly subject: string
    readonly seq: number
    readonly hdrs?: string
    readonly data?: string
  }
}

/** Error codes of the server that this adapter tells apart. */
export const errorCodes = {
  notEnoughPeers: 10_005,
  unavailable: 10_008,
  notLeader: 10_009,
  consumerNotFound: 10_014,
  consumerNotAlone: 10_100,
  consumerExists: 10_148,
  messageNotFound: 10_037,
  streamNotFound: 10_059,
  streamExists: 10_058,
  wrongLastSequence: 10_071,
  storeFailed: 10_077,
  idInFlight: 10_158,
  sequenceInFlight: 10_164,
  batchIncomplete: 10_176,
  batchesInFlight: 10_210,
} as const

const textEncoder = new TextEncoder()

export class Broker {
  readonly connection: NatsConnection
  readonly #replies: Replies
  readonly #outgoing: Outgoing
  #isConnected = true
  #isSteady = true

  constructor(connection: NatsConnection) {
    this.connection = connection
    this.#replies = new Replies(connection)
    const isBusy = () => this.#replies.size >= natsGatherFrom
    this.#outgoing = new Outgoing(connection, isBusy)
  }

  /** No question went without an answer so far, and no servers were without a leader or a peer. */
  get isSteady(): boolean {
    return this.#isSteady
  }

  /** The connection came or went, as it says itself. */
  connected(isConnected: boolean): void {
    this.#isConnected = isConnected
    if (isConnected) return
    this.#outgoing.drop()
    this.#replies.lost()
  }

  /** The server said that this user may not do something. */
  violated(error: PermissionViolationError): void {
    this.#replies.violated(error)
  }

  /** Asks the JetStream API: `STREAM.INFO.<stream>` and the like. */
  async api<A>(
    verb: string,
    body: unknown = undefined,
    timeout = natsRequestMillisMax,
  ): Promise<A> {
    const asked = body === undefined ? "" : JSON.stringify(body)
    const data = textEncoder.encode(asked)
    const read = (answer: Msg) => readAnswer<A>(verb, answer)
    return await this.#ask({ subject: `$JS.API.${verb}`, data, timeout }, read)
  }

  /** Stores one message. */
  publish({ subject, data, headers: of }: Message): Promise<PublishAnswer> {
    const read = (answer: Msg) => readAnswer<PublishAnswer>(`publish to ${subject}`, answer)
    return this.#ask({ subject, data, headers: headerText(of) }, read)
  }

  /**
   * Stores all of these messages or none. Each try is a batch of its own, so that what is left of
   * an earlier one never mixes with it.
   */
  async publishBatch(batch: string, messages: readonly Message[]): Promise<PublishAnswer> {
    const last = messages.length - 1
    const parts = messages.map((message, at) => ({
      ...message,
      headers: {
        ...message.headers,
        "Nats-Batch-Id": batch,
        "Nats-Batch-Sequence": String(at + 1),
        ...(at === last ? { "Nats-Batch-Commit": "1" } : {}),
      },
    }))
    for (const { subject, data, headers: of } of parts.slice(0, last)) {
      this.#outgoing.add({ subject, data, headers: headerText(of) })
    }
    const commit = parts[last]
    if (commit === undefined) throw new Error("A batch has messages.")
    return await this.publish(commit)
  }

  /**
   * Sends all of these at once, over one connection, and waits for an answer to the last: to one
   * who works them in their order it tells of all of them.
   */
  async confirmLast(subjects: readonly string[], data: Uint8Array): Promise<void> {
    for (const subject of subjects.slice(0, -1)) this.#outgoing.add({ subject, data })
    const last = subjects.at(-1)
    if (last !== undefined) await this.#ask({ subject: last, data }, () => undefined)
  }

  /** What the stream's leader holds at a place, or of a subject; `undefined` where it has none. */
  async stored(
    stream: string,
    of:
      | { readonly seq: number; readonly next_by_subj?: string }
      | { readonly last_by_subj: string },
  ): Promise<Stored | undefined> {
    try {
      const { message } = await this.api<WireStored>(`STREAM.MSG.GET.${stream}`, of)
      return {
        subject: message.subject,
        sequence: message.seq,
        headers: message.hdrs === undefined ? undefined : readHeaders(message.hdrs),
        data: new Uint8Array(Buffer.from(message.data ?? "", "base64")),
      }
    } catch (error) {
      if (error instanceof ApiFailed && error.errorCode === errorCodes.messageNotFound) {
        return undefined
      }
      throw error
    }
  }

  #ask<A>(question: Question, read: (answer: Msg) => A): Promise<A> {
    return new Promise<A>((resolve, reject) => {
      const { subject, data, headers: of, timeout = natsRequestMillisMax } = question
      const fail = (error: unknown) => {
        if (isUnsteady(error)) this.#isSteady = false
        reject(error)
      }
      const failed = (error: unknown) =>
        fail(error instanceof PermissionViolationError ? error : new NoAnswer(subject, error))
      if (!this.#isConnected) return failed(new Error("the connection is lost"))
      const heard = (answer: Msg) => {
        if (isNobody(answer)) return failed(nobody)
        try {
          resolve(read(answer))
        } catch (error) {
          fail(error)
        }
      }
      const endMillis = performance.now() + timeout
      const reply = this.#replies.expect({ subject, endMillis, heard, failed })
      const unsent = (error: unknown) => this.#replies.unsent(reply, error)
      this.#outgoing.add({ subject, data, headers: of, reply, failed: unsent })
    })
  }
}

interface Question {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers?: string | undefined
  readonly timeout?: number
}

/** The servers elect who leads them all, and did nothing of what they were asked. */
const isLeaderless = (error: unknown): boolean =>
  error instanceof ApiFailed &&
  (error.errorCode === errorCodes.unavailable || error.errorCode === errorCodes.notLeader)

/** Nobody answers for a stream before it has a leader, or at all while the servers have none. */
export const isDropped = (error: unknown): boolean =>
  isLeaderless(error) || (error instanceof NoAnswer && error.isLate)

const isUnsteady = (error: unknown): boolean =>
  error instanceof NoAnswer ||
  isLeaderless(error) ||
  (error instanceof ApiFailed && error.errorCode === errorCodes.notEnoughPeers)

/** The server itself answers in place of somebody who is not there. */
const isNobody = (answer: Msg): boolean =>
  answer.data.byteLength === 0 && answer.headers?.code === 503

const nobody = new Error("nobody answers")

function readAnswer<A>(asked: string, message: Msg): A {
  const answer = message.json<A & { readonly error?: WireApiError }>()
  if (answer.error !== undefined) throw new ApiFailed(asked, answer.error)
  return answer
}

/** Headers as they are stored: a status line, then `name: value` lines. */
function readHeaders(base64: string): MsgHdrs {
  const made = headers()
  for (const line of Buffer.from(base64, "base64").toString("utf8").split("\r\n").slice(1)) {
    const at = line.indexOf(":")
    if (at > 0) made.append(line.slice(0, at), line.slice(at + 1).trim())
  }
  return made
}
