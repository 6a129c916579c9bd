import { request } from "node:http"
import { describe, expect, it } from "vitest"
import {
  liveMessageBytesMax,
  liveOperationIdLengthMax,
  liveOperationsPerSocketMax,
} from "../../../protocols/limits.ts"
import { BareSocket, type Change, changesDocument, clientOf, listen } from "./client.ts"
import { RawSocket } from "./raw.ts"
import { liveWorld, until, type World } from "./world.ts"

const subscribe = (id: string, query = "subscription { entityChanged { key } }") => ({
  id,
  type: "subscribe",
  payload: { query },
})

const idsOf = ({ messages }: BareSocket, type: string) =>
  messages.filter((message) => message.type === type).map(({ id }) => id)

async function opened(world: World): Promise<BareSocket> {
  const socket = new BareSocket(world.socketUrl)
  await socket.init()
  return socket
}

describe("the published client", () => {
  it("hears of changes, asks and writes on one socket, overlapping", async () => {
    const world = await liveWorld()
    const client = clientOf(world.socketUrl)
    const all = listen<Change>(client, changesDocument)
    const some = listen<Change>(client, changesDocument, { types: ["other"] })
    const asked = listen<{ items: unknown[] }>(client, "{ entities { items { key } } }")
    expect(await asked.ended).toBe("complete")
    expect(asked.events).toEqual([{ items: [] }])
    await world.subscribers(2)
    await world.say([{ key: "a", name: "A" }])
    await world.say([{ key: "b", name: "B", type: "other" }])
    await until(() => all.events.length === 2 && some.events.length === 1)
    expect(all.events.map(({ kind, key, entity }) => [kind, key, entity?.name])).toEqual([
      ["CREATED", "a", "A"],
      ["CREATED", "b", "B"],
    ])
    expect(some.events[0]?.key).toBe("b")
    all.stop()
    await world.subscribers(1)
    const again = listen<Change>(client, changesDocument)
    await world.subscribers(2)
    await world.say([{ key: "b", name: "C", type: "other" }])
    await until(() => again.events.length === 1 && some.events.length === 2)
    expect([again.events[0]?.kind, all.events.length]).toEqual(["UPDATED", 2])
  })

  it("is told what is wrong with an operation, and goes on", async () => {
    const world = await liveWorld()
    const client = clientOf(world.socketUrl)
    const wrong: [document: string, code: string, message: RegExp][] = [
      ["subscription { nothing }", "INVALID", /nothing/],
      ["subscription { a: entityChanged { id } b: entityChanged { id } }", "INVALID", /only one/],
      [
        "subscription { entityChanged { entity { relationships(first: 501) { end } } } }",
        "LIMIT_EXCEEDED",
        /501/,
      ],
      ["subscription { entityChanged(after: 7) { id } }", "INVALID", /String/],
      ['subscription { entityChanged(after: "no") { id } }', "INVALID", /not one that this node/],
      ["subscription { actorChanged { address } }", "UNAVAILABLE", /could not answer|Nothing/],
      ["{ entities(first: 501) { end } }", "LIMIT_EXCEEDED", /501/],
      ["{ entities", "INVALID", /Syntax/],
    ]
    for (const [document, code, message] of wrong) {
      const ended = await listen(client, document).ended
      expect(ended, document).toEqual([
        expect.objectContaining({ extensions: expect.objectContaining({ code }) }),
      ])
      expect((ended as { message: string }[])[0]?.message).toMatch(message)
    }
    const asked = listen(client, "{ stats { entities } }")
    expect(await asked.ended).toBe("complete")
  })

  it("is told that the node ends by a code after which it may come back", async () => {
    const world = await liveWorld()
    const told = listen<Change>(clientOf(world.socketUrl), changesDocument)
    await world.subscribers(1)
    await world.say([{ key: "a", name: "A" }])
    await until(() => told.events.length === 1)
    await world.close()
    expect(await told.ended).toMatchObject({ code: 1001 })
  })
})

describe("the protocol", () => {
  it.each([
    ["something that is no JSON", "{", 4400],
    ["an unknown type", { type: "hello" }, 4400],
    ["a message of the server", { type: "connection_ack" }, 4400],
    ["a subscription without an id", { type: "subscribe", payload: { query: "{a}" } }, 4400],
    ["a subscription without a document", { id: "1", type: "subscribe", payload: {} }, 4400],
    ["an id that is too long", subscribe("x".repeat(liveOperationIdLengthMax + 1)), 4400],
    ["a second connection_init", { type: "connection_init" }, 4429],
    ["a message that is too large", " ".repeat(liveMessageBytesMax + 1), 1009],
  ])("closes on %s", async (_, message, code) => {
    const socket = await opened(await liveWorld())
    socket.send(message)
    expect((await socket.closed).code).toBe(code)
  })

  it("closes on bytes", async () => {
    const socket = await opened(await liveWorld())
    socket.socket.send(Buffer.from('{"type":"ping"}'))
    expect((await socket.closed).code).toBe(4400)
  })

  it("closes when an operation comes before connection_init", async () => {
    const socket = new BareSocket((await liveWorld()).socketUrl)
    await socket.opened
    socket.send(subscribe("1"))
    expect((await socket.closed).code).toBe(4401)
  })

  it("closes when connection_init does not come", async () => {
    const socket = new BareSocket((await liveWorld()).socketUrl)
    expect((await socket.closed).code).toBe(4408)
  })

  it("closes what does not speak graphql-transport-ws", async () => {
    const socket = new BareSocket((await liveWorld()).socketUrl, [])
    expect((await socket.closed).code).toBe(4406)
  })

  it("closes on an id that is in use, and takes it again when it is free", async () => {
    const world = await liveWorld()
    const socket = await opened(world)
    socket.send(subscribe("1"))
    await world.subscribers(1)
    socket.send({ id: "1", type: "complete" })
    await world.subscribers(0)
    socket.send(subscribe("1"))
    await world.subscribers(1)
    socket.send(subscribe("1"))
    expect(await socket.closed).toEqual({ code: 4409, reason: "This id is in use on this socket." })
    await world.subscribers(0)
  })

  it("answers pings of both levels, before connection_init too", async () => {
    const socket = new BareSocket((await liveWorld()).socketUrl)
    await socket.opened
    const pong = new Promise((resolve) => socket.socket.on("pong", resolve))
    socket.socket.ping()
    await pong
    socket.send({ type: "ping", payload: { a: 1 } })
    socket.send({ type: "ping" })
    socket.send({ type: "pong" })
    await until(() => socket.messages.length === 2)
    expect(socket.messages).toEqual([{ type: "pong", payload: { a: 1 } }, { type: "pong" }])
  })

  it("bounds the operations of one socket", async () => {
    const world = await liveWorld()
    const socket = await opened(world)
    const bound = liveOperationsPerSocketMax
    for (let id = 0; id <= bound; id++) socket.send(subscribe(String(id)))
    await until(() => idsOf(socket, "error").length > 0)
    expect(socket.messages.at(-1)).toMatchObject({
      id: String(bound),
      payload: [{ extensions: { code: "LIMIT_EXCEEDED", limit: "liveOperationsPerSocketMax" } }],
    })
    await world.subscribers(bound)
    await world.say([{ key: "a", name: "A" }])
    await until(() => idsOf(socket, "next").length === bound)
    expect(new Set(idsOf(socket, "next")).size).toBe(bound)
    expect(await world.metrics()).toContain('live_total{what="executions"} 1\n')
  })

  it.each([
    ["pings", { type: "ping", payload: { text: "x".repeat(60_000) } }, 64 * 16],
    ["wrong operations", subscribe("1", `{ ${"x".repeat(200)} }`), 32 * 1024],
  ])("does not listen to who sends %s and reads nothing", async (_, message, times) => {
    const world = await liveWorld({ stallMillisMax: 200 })
    const socket = await RawSocket.open(world.socketUrl)
    socket.stopReading()
    for (let sent = 0; sent < times; sent++) socket.send(message)
    await until(async () => (await world.metrics()).includes('live_total{what="stalled"} 1\n'))
  })

  it("answers all that was asked at once, in order, when its answers are read late", async () => {
    const world = await liveWorld()
    const said = Array.from({ length: 200 }, (_, n) => ({ key: `${n}`, name: "x".repeat(1000) }))
    await world.say(said)
    const socket = await opened(world)
    socket.socket.pause()
    const asked = Array.from({ length: 100 }, (_, n) => `${n}`)
    const query = "{ entities(first: 200) { items { name } } }"
    for (const id of asked) socket.send(subscribe(id, query))
    // When the node answers another one, it has looked at what came before.
    const other = listen(clientOf(world.socketUrl), query)
    expect(await other.ended).toBe("complete")
    socket.socket.resume()
    await until(() => idsOf(socket, "complete").length === asked.length)
    expect(idsOf(socket, "next")).toEqual(asked)
  })

  it("says at the upgrade who may not come in", async () => {
    const world = await liveWorld()
    const wrong: [path: string, headers: { [name: string]: string }, status: number][] = [
      ["/graphql", { origin: "http://evil.example" }, 403],
      ["/graphql", { host: "evil.example" }, 403],
      ["/elsewhere", {}, 404],
      ["/graphql", { authorization: "Bearer ig_no" }, 401],
      ["/graphql", { "sec-websocket-key": "no" }, 400],
    ]
    for (const [path, headers, status] of wrong) {
      const url = new URL(path, world.url)
      expect(await upgradeStatus(url, headers), JSON.stringify([path, headers])).toBe(status)
    }
  })
})

const upgradeStatus = (url: URL, headers: { readonly [name: string]: string }): Promise<number> =>
  new Promise((resolve, reject) => {
    const asked = request(url, {
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-protocol": "graphql-transport-ws",
        ...headers,
      },
    })
    asked.on("response", (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    asked.on("upgrade", (_, socket) => {
      socket.destroy()
      resolve(101)
    })
    asked.on("error", reject)
    asked.end()
  })
