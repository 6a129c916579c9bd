/**
 * Server-sent events at `/graphql/stream`, one operation per request (the form of graphql-sse that
 * is called distinct connections): `event: next` with a result, `event: complete` at its end. An
 * event of a change has its resume token as `id`, so a client that comes back with `Last-Event-ID`
 * goes on behind it.
 *
 * What is refused before the first event has a status of HTTP; what fails later is a `next` with
 * errors, and `complete`. A stream that ends without `complete` is one to come back to.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { edgeCodeOf, LimitExceeded } from "../../protocols/errors.ts"
import { liveHeartbeatMillis } from "../../protocols/limits.ts"
import type { Access } from "../access/access.ts"
import { formatErrors } from "../errors.ts"
import { HttpRefusal, type Parameters } from "../graphql-http.ts"
import { securityHeaders } from "../reply.ts"
import type { Live, Open, Subscribed } from "./live.ts"
import { socketsExceeded } from "./live.ts"
import { type Prepared, prepareSubscription, type Subscription } from "./operation.ts"
import type { Outlet } from "./outlet.ts"
import { Wire } from "./wire.ts"

export interface StreamRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly access: Access
  readonly parameters: Parameters
}

const streamType = "text/event-stream"
const complete = Buffer.from("event: complete\ndata: \n\n")
/** A line that clients pass over. */
const heartbeat = Buffer.from(":\n\n")

export function checkStreamAccepted(accept: string | undefined): void {
  const ranges = (accept ?? "*/*").split(",").map((range) => range.split(";")[0]?.trim())
  if (ranges.some((range) => range === streamType || range === "text/*" || range === "*/*")) return
  throw new HttpRefusal(406, `This address answers ${streamType}.`)
}

/** Throws or rejects with what becomes the answer's status. */
export async function serveStream(live: Live, exchange: StreamRequest): Promise<void> {
  const { access, parameters } = exchange
  const request = { access, ...parameters }
  const prepared = prepareSubscription(live.engine, request)
  if ("refused" in prepared) throw new StreamRefusal(prepared)
  if ("answeredOnce" in prepared && prepared.answeredOnce === "mutation") {
    // Any page can make a browser send a GET.
    const message = "A mutation is sent with POST."
    if (exchange.request.method === "GET") throw new HttpRefusal(405, message)
  }
  if (live.isFull) throw tooMany(503, socketsExceeded())
  const stream = streamOf(live, exchange)
  try {
    if ("subscription" in prepared) return await stream.subscribe(prepared.subscription)
    const { text, refused } = await live.engine.answer(request)
    if (refused !== undefined) throw new StreamRefusal({ refused })
    stream.answer(text)
  } catch (error) {
    stream.end()
    throw error
  }
}

function streamOf(live: Live, exchange: StreamRequest): LiveStream {
  try {
    return new LiveStream(live, exchange)
  } catch (error) {
    throw error instanceof LimitExceeded ? tooMany(429, error) : error
  }
}

const tooMany = (status: number, { message, limit, bound }: LimitExceeded) =>
  new HttpRefusal(status, message, { limit, bound })

/** The operation cannot be begun. */
export class StreamRefusal extends Error {
  readonly errors: Extract<Prepared, { refused: unknown }>["refused"]
  readonly status: number

  constructor({ refused }: Extract<Prepared, { refused: unknown }>) {
    super("The operation is refused.")
    this.errors = refused
    const isNarrow = refused[0]?.extensions?.code === edgeCodeOf("Forbidden")
    this.status = isNarrow ? 403 : 400
  }
}

class LiveStream implements Open {
  readonly #live: Live
  readonly #exchange: StreamRequest
  readonly #wire: Wire
  readonly #leave: () => void
  readonly #release: () => void
  #subscribed: Subscribed | undefined
  #beating: NodeJS.Timeout | undefined
  #isOver = false

  constructor(live: Live, exchange: StreamRequest) {
    this.#live = live
    this.#exchange = exchange
    const { response } = exchange
    this.#leave = live.enter(exchange.access, this)
    this.#release = live.open(this)
    live.counts.streams += 1
    this.#wire = new Wire(response, live.stallMillisMax, () => {
      live.counts.stalled += 1
      this.#cut()
    })
    response.on("close", () => this.end())
  }

  endWithNode(): void {
    this.end()
    this.#exchange.response.end()
  }

  endOfAccess(): void {
    this.endWithNode()
  }

  async subscribe(subscription: Subscription): Promise<void> {
    const outlet: Outlet = {
      wire: this.#wire,
      send: (frames) => {
        const parts = frames.map(({ stream }) => stream)
        const [only] = parts
        this.#write(parts.length === 1 && only ? only : Buffer.concat(parts), parts.length)
      },
      fail: (error) => {
        const errors = formatErrors([error], this.#live.engine.onMasked)
        this.answer(JSON.stringify({ errors }))
      },
    }
    const resume = this.#exchange.request.headers["last-event-id"]
    const after = typeof resume === "string" && resume !== "" ? resume : undefined
    const subscribed = await this.#live.subscribe(subscription, outlet, after)
    if (this.#isOver) return subscribed.leave()
    this.#subscribed = subscribed
    this.#begin()
  }

  /** The last event of the stream. */
  answer(payload: string): void {
    if (this.#isOver) return
    this.#write(Buffer.from(`event: next\ndata: ${payload}\n\n`), 1)
    this.#write(complete, 1)
    this.endWithNode()
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#beating)
    this.#wire.end()
    this.#subscribed?.leave()
    this.#leave()
    this.#release()
    this.#live.counts.streams -= 1
  }

  #write(bytes: Buffer, messages: number): void {
    this.#begin()
    if (!this.#exchange.response.destroyed) this.#wire.write(bytes, messages)
  }

  /** From here on the status is said. */
  #begin(): void {
    const { response } = this.#exchange
    if (response.headersSent || response.destroyed) return
    response.writeHead(200, { ...securityHeaders, "content-type": streamType })
    response.flushHeaders()
    this.#beating = setInterval(() => {
      if (this.#wire.hasRoom(0, 1)) this.#wire.write(heartbeat, 1)
    }, liveHeartbeatMillis)
  }

  #cut(): void {
    this.end()
    this.#exchange.response.destroy()
  }
}
