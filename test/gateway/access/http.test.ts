import { auditServer } from "graphql-http"
import { describe, expect, it, vi } from "vitest"
import type { AccessControl } from "../../../gateway/index.ts"
import { viewAccess } from "../../../gateway/index.ts"
import { accessSweepMillis, openEndMillisMax } from "../../../protocols/limits.ts"
import { run } from "../../support/run.ts"
import { startStopwatch } from "../../support/stopwatch.ts"
import { BareSocket } from "../live/client.ts"
import { liveWorld, until } from "../live/world.ts"
import { ask, post, raw } from "../support.ts"
import { bearer, keptAccess, tokenFor } from "./kept.ts"

const stats = { query: "{ stats { entities } }" }

/** A gateway that was closed by a token for `demo`. */
async function closedWorld() {
  const kept = await keptAccess()
  const { text, token } = tokenFor(kept.control, "demo")
  const world = await liveWorld({ control: kept.control })
  const path = (to: string) => new URL(to, world.url).href
  return { ...kept, ...world, text, token, path }
}

/** Headers that are not good, each for a reason of its own. */
function badHeaders(control: AccessControl, clock: { nowMillis: number }) {
  const [revoked, expired] = [tokenFor(control, "demo"), tokenFor(control, "demo", ["read"], 1_000)]
  const good = tokenFor(control, "demo")
  const other = tokenFor(control, "other")
  control.revoke("local", revoked.token.id)
  clock.nowMillis += 1_000
  return {
    "no header": {},
    "an empty one": { authorization: "" },
    "another scheme": { authorization: `Basic ${Buffer.from("a:b").toString("base64")}` },
    "no token": bearer("hello"),
    "a token without its last letter": bearer(good.text.slice(0, -1)),
    "an unknown id": bearer(`ig_aaaaaaaaaaaa_${good.text.slice(16)}`),
    "another's secret": bearer(good.text.slice(0, 16) + other.text.slice(16)),
    "a revoked token": bearer(revoked.text),
    "an expired token": bearer(expired.text),
    "a token in other letters": bearer(good.text.toUpperCase()),
    "two tokens": bearer(`${good.text}, ${good.text}`),
  }
}

describe("a request without a good token", () => {
  it("is answered 401, byte for byte the same, whatever was wrong", async () => {
    const { control, clock, path } = await closedWorld()
    const answers = new Set<string>()
    for (const [what, headers] of Object.entries(badHeaders(control, clock))) {
      for (const [method, place] of [
        ["POST", "/graphql"],
        ["GET", "/graphql?query={stats{entities}}"],
        ["GET", "/graphql?query={nothing}"],
        ["GET", "/graphql/stream?query={stats{entities}}"],
        ["POST", "/ingest?source=a"],
        ["GET", "/metrics"],
      ] as const) {
        const answer = await ask(path(place), {
          method,
          headers: { ...headers, "content-type": "application/json" },
          ...(method === "POST" ? { body: JSON.stringify(stats) } : {}),
        })
        const { date: _date, connection: _connection, "keep-alive": _, ...rest } = answer.headers
        expect([what, place, answer.status]).toEqual([what, place, 401])
        expect(rest["www-authenticate"]).toBe('Bearer realm="intelgraph"')
        answers.add(JSON.stringify([rest, answer.text]))
      }
    }
    expect([...answers]).toHaveLength(1)
    expect([...answers][0]).toContain("UNAUTHENTICATED")
  })

  it("learns that the node lives and sees the page, and nothing else", async () => {
    const { path } = await closedWorld()
    for (const place of ["/healthz", "/readyz", "/"]) {
      expect([place, (await ask(path(place))).status]).toEqual([place, 200])
    }
    expect((await ask(path("/nowhere"))).status).toBe(404)
  })

  it("is refused at the upgrade where its header is bad, else over the socket", async () => {
    const { control, clock, socketUrl, url } = await closedWorld()
    const { host } = new URL(url)
    const upgrade = (headers: { readonly authorization?: string }) =>
      raw(
        url,
        `GET /graphql HTTP/1.1\r\nhost: ${host}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n` +
          "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" +
          `sec-websocket-protocol: graphql-transport-ws\r\n` +
          `authorization: ${headers.authorization}\r\n\r\n`,
      )
    const { "no header": _, ...bad } = badHeaders(control, clock)
    const http = await post(url, stats)
    for (const headers of Object.values(bad)) {
      const answer = await upgrade(headers)
      expect(answer).toMatch(/^HTTP\/1.1 401 /)
      expect(answer).toContain('www-authenticate: Bearer realm="intelgraph"')
      expect(answer.split("\r\n\r\n")[1]).toBe(http.text)
    }
    for (const payload of [undefined, {}, { token: "hello" }, ...Object.values(bad)]) {
      const socket = new BareSocket(socketUrl)
      await socket.opened
      socket.send({ type: "connection_init", payload })
      expect((await socket.closed).code).toBe(4401)
    }
  })
})

describe("a token", () => {
  it("reaches its tenant over HTTP, server-sent events and WebSocket", async () => {
    const { url, streamUrl, socketUrl, text, say } = await closedWorld()
    await say([{ key: "a", name: "A" }])
    await say(
      [
        { key: "b", name: "B" },
        { key: "c", name: "C" },
      ],
      "other",
    )
    const count = (answer: { json: () => { data?: unknown } }) => answer.json().data
    expect(count(await post(url, stats, bearer(text)))).toEqual({ stats: { entities: 1 } })
    const stream = await ask(`${streamUrl}?query={stats{entities}}`, { headers: bearer(text) })
    expect([stream.status, stream.text]).toEqual([200, expect.stringContaining('"entities":1')])
    const sockets = [
      { socket: new BareSocket(socketUrl, undefined, bearer(text)), payload: undefined },
      { socket: new BareSocket(socketUrl), payload: { token: text } },
      { socket: new BareSocket(socketUrl), payload: bearer(text) },
    ]
    for (const { socket, payload } of sockets) {
      await socket.init(payload)
      socket.send({ id: "1", type: "subscribe", payload: stats })
      await until(() => socket.messages.some(({ type }) => type === "next"))
      expect(socket.messages[1]?.payload).toEqual({ data: { stats: { entities: 1 } } })
    }
  })

  it("passes every audit of graphql-http", async () => {
    const { url, text } = await closedWorld()
    const fetchFn = (at: string, asked: RequestInit = {}) =>
      fetch(at, { ...asked, headers: { ...asked.headers, ...bearer(text) } })
    const results = await auditServer({ url, fetchFn })
    const failed = results.filter(({ status }) => status !== "ok")
    expect(failed.map(({ id, name }) => `${id} ${name}`)).toEqual([])
    expect(results.length).toBeGreaterThanOrEqual(61)
  })

  it("is told 403 where its scope is too narrow, by name, and that is kept", async () => {
    const { control, path, url, streamUrl, socketUrl, meta } = await closedWorld()
    const { text, token } = tokenFor(control, "demo", ["read"])
    const headers = bearer(text)
    const ingest = 'mutation { ingest(source: "s", records: [], idempotencyKey: "k") { state } }'
    const actorChanged = "subscription { actorChanged { gap } }"
    const stream = (query: string) =>
      ask(`${streamUrl}?query=${encodeURIComponent(query)}`, { headers })
    const answers = [
      [await post(url, { query: "{ deadLetters { hasMore } }" }, headers), "operate"],
      [await post(url, { query: "{ stats { entities } actors { state } }" }, headers), "operate"],
      [await post(url, { query: ingest }, headers), "write"],
      [await stream(actorChanged), "operate"],
      [await ask(path("/metrics"), { headers }), "operate"],
    ] as const
    for (const [answer, scope] of answers) {
      expect([answer.status, answer.json().data]).toEqual([403, undefined])
      const [error] = answer.json().errors ?? []
      expect(error?.extensions).toMatchObject({ code: "FORBIDDEN", scope })
    }
    const socket = new BareSocket(socketUrl, undefined, headers)
    await socket.init()
    socket.send({ id: "1", type: "subscribe", payload: { query: actorChanged } })
    await until(() => socket.messages.length > 1)
    expect(socket.messages[1]).toMatchObject({
      type: "error",
      payload: [{ extensions: { code: "FORBIDDEN", scope: "operate" } }],
    })
    control.flush()
    const { audit } = await run(viewAccess(meta, { tenant: "demo", first: 20 }))
    const refused = audit.filter(({ outcome }) => outcome === "refused")
    expect(refused.every(({ by, action }) => by === token.id && action === "ask")).toBe(true)
    expect(refused.map(({ what }) => what).reverse()).toEqual([
      "deadLetters",
      "actors",
      "ingest",
      "actorChanged",
      "/metrics",
      "actorChanged",
    ])
  })

  it("is not told of in audit, metrics or answers", async () => {
    const { control, path, url, meta, clock } = await closedWorld()
    const operator = tokenFor(control, "*", ["operate"])
    const told: string[] = []
    for (const headers of [...Object.values(badHeaders(control, clock)), bearer(operator.text)]) {
      told.push((await post(url, stats, headers)).text)
    }
    told.push((await ask(path("/metrics"), { headers: bearer(operator.text) })).text)
    control.flush()
    told.push(JSON.stringify((await run(viewAccess(meta, { first: 100 }))).audit))
    expect(told.join("\n")).not.toMatch(/ig_[a-z2-7]{12}/)
    expect(told.join("\n")).toContain('status="401"')
  })
})

describe("the node's operator", () => {
  it("alone reads metrics, and has no data of its own", async () => {
    const { control, path, url, text } = await closedWorld()
    const operator = bearer(tokenFor(control, "*", ["operate"]).text)
    expect((await ask(path("/metrics"), { headers: operator })).status).toBe(200)
    expect((await ask(path("/metrics"), { headers: bearer(text) })).status).toBe(403)
    expect((await post(url, stats, operator)).status).toBe(403)
    const letters = await post(url, { query: "{ deadLetters { hasMore } }" }, operator)
    expect(letters.json().errors?.[0]?.extensions.code).toBe("FORBIDDEN")
    expect(letters.status).toBe(403)
    expect((await post(url, { query: "{ actors { address } }" }, operator)).status).toBe(200)
  })

  it("names a tenant by a header, and nobody else names another than their own", async () => {
    const { control, url, text } = await closedWorld()
    const operator = bearer(tokenFor(control, "*", ["operate"]).text)
    const letters = { query: "{ deadLetters { hasMore } }" }
    const asked = async (headers: object, named: string, body: object = letters) => {
      const answer = await post(url, body, { ...headers, "intelgraph-tenant": named })
      return [answer.status, answer.json().errors?.[0]?.extensions.code]
    }
    expect(await asked(operator, "demo")).toEqual([200, undefined])
    expect(await asked(operator, "never-seen")).toEqual([200, undefined])
    expect(await asked(operator, "demo", stats)).toEqual([403, "FORBIDDEN"])
    for (const wrong of ["", "*", "A", "a.b", "demo, other"]) {
      expect(await asked(operator, wrong)).toEqual([400, "INVALID"])
    }
    expect(await asked(bearer(text), "demo")).toEqual([200, undefined])
    for (const other of ["other", "never-seen", "*", ""]) {
      expect(await asked(bearer(text), other)).toEqual([403, "FORBIDDEN"])
    }
  })
})

describe("an access that ends", () => {
  /** A socket and a stream that are open, and when they end. */
  async function open(world: Awaited<ReturnType<typeof closedWorld>>, text: string) {
    const socket = new BareSocket(world.socketUrl)
    await socket.init({ token: text })
    const query = encodeURIComponent("subscription { entityChanged { key } }")
    const response = await fetch(`${world.streamUrl}?query=${query}`, { headers: bearer(text) })
    expect(response.status).toBe(200)
    return { socket, streamed: response.text().catch(() => "cut") }
  }

  it("by revocation closes its sockets and streams within a second, and no others", async () => {
    const world = await closedWorld()
    const other = tokenFor(world.control, "demo")
    const [ending, staying] = [await open(world, world.text), await open(world, other.text)]
    const ranMillis = startStopwatch()
    world.control.revoke("local", world.token.id)
    expect((await ending.socket.closed).code).toBe(4401)
    await ending.streamed
    expect(ranMillis()).toBeLessThan(1_000)
    expect((await post(world.url, stats, bearer(world.text))).status).toBe(401)
    staying.socket.send({ id: "1", type: "subscribe", payload: stats })
    await until(() => staying.socket.messages.some(({ type }) => type === "next"))
  })

  it("by expiry closes them as well", async () => {
    const world = await closedWorld()
    const { text } = tokenFor(world.control, "demo", ["read"], 60_000)
    const ending = await open(world, text)
    const ranMillis = startStopwatch()
    world.clock.nowMillis += 60_000
    expect((await ending.socket.closed).code).toBe(4401)
    await ending.streamed
    expect(ranMillis()).toBeLessThan(1_000)
  })

  it("by the first token closes what was open without one", async () => {
    const { control } = await keptAccess()
    const world = await liveWorld({ control })
    const socket = new BareSocket(world.socketUrl)
    await socket.init()
    const closed = vi.fn()
    const { host } = new URL(world.url)
    const kept = raw(world.url, `GET /healthz HTTP/1.1\r\nhost: ${host}\r\n\r\n`).then(closed)
    const slow = raw(
      world.url,
      `POST /graphql HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n` +
        "content-length: 9\r\n\r\n",
    )
    await until(async () => (await world.metrics()).includes('route="/healthz",status="200"} 1'))
    expect(closed).not.toHaveBeenCalled()
    const ranMillis = startStopwatch()
    tokenFor(control, "demo")
    expect((await socket.closed).code).toBe(4401)
    await kept
    expect(await slow).toBe("")
    expect(ranMillis()).toBeLessThan(openEndMillisMax + 500)
    expect((await ask(world.url)).status).toBe(401)
  })

  it("long ago ends nothing when the node starts again", async () => {
    const { url } = await closedWorld()
    const { host } = new URL(url)
    const closed = vi.fn()
    void raw(url, `GET /healthz HTTP/1.1\r\nhost: ${host}\r\n\r\n`).then(closed)
    const end = performance.now() + accessSweepMillis + openEndMillisMax + 100
    await until(() => performance.now() > end)
    expect(closed).not.toHaveBeenCalled()
  })

  it("while a body arrives ends the request, and nothing is written", async () => {
    const { control, url, text, token } = await closedWorld()
    const { host } = new URL(url)
    const answer = raw(
      url,
      `POST /graphql HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${text}\r\n` +
        "content-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    )
    const watching = vi.spyOn(control, "watch")
    await until(() => watching.mock.calls.length > 0)
    control.revoke("local", token.id)
    expect(await answer).toBe("")
  })
})
