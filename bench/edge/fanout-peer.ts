/**
 * The published graphql-ws server over a feed in memory: each subscriber has an iterator and an
 * execution of its own, as the package does it. Reads no store and signs no token.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { buildSchema } from "graphql"
import { useServer as serveOn } from "graphql-ws/use/ws"
import { WebSocketServer } from "ws"
import { nameOf, type Publish, publishBlocks, servePublisher } from "./fanout-child.ts"

const schema = buildSchema(`
  type Query { nothing: Int }
  type Subscription { entityChanged: EntityChange! }
  type EntityChange {
    kind: String!
    key: String!
    revision: Int!
    resume: String!
    entity: Entity
  }
  type Entity { name: String }
`)

interface Event {
  readonly entityChanged: object
}

/** What one subscriber has not been sent yet. */
class Events implements AsyncIterator<Event> {
  readonly #waiting: Event[] = []
  #wake: ((result: IteratorResult<Event>) => void) | undefined

  push(event: Event): void {
    if (this.#wake === undefined) this.#waiting.push(event)
    else {
      this.#wake({ done: false, value: event })
      this.#wake = undefined
    }
  }

  next(): Promise<IteratorResult<Event>> {
    const value = this.#waiting.shift()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  return(): Promise<IteratorResult<Event>> {
    subscribers.delete(this)
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

const subscribers = new Set<Events>()

function entityChanged(): Events {
  const events = new Events()
  subscribers.add(events)
  return events
}

const server = createServer()
const webSockets = new WebSocketServer({ server, perMessageDeflate: false })
serveOn({ schema, roots: { subscription: { entityChanged } } }, webSockets)

let revision = 0

function eventOf(textLength: number): Event {
  revision += 1
  const entity = { name: nameOf(0, textLength) }
  const resume = "AQAQZTJmYjIwM2M0ZDUyOTJlZgHpB8HX-CmMOjK2TXSpoRxcXSc"
  return { entityChanged: { kind: "UPDATED", key: `T${revision}`, revision, resume, entity } }
}

const publish = (asked: Publish) =>
  publishBlocks(asked, async () => {
    for (let i = 0; i < asked.perBlock; i++) {
      const event = eventOf(asked.textLength)
      for (const subscriber of subscribers) subscriber.push(event)
    }
  })

server.listen(0, "127.0.0.1", () => {
  servePublisher((server.address() as AddressInfo).port, publish)
})
