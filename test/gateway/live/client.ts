/** Listeners of a live gateway: the published client, a bare WebSocket, and server-sent events. */
import { type Client, type ClientOptions, createClient } from "graphql-ws"
import { onTestFinished } from "vitest"
import WebSocket from "ws"

export interface Change {
  readonly kind: string
  readonly key: string
  readonly revision: number
  readonly resume: string
  readonly entity: { readonly name: string } | null
}

export const changesDocument = `subscription ($types: [String!], $after: String) {
  entityChanged(types: $types, after: $after) { kind key revision resume entity { name } }
}`

export const clientOf = (url: string, options: Partial<ClientOptions> = {}): Client => {
  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0, ...options })
  onTestFinished(() => client.dispose())
  return client
}

export interface Listening<A> {
  readonly events: A[]
  readonly errors: unknown[]
  readonly ended: Promise<unknown>
  readonly stop: () => void
}

/** Collects what is told of a root field. */
export function listen<A>(
  client: Client,
  query: string,
  variables: { readonly [name: string]: unknown } = {},
): Listening<A> {
  const events: A[] = []
  const errors: unknown[] = []
  const { promise: ended, resolve } = Promise.withResolvers<unknown>()
  const stop = client.subscribe<{ [field: string]: A }>(
    { query, variables },
    {
      next: ({ data, errors: failed }) => {
        if (failed) errors.push(...failed)
        if (data) events.push(...Object.values(data))
      },
      error: (error) => resolve(error),
      complete: () => resolve("complete"),
    },
  )
  return { events, errors, ended, stop }
}

/** A socket that says what it is told to. */
export class BareSocket {
  readonly socket: WebSocket
  readonly messages: { type: string; id?: string; payload?: unknown }[] = []
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  readonly opened: Promise<void>

  constructor(url: string, protocol: string | string[] = "graphql-transport-ws", headers = {}) {
    this.socket = new WebSocket(url, protocol, { headers })
    this.opened = new Promise((resolve) => this.socket.on("open", resolve))
    this.closed = new Promise((resolve) =>
      this.socket.on("close", (code, reason) => resolve({ code, reason: String(reason) })),
    )
    this.socket.on("error", () => undefined)
    this.socket.on("message", (data) => this.messages.push(JSON.parse(String(data))))
    onTestFinished(() => this.socket.terminate())
  }

  send(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message))
  }

  async init(payload?: unknown): Promise<void> {
    await this.opened
    this.send({ type: "connection_init", ...(payload === undefined ? {} : { payload }) })
    while (!this.messages.some(({ type }) => type === "connection_ack")) {
      await new Promise((resolve) => this.socket.once("message", resolve))
    }
  }
}
