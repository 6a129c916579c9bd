import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { auditServer } from "graphql-http"
import { beforeAll, describe, expect, it, onTestFinished, vi } from "vitest"
import { startGateway } from "../../gateway/index.ts"
import {
  httpBodyBytesMax,
  httpHeaderBytesMax,
  httpHeadersMax,
  httpUrlLengthMax,
} from "../../protocols/limits.ts"
import { MetricRegistry } from "../../runtime/index.ts"
import { parsePrometheus } from "../support/prometheus.ts"
import { run, runExit } from "../support/run.ts"
import { graphOf } from "./graph.ts"
import { ask, post, query, raw, started } from "./support.ts"

const simple = "{ __typename }"
const graph = graphOf([])

describe("GraphQL over HTTP", () => {
  it("passes every audit of graphql-http", async () => {
    const { url } = await started(graph)
    const results = await auditServer({ url })
    const failed = results.filter((result) => result.status !== "ok")
    expect(failed.map((result) => `${result.id} ${result.name}`)).toEqual([])
    expect(results.length).toBeGreaterThanOrEqual(61)
  })

  it("chooses the answer type by the client's weights, refuses what it cannot write", async () => {
    const { url } = await started(graph)
    const typeFor = async (accept: string) => {
      const { status, headers } = await post(url, { query: simple }, { accept })
      return [status, String(headers["content-type"]).split(";")[0]]
    }
    const [response, legacy] = ["application/graphql-response+json", "application/json"]
    expect(await typeFor(`${legacy};q=0.5, ${response}`)).toEqual([200, response])
    expect(await typeFor(`${response};q=0.5, ${legacy}`)).toEqual([200, legacy])
    expect(await typeFor(`${response};q=0, */*;q=0.1`)).toEqual([200, legacy])
    expect((await typeFor("text/html"))[0]).toBe(406)
  })

  it("refuses a wrong method, content type, encoding and charset", async () => {
    const { url } = await started(graph)
    const put = await ask(url, { method: "PUT" })
    expect([put.status, put.headers.allow]).toEqual([405, "GET, POST"])
    const body = JSON.stringify({ query: simple })
    const send = async (headers: { [name: string]: string }) =>
      (await ask(url, { method: "POST", headers, body })).status
    expect(await send({})).toBe(415)
    expect(await send({ "content-type": "text/plain" })).toBe(415)
    expect(await send({ "content-type": "application/json; charset=latin1" })).toBe(415)
    const gzip = { "content-type": "application/json", "content-encoding": "gzip" }
    expect(await send(gzip)).toBe(415)
    expect(await send({ "content-type": 'application/json; charset="UTF-8"' })).toBe(200)
  })

  it("answers no preflight, so that no page elsewhere may send JSON", async () => {
    const { url } = await started(graph)
    const answer = await ask(url, { method: "OPTIONS" })
    expect(answer.status).toBe(405)
    expect(Object.keys(answer.headers).filter((name) => name.startsWith("access-"))).toEqual([])
  })

  it("refuses a body, an address and headers over their bounds, by name", async () => {
    const { url } = await started(graph)
    const large = await post(url, { query: simple, pad: "x".repeat(httpBodyBytesMax) })
    expect(large.status).toBe(413)
    expect(large.json().errors?.[0]?.extensions).toMatchObject({
      code: "LIMIT_EXCEEDED",
      limit: "httpBodyBytesMax",
      bound: httpBodyBytesMax,
    })
    const long = await ask(`${url}?query=${"%20".repeat(httpUrlLengthMax / 3)}{__typename}`)
    expect(long.status).toBe(414)
    expect(long.json().errors?.[0]?.extensions.limit).toBe("httpUrlLengthMax")
    const headers = { filler: "x".repeat(httpHeaderBytesMax) }
    const wide = await ask(url, { headers })
    expect(wide.status).toBe(431)
    expect(wide.json().errors?.[0]?.extensions).toMatchObject({
      code: "LIMIT_EXCEEDED",
      limit: "httpHeaderBytesMax",
      bound: httpHeaderBytesMax,
    })
    const names = Array.from({ length: httpHeadersMax + 1 }, (_, n) => [`x-${n}`, "1"])
    const many = await ask(url, { headers: Object.fromEntries(names) })
    expect([many.status, many.text]).toEqual([431, expect.stringContaining(`${httpHeadersMax}`)])
  })

  it("bounds a body whose length was not told", async () => {
    const { url } = await started(graph)
    const { host } = new URL(url)
    const chunk = "x".repeat(64 * 1024)
    const chunks = `${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(5)
    const answer = await raw(
      url,
      `POST /graphql HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n` +
        `transfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
    )
    expect(answer.split("\r\n")[0]).toBe("HTTP/1.1 413 Payload Too Large")
  })

  it("answers requests that were sent at once one after another, in order", async () => {
    const asked: string[] = []
    const answers: (() => void)[] = []
    const entity = (_tenant: string, _type: string, key: string) => {
      asked.push(key)
      return Effect.callback<undefined>((resume) => {
        answers.push(() => resume(Effect.succeed(undefined)))
      })
    }
    const { url } = await started({ reads: { ...graph.reads, entity } })
    const keys = ["a", "b", "c"]
    const requests = keys.map((key) => {
      const document = encodeURIComponent(`{ ${key}: entity(type: "t", key: "${key}") { key } }`)
      const close = key === "c" ? "connection: close\r\n" : ""
      return `GET /graphql?query=${document} HTTP/1.1\r\nhost: ${new URL(url).host}\r\n${close}\r\n`
    })
    const answered = raw(url, requests.join(""))
    for (const [n] of keys.entries()) {
      await vi.waitFor(() => expect(answers).toHaveLength(n + 1), 20_000)
      expect(asked).toEqual(keys.slice(0, n + 1))
      answers[n]?.()
    }
    const bodies = (await answered).match(/\{"data".*?\}\}/g)
    expect(bodies).toEqual(keys.map((key) => `{"data":{"${key}":null}}`))
  })

  it("answers 404 with the way to GraphQL, and 400 to what is not HTTP", async () => {
    const { url } = await started(graph)
    const nowhere = await ask(new URL("/graphiql", url).href)
    expect(nowhere.status).toBe(404)
    expect(nowhere.text).toContain("/graphql")
    expect(await raw(url, "HELO there\r\n\r\n")).toContain("HTTP/1.1 400")
    const { host } = new URL(url)
    const absolute = `GET http://${host}/healthz HTTP/1.1\r\nhost: ${host}\r\n`
    expect(await raw(url, `${absolute}connection: close\r\n\r\n`)).toContain("HTTP/1.1 400")
  })
})

describe("the door", () => {
  let url: string
  const status = async (headers: { readonly [name: string]: string }, path = "/graphql") =>
    (await ask(new URL(`${path}?query={__typename}`, url).href, { headers })).status

  beforeAll(async () => {
    const scope = await run(Scope.make())
    const options = { reads: graph.reads, port: 0, development: false, tenant: "demo" }
    const gateway = startGateway({ ...options, metrics: new MetricRegistry() })
    url = (await run(Scope.provide(gateway, scope))).url
    return () => run(Scope.close(scope, Exit.void))
  })

  it("lets in every way to write this machine as Host", async () => {
    for (const host of ["localhost", "LOCALHOST:80", "127.0.0.1:9", "127.8.8.8", "[::1]:4000"]) {
      expect([host, await status({ host })]).toEqual([host, 200])
    }
  })

  it("refuses every other Host on every path, whatever it resolves to", async () => {
    const hosts = [
      "evil.example",
      "localhost.evil.example",
      "127.0.0.1.evil.example",
      "evil.example:80",
      "127.0.0.1@evil.example",
      "localhost, evil.example",
      "0.0.0.0",
      "[::]",
      "[::ffff:127.0.0.1]",
      "192.168.0.1",
    ]
    for (const path of ["/graphql", "/healthz", "/readyz", "/metrics", "/", "/nowhere"]) {
      for (const host of hosts) expect([host, await status({ host }, path)]).toEqual([host, 403])
    }
  })

  it("refuses two Host headers, none at all, and two Origins", async () => {
    const { host } = new URL(url)
    const send = (lines: string) =>
      raw(url, `GET /healthz HTTP/1.1\r\n${lines}connection: close\r\n\r\n`)
    expect(await send(`host: ${host}\r\n`)).toContain("HTTP/1.1 200")
    expect(await send(`host: ${host}\r\nhost: evil.example\r\n`)).toMatch(/^HTTP\/1.1 40[03]/)
    expect(await send("")).toContain("HTTP/1.1 400")
    const origin = `origin: http://${host}\r\n`
    expect(await send(`host: ${host}\r\n${origin}`)).toContain("HTTP/1.1 200")
    expect(await send(`host: ${host}\r\n${origin}${origin}`)).toContain("HTTP/1.1 403")
    const old = await raw(url, "GET /healthz HTTP/1.0\r\n\r\n")
    expect(old).toContain("HTTP/1.1 403")
  })

  it("lets in its own Origin and refuses every other", async () => {
    const { host, port } = new URL(url)
    expect(await status({ origin: `http://${host}` })).toBe(200)
    const others = [
      "null",
      "https://evil.example",
      `https://${host}`,
      `http://localhost:${port}`,
      "http://127.0.0.1:1",
      `http://${host}/`,
      `http://${host}.evil.example`,
    ]
    for (const origin of others) {
      expect([origin, await status({ origin })]).toEqual([origin, 403])
    }
  })

  it("works for no page elsewhere that asks without its Origin, as for an image", async () => {
    const { url } = await started(graph)
    const at = `${url}?query=${encodeURIComponent(simple)}`
    const statusFrom = async (site: string, path = at) =>
      (await ask(path, { headers: { "sec-fetch-site": site } })).status
    for (const site of ["cross-site", "same-site"]) expect(await statusFrom(site)).toBe(403)
    for (const site of ["same-origin", "none"]) expect(await statusFrom(site)).toBe(200)
    expect(await statusFrom("cross-site", new URL("/", url).href)).toBe(200)
  })

  it("refuses an upgrade to those outside before it looks at what they offer", async () => {
    const { host } = new URL(url)
    const upgrade = (headers: string) =>
      raw(
        url,
        `GET /graphql HTTP/1.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n${headers}\r\n`,
      )
    expect(await upgrade(`host: ${host}\r\norigin: http://evil.example\r\n`)).toContain(" 403 ")
    expect(await upgrade("host: evil.example\r\n")).toContain(" 403 ")
    expect(await upgrade(`host: ${host}\r\norigin: http://${host}\r\n`)).toContain(" 400 ")
  })

  it("goes by HTTP/1.1 where a client offers another protocol", async () => {
    const headers = { upgrade: "h2c", connection: "Upgrade, HTTP2-Settings", "http2-settings": "" }
    expect((await ask(new URL("/healthz", url).href, { headers })).status).toBe(200)
  })
})

describe("the edge's life", () => {
  const start = (given: { readonly host?: string; readonly port?: number }) =>
    runExit(
      Effect.scoped(
        startGateway({
          reads: graph.reads,
          metrics: new MetricRegistry(),
          port: 0,
          development: false,
          tenant: "demo",
          ...given,
        }),
      ),
    )

  it("listens on this machine only, and says what to do instead", async () => {
    for (const host of ["0.0.0.0", "::", "192.168.0.1", "node.example", ""]) {
      const exit = await start({ host })
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      expect(error).toMatchObject({ _tag: "Invalid", next: expect.stringContaining("ssh -L") })
    }
  })

  it("says so where the port is taken", async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => void other.close())
    const { port } = other.address() as AddressInfo
    const exit = await start({ port })
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    expect(error).toMatchObject({
      _tag: "Unavailable",
      message: expect.stringContaining(`Port ${port}`),
    })
  })

  it("is healthy while it runs, ready while the graph answers", async () => {
    let broken = false
    const { url } = await started({
      reads: {
        ...graph.reads,
        entity: (...at) => (broken ? Effect.die("disk") : graph.reads.entity(...at)),
      },
    })
    const at = (path: string) => ask(new URL(path, url).href)
    expect((await at("/healthz")).status).toBe(200)
    expect([(await at("/readyz")).status, (await at("/readyz")).text]).toEqual([
      200,
      '{"status":"ready"}',
    ])
    broken = true
    expect((await at("/healthz")).status).toBe(200)
    const notReady = await at("/readyz")
    expect([notReady.status, notReady.text]).toEqual([
      503,
      '{"status":"not ready","reason":"The graph cannot be read."}',
    ])
  })

  it("finishes requests under way before it ends, and takes no new ones", async () => {
    let answer: ((entity: undefined) => void) | undefined
    const gateway = await started({
      reads: {
        ...graph.reads,
        entity: () =>
          Effect.callback((resume) => {
            answer = (entity) => resume(Effect.succeed(entity))
          }),
      },
    })
    const underWay = query(gateway.url, '{ entity(type: "a", key: "b") { key } }')
    await vi.waitFor(() => expect(answer).toBeDefined(), 20_000)
    const closed = run(gateway.close)
    await expect(ask(new URL("/healthz", gateway.url).href)).rejects.toThrow("ECONNREFUSED")
    answer?.(undefined)
    expect((await underWay).json()).toEqual({ data: { entity: null } })
    await closed
  })

  it("counts requests by route and status in metrics that parse", async () => {
    const { url } = await started(graph)
    await query(url, simple)
    await query(url, simple)
    await ask(new URL("/nowhere/of/many", url).href)
    const { text, headers } = await ask(new URL("/metrics", url).href)
    expect(headers["content-type"]).toContain("version=0.0.4")
    const { samples } = parsePrometheus(text)
    const requests = samples
      .filter(({ name }) => name === "intelgraph_http_requests_total")
      .map(({ labels, value }) => [labels.route, labels.status, value])
    expect(requests).toEqual([
      ["/graphql", "200", 2],
      ["none", "404", 1],
    ])
    const documents = samples.filter(({ name }) => name === "intelgraph_graphql_documents_total")
    expect(documents.map(({ value }) => value)).toEqual([1, 1])
  })
})

describe("GraphiQL", () => {
  it("is served in development and may load nothing from elsewhere", async () => {
    const { url, queryPageUrl } = await started({ reads: graph.reads, development: true })
    expect(queryPageUrl).toBe(new URL("/graphiql", url).href)
    const page = await ask(queryPageUrl ?? "")
    expect(page.status).toBe(200)
    const loaded = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? "")
    expect(loaded.filter((path) => !/^(\/graphiql\/|data:,)/.test(path))).toEqual([])
    const policy = String(page.headers["content-security-policy"])
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/https?:|\*/)
    for (const path of loaded.filter((found) => found.startsWith("/"))) {
      expect([path, (await ask(new URL(path, url).href)).status]).toEqual([path, 200])
    }
  })

  it("is not there in production", async () => {
    const { url, queryPageUrl } = await started({ reads: graph.reads, development: false })
    expect(queryPageUrl).toBeUndefined()
    expect((await ask(new URL("/graphiql", url).href)).status).toBe(404)
  })
})
