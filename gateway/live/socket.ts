/**
 * One WebSocket that speaks `graphql-transport-ws`. What a message may be is judged by the
 * published package; what it does stands here, since the package's own server makes each event for
 * each subscriber anew (decision 0015).
 *
 * Promises: who is not let in gets no event; an operation's id is one operation's at a time; every
 * operation that is not ended by the client ends with `complete`, `error` or the socket; a client
 * that does not read cannot make the node hold more for it than the wire's bounds and one answer.
 */
import {
  CloseCode,
  type CompleteMessage,
  type ConnectionInitMessage,
  MessageType,
  parseMessage,
  type SubscribeMessage,
  stringifyMessage,
} from "graphql-ws"
import type { RawData, WebSocket } from "ws"
import {
  liveCloseMillisMax,
  liveInitMillisMax,
  liveOperationIdLengthMax,
  liveOperationsPerSocketMax,
} from "../../protocols/limits.ts"
import type { Access } from "../access/access.ts"
import { isPromise } from "../bridge.ts"
import { exceeded } from "../cost.ts"
import { formatErrors } from "../errors.ts"
import type { QueryRequest } from "../execute.ts"
import { nextFrames, textFrame } from "./frame.ts"
import type { Live, Open, Subscribed } from "./live.ts"
import { prepareSubscription } from "./operation.ts"
import type { Outlet } from "./outlet.ts"
import { Wire, type Writable } from "./wire.ts"

/** Close codes beside the protocol's. Clients come back after each of them. */
export const closeCodes = { ending: 1001, full: 1013, stalled: 4413 } as const

/** A close frame has room for so much. */
const reasonBytesMax = 123

export interface SocketOptions {
  readonly live: Live
  readonly webSocket: WebSocket
  /** Below the WebSocket: frames of events are written to it as they are. */
  readonly socket: Writable
  /** Who was known at the upgrade. */
  readonly access: Access | undefined
  /** By the `authorization` of `connection_init`; `undefined` for nobody that is known. */
  readonly authenticate: (authorization: string) => Access | undefined
}

interface Operation {
  subscribed: Subscribed | undefined
}

export class LiveSocket implements Open {
  readonly #options: SocketOptions
  readonly #wire: Wire
  readonly #operations = new Map<string, Operation>()
  readonly #release: () => void
  #leave: (() => void) | undefined
  #access: Access | undefined
  #isInitialised = false
  #isClosing = false
  #initWait: NodeJS.Timeout | undefined
  /** Rounds of the heartbeat since something was heard. */
  #silentRounds = 0
  /** What had come already when the socket was paused: less than one read of it. */
  readonly #unread: (readonly [data: RawData, isBinary: boolean])[] = []

  constructor(options: SocketOptions) {
    this.#options = options
    const { live, webSocket } = options
    this.#wire = new Wire(options.socket, live.stallMillisMax, () => this.#closeStalled())
    this.#release = live.open(this)
    // Also before `connection_init`, which may come when the access is over.
    if (options.access !== undefined) this.#leave = live.watch(options.access, this)
    live.counts.sockets += 1
    webSocket.on("message", (data, isBinary) => this.#receive(data, isBinary))
    webSocket.on("pong", () => {
      this.#silentRounds = 0
    })
    webSocket.on("error", () => undefined)
    webSocket.on("close", () => this.#end())
    this.#initWait = setTimeout(() => {
      const code = CloseCode.ConnectionInitialisationTimeout
      this.#close(code, `There was no connection_init within ${liveInitMillisMax} ms.`)
    }, liveInitMillisMax)
  }

  endWithNode(): void {
    this.#close(closeCodes.ending, "The node is ending. Come back with the last `resume`.")
  }

  endOfAccess(): void {
    this.#close(CloseCode.Unauthorized, "The token is good no more.")
  }

  /** A socket that is not heard of is ended; one that only reads slowly is the wire's business. */
  beat(): void {
    if (!this.#wire.hasRoom(0, 1)) return
    this.#silentRounds += 1
    if (this.#silentRounds > 2) this.#options.webSocket.terminate()
    else this.#options.webSocket.ping()
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#silentRounds = 0
    if (this.#isClosing) return
    if (this.#options.webSocket.isPaused) return void this.#unread.push([data, isBinary])
    if (isBinary) return this.#closeBad("Messages are texts.")
    try {
      const message = parseMessage(String(data))
      switch (message.type) {
        case MessageType.ConnectionInit:
          return this.#initialise(message)
        case MessageType.Ping:
          return this.#write(stringifyMessage({ ...message, type: MessageType.Pong }))
        case MessageType.Pong:
          return
        case MessageType.Subscribe:
          return this.#start(message)
        case MessageType.Complete:
          return this.#completed(message)
        default:
          return this.#closeBad(`A client sends no ${message.type}.`)
      }
    } catch {
      this.#closeBad("This is no message of graphql-transport-ws.")
    }
  }

  #initialise({ payload }: ConnectionInitMessage): void {
    if (this.#isInitialised) {
      const code = CloseCode.TooManyInitialisationRequests
      return this.#close(code, "connection_init comes once.")
    }
    this.#isInitialised = true
    clearTimeout(this.#initWait)
    const { live, authenticate } = this.#options
    const { token, authorization = payload?.Authorization } = payload ?? {}
    const said = token === undefined ? authorization : `Bearer ${String(token)}`
    const access = said === undefined ? this.#options.access : authenticate(String(said))
    if (access === undefined) {
      const message = "connection_init needs a payload { token: ig_… } that is good."
      return this.#close(CloseCode.Unauthorized, message)
    }
    try {
      const leave = live.enter(access, this)
      this.#leave?.()
      this.#leave = leave
    } catch (error) {
      return this.#close(closeCodes.full, (error as Error).message)
    }
    this.#access = access
    this.#write(stringifyMessage({ type: MessageType.ConnectionAck }))
  }

  #start({ id, payload }: SubscribeMessage): void {
    const access = this.#access
    if (access === undefined) {
      return this.#close(CloseCode.Unauthorized, "connection_init comes first.")
    }
    if (id.length > liveOperationIdLengthMax) {
      return this.#closeBad(`An id has at most ${liveOperationIdLengthMax} characters.`)
    }
    if (this.#operations.has(id)) {
      return this.#close(CloseCode.SubscriberAlreadyExists, "This id is in use on this socket.")
    }
    const bound = liveOperationsPerSocketMax
    if (this.#operations.size >= bound) {
      const what = "operations on one socket"
      return this.#refuse(id, [exceeded("liveOperationsPerSocketMax", bound, bound + 1, what)])
    }
    const operation: Operation = { subscribed: undefined }
    this.#operations.set(id, operation)
    void this.#run(id, operation, {
      access,
      document: payload.query,
      variables: payload.variables ?? undefined,
      operationName: payload.operationName ?? undefined,
    })
  }

  async #run(id: string, operation: Operation, request: QueryRequest): Promise<void> {
    const { live } = this.#options
    try {
      const prepared = prepareSubscription(live.engine, request)
      if ("answeredOnce" in prepared) await this.#answer(id, operation, request)
      else if ("refused" in prepared) this.#endWith(id, operation, prepared.refused)
      else {
        const outlet = this.#outletOf(id, operation)
        const subscribed = await live.subscribe(prepared.subscription, outlet)
        // Meanwhile the client may have completed it, or the hub ended it.
        if (this.#operations.get(id) === operation) operation.subscribed = subscribed
        else subscribed.leave()
      }
    } catch (error) {
      this.#endWith(id, operation, formatErrors([error], live.engine.onMasked))
    }
  }

  #outletOf(id: string, operation: Operation): Outlet {
    const head = Buffer.from(`{"id":${JSON.stringify(id)},"type":"next","payload":`)
    const { onMasked } = this.#options.live.engine
    return {
      wire: this.#wire,
      send: (frames) => this.#give(nextFrames(head, frames), frames.length),
      fail: (error) => this.#endWith(id, operation, formatErrors([error], onMasked)),
    }
  }

  async #answer(id: string, operation: Operation, request: QueryRequest): Promise<void> {
    const { engine } = this.#options.live
    const answered = engine.answer(request)
    // One that is there at once is written before the next message is looked at.
    const answer = isPromise(answered) ? await answered : answered
    if (this.#operations.get(id) !== operation) return
    if (answer.refused !== undefined) return this.#endWith(id, operation, answer.refused)
    this.#operations.delete(id)
    const head = `{"id":${JSON.stringify(id)},"type":"next","payload":`
    this.#write(`${head}${answer.text}}`)
    this.#write(stringifyMessage({ id, type: MessageType.Complete }))
  }

  #completed({ id }: CompleteMessage): void {
    const operation = this.#operations.get(id)
    this.#operations.delete(id)
    operation?.subscribed?.leave()
  }

  #endWith(id: string, operation: Operation, errors: ReturnType<typeof formatErrors>): void {
    if (this.#operations.get(id) !== operation) return
    this.#operations.delete(id)
    operation.subscribed?.leave()
    this.#write(stringifyMessage({ id, type: MessageType.Error, payload: errors }))
  }

  #refuse(id: string, errors: readonly unknown[]): void {
    const payload = formatErrors(errors, this.#options.live.engine.onMasked)
    this.#write(stringifyMessage({ id, type: MessageType.Error, payload }))
  }

  /** Every answer to a message, pongs and errors too. */
  #write(message: string): void {
    this.#give(textFrame(message), 1)
    this.#readWhenTaken()
  }

  /** Who says more than it reads of what it is told is not listened to until it has read. */
  #readWhenTaken(): void {
    const { webSocket } = this.#options
    if (this.#isClosing || this.#wire.hasRoom(0, 1) || webSocket.isPaused) return
    webSocket.pause()
    this.#wire.whenTaken(() => {
      webSocket.resume()
      for (const [data, isBinary] of this.#unread.splice(0)) this.#receive(data, isBinary)
    })
  }

  /** Nothing follows a close frame. */
  #give(bytes: Buffer, messages: number): void {
    const { webSocket } = this.#options
    if (webSocket.readyState === webSocket.OPEN) this.#wire.write(bytes, messages)
  }

  #closeBad(message: string): void {
    this.#close(CloseCode.BadRequest, message)
  }

  #closeStalled(): void {
    this.#options.live.counts.stalled += 1
    const tokens = [...this.#operations.values()]
      .map(({ subscribed }) => subscribed?.resume())
      .filter((token) => token !== undefined)
    const [token] = tokens
    const reason = `resume=${token}`
    const fits = tokens.length === 1 && Buffer.byteLength(reason) <= reasonBytesMax
    const message = "The socket takes nothing. Come back with the last `resume`."
    this.#close(closeCodes.stalled, fits ? reason : message)
  }

  #close(code: number, reason: string): void {
    if (this.#isClosing) return
    const { webSocket } = this.#options
    this.#end()
    webSocket.close(code, Buffer.from(reason).subarray(0, reasonBytesMax))
    const cut = setTimeout(() => webSocket.terminate(), liveCloseMillisMax)
    webSocket.on("close", () => clearTimeout(cut))
  }

  #end(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    clearTimeout(this.#initWait)
    this.#wire.end()
    for (const { subscribed } of this.#operations.values()) subscribed?.leave()
    this.#operations.clear()
    this.#leave?.()
    this.#release()
    this.#options.live.counts.sockets -= 1
  }
}
