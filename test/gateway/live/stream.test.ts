import { type IncomingMessage, request } from "node:http"
import { expect, it, onTestFinished } from "vitest"
import { ask, post, query } from "../support.ts"
import type { Change } from "./client.ts"
import { changesDocument } from "./client.ts"
import { liveWorld, until, type World } from "./world.ts"

interface Event {
  readonly event?: string
  readonly id?: string
  readonly data?: string
}

class Stream {
  readonly events: Event[] = []
  response: IncomingMessage | undefined
  isEnded = false
  #text = ""

  constructor(url: string, body: unknown, headers: { readonly [name: string]: string } = {}) {
    const asked = request(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream", ...headers },
      agent: false,
    })
    asked.on("error", () => undefined)
    asked.on("response", (response) => {
      this.response = response
      response.on("data", (bytes) => this.#read(String(bytes)))
      response.on("error", () => undefined)
      response.on("close", () => {
        this.isEnded = true
      })
    })
    asked.end(JSON.stringify(body))
    onTestFinished(() => void asked.destroy())
  }

  changes(): readonly Change[] {
    return this.events.map(({ data = "" }) => JSON.parse(data).data.entityChanged)
  }

  close(): void {
    this.response?.destroy()
  }

  #read(text: string): void {
    const parts = (this.#text + text).split("\n\n")
    this.#text = parts.pop() ?? ""
    for (const part of parts) {
      const lines = part.split("\n").filter((line) => !line.startsWith(":"))
      const fields = lines.map((line) => line.split(/: (.*)/s).slice(0, 2))
      if (fields.length > 0) this.events.push(Object.fromEntries(fields))
    }
  }
}

const changes = (world: World, headers = {}) =>
  new Stream(world.streamUrl, { query: changesDocument }, headers)

it("tells of changes, and goes on behind the last event's id", async () => {
  const world = await liveWorld()
  const first = changes(world)
  await world.subscribers(1)
  await world.say([{ key: "a", name: "A" }])
  await until(() => first.events.length === 1)
  expect(first.response?.headers["content-type"]).toBe("text/event-stream")
  expect(first.response?.headers["cache-control"]).toBe("no-store")
  expect(first.events[0]).toMatchObject({ event: "next", id: first.changes()[0]?.resume })
  first.close()
  await world.subscribers(0)
  await world.say([
    { key: "b", name: "B" },
    { key: "c", name: "C" },
  ])
  const again = changes(world, { "last-event-id": first.events[0]?.id ?? "" })
  await until(() => again.events.length === 2)
  expect(again.changes().map(({ key }) => key)).toEqual(["b", "c"])
})

it("answers a query as one event, and a mutation by POST alone", async () => {
  const world = await liveWorld()
  const asked = new Stream(world.streamUrl, { query: "{ entities { items { key } } }" })
  await until(() => asked.isEnded)
  expect(asked.events).toEqual([
    { event: "next", data: '{"data":{"entities":{"items":[]}}}' },
    { event: "complete", data: "" },
  ])
  const mutation = encodeURIComponent('mutation { ingest(source: "s", records: []) { state } }')
  const byGet = await ask(`${world.streamUrl}?query=${mutation}`)
  expect(byGet.status).toBeGreaterThanOrEqual(400)
})

it("takes a GET, as a browser's EventSource sends it", async () => {
  const world = await liveWorld()
  const document = encodeURIComponent("subscription { entityChanged { key } }")
  const headers = { accept: "text/event-stream" }
  const asked = request(`${world.streamUrl}?query=${document}`, { headers })
  let text = ""
  asked.on("response", (response) => response.on("data", (bytes) => (text += String(bytes))))
  asked.end()
  onTestFinished(() => void asked.destroy())
  await world.subscribers(1)
  await world.say([{ key: "a", name: "A" }])
  await until(() => text.includes('{"entityChanged":{"key":"a"}}'))
})

it("says by the status what is refused before the first event", async () => {
  const world = await liveWorld({ kept: { changesMax: 1 } })
  const send = (body: unknown, headers = {}) => post(world.streamUrl, body, headers)
  const wrong: [answer: ReturnType<typeof send>, status: number, code: string][] = [
    [send({ query: "subscription { nothing }" }), 400, "INVALID"],
    [send({ query: 'subscription { entityChanged(after: "no") { id } }' }), 400, "INVALID"],
    [send({ query: "{ nothing }" }), 400, "INVALID"],
    [send({ query: "{ entities(first: 501) { end } }" }), 400, "LIMIT_EXCEEDED"],
    [send("{"), 400, "INVALID"],
    [send({ query: "{ a }" }, { accept: "text/html" }), 406, "INVALID"],
    [send({ query: "{ a }" }, { "content-type": "text/plain" }), 415, "INVALID"],
    [send({ query: "{ a }" }, { authorization: "Bearer ig_no" }), 401, "UNAUTHENTICATED"],
    [send({ query: "{ a }" }, { origin: "http://evil.example" }), 403, "INVALID"],
  ]
  for (const [answer, status, code] of wrong) {
    const { status: told, json } = await answer
    expect([told, json().errors?.[0]?.extensions.code]).toEqual([status, code])
  }
  const page = await query(world.url, "{ entities { resume } }")
  const entities = page.json().data?.entities as { resume: string } | undefined
  for (let i = 0; i < 20; i++) await world.say([{ key: `k${i}`, name: "x" }])
  const expired = await send({ query: changesDocument, variables: { after: entities?.resume } })
  expect(expired.status).toBe(410)
  expect(expired.json().errors?.[0]?.extensions).toMatchObject({
    code: "RESUME_EXPIRED",
    resume: expect.any(String),
  })
})

it("ends with the node without saying that it is complete", async () => {
  const world = await liveWorld()
  const stream = changes(world)
  await world.subscribers(1)
  await world.close()
  await until(() => stream.isEnded)
  expect(stream.events).toEqual([])
})

it("shares executions with sockets, and stops when the client goes", async () => {
  const world = await liveWorld()
  const streams = Array.from({ length: 5 }, () => changes(world))
  await world.subscribers(5)
  await world.say([{ key: "a", name: "A" }])
  await until(() => streams.every(({ events }) => events.length === 1))
  expect(await world.metrics()).toContain('live_total{what="executions"} 1\n')
  for (const stream of streams) stream.close()
  await world.subscribers(0)
  expect(await world.metrics()).toContain('live_open{what="streams"} 0\n')
})

it("is cut when its reader takes nothing for too long", async () => {
  const world = await liveWorld({ stallMillisMax: 200 })
  const stalled = changes(world)
  await world.subscribers(1)
  await until(() => stalled.response !== undefined)
  stalled.response?.pause()
  for (let i = 0; i < 1000 && !stalled.isEnded; i++) {
    const text = "x".repeat(10_000)
    await world.say(Array.from({ length: 50 }, (_, k) => ({ key: `k${k}`, name: `${i}${text}` })))
    if ((await world.metrics()).includes('live_total{what="stalled"} 1\n')) break
  }
  await world.subscribers(0)
})
