/**
 * The edge's HTTP server on bare `node:http`: routes, bounds on everything that a client sends,
 * and an end that lets requests under way finish.
 *
 * Promises: who may not speak to the node is refused before anything else is looked at; a request
 * that cannot be understood gets a 4xx with a sentence; no request makes the process fail; what
 * went wrong inside is told by an id only. Does not promise to be fair among clients: that comes
 * with tokens.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import { createServer, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import {
  httpConnectionsMax,
  httpHeaderBytesMax,
  httpHeadersMax,
  httpIdleMillisMax,
  httpRequestMillisMax,
} from "../protocols/limits.ts"
import type { MetricRegistry } from "../runtime/index.ts"
import { prometheusContentType, renderPrometheus } from "../runtime/index.ts"
import type { Refusal } from "./door.ts"
import { refuseAtDoor } from "./door.ts"
import type { EdgeMetrics } from "./edge-metrics.ts"
import type { OnMasked } from "./errors.ts"
import { formatError } from "./errors.ts"
import type { Engine, QueryAnswer } from "./execute.ts"
import { encodeAnswer } from "./execute.ts"
import type { Page } from "./graphiql.ts"
import type { AnswerType, Parameters } from "./graphql-http.ts"
import {
  answerTypeOf,
  checkContentType,
  checkUrlLength,
  contentTypeOf,
  HttpRefusal,
  parametersOfBody,
  parametersOfUrl,
  readBody,
  statusOf,
} from "./graphql-http.ts"
import { errorBody, jsonType, reply } from "./reply.ts"

export interface Edge {
  readonly engine: Engine
  readonly registry: MetricRegistry
  readonly metrics: EdgeMetrics
  readonly onMasked: OnMasked
  /** Whose data a request reads. Open mode: always the same tenant; with tokens, the token's. */
  readonly tenantOf: (request: IncomingMessage) => string
  /** Why the node cannot answer now; `undefined` when it can. */
  readonly notReady: () => string | undefined | Promise<string | undefined>
  /** Files of the query page by path; empty in production. */
  readonly pages: ReadonlyMap<string, Page>
}

export function makeServer(edge: Edge): Server {
  const server = createServer({
    maxHeaderSize: httpHeaderBytesMax,
    requestTimeout: httpRequestMillisMax,
    headersTimeout: httpRequestMillisMax,
    keepAliveTimeout: httpIdleMillisMax,
    connectionsCheckingInterval: httpRequestMillisMax / 10,
    // Other offers to change the protocol, such as h2c, are ignored as HTTP allows.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === "websocket",
  })
  server.maxConnections = httpConnectionsMax
  server.maxHeadersCount = httpHeadersMax
  server.on("request", (request, response) => serve(edge, request, response))
  server.on("upgrade", (request, socket) => refuseUpgrade(edge, request, socket))
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => refuseBroken(error, socket))
  server.on("drop", () => edge.metrics.dropped.add())
  return server
}

type Route = (
  edge: Edge,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
) => void | Promise<void>

const routes: ReadonlyMap<string, Known> = new Map([
  ["/graphql", { methods: "GET, POST", route: serveGraphql }],
  ["/healthz", { methods: "GET, HEAD", route: serveHealth }],
  ["/readyz", { methods: "GET, HEAD", route: serveReadiness }],
  ["/metrics", { methods: "GET, HEAD", route: serveMetrics }],
])

const pageRoute: Known = { methods: "GET, HEAD", route: servePage }

interface Known {
  readonly methods: string
  readonly route: Route
}

function serve(edge: Edge, request: IncomingMessage, response: ServerResponse): void {
  const refusal = refuseAtDoor(request)
  const url = refusal === undefined ? urlOf(request) : undefined
  const known = url === undefined ? undefined : knownAt(edge, url.pathname)
  const route = known === undefined ? "none" : (url?.pathname ?? "")
  response.on("finish", () => edge.metrics.answered(route, response.statusCode).add())
  response.on("error", () => undefined)
  if (refusal !== undefined) refuse(request, response, refusal)
  else if (url === undefined) refuse(request, response, { status: 400, message: notAPath })
  else if (known === undefined) refuse(request, response, { status: 404, message: notHere })
  else if (takes(known, request)) follow(edge, request, response, { url, known })
  else {
    response.setHeader("allow", known.methods)
    const message = `${url.pathname} takes ${known.methods}.`
    refuse(request, response, { status: 405, message })
  }
}

const notAPath = "The request must name a path of this node."
const notHere = "There is nothing here; GraphQL is at /graphql."

const knownAt = (edge: Edge, path: string): Known | undefined =>
  routes.get(path) ?? (edge.pages.has(path) ? pageRoute : undefined)

const takes = (known: Known, request: IncomingMessage) =>
  known.methods.split(", ").includes(request.method ?? "")

function follow(
  edge: Edge,
  request: IncomingMessage,
  response: ServerResponse,
  { url, known }: { readonly url: URL; readonly known: Known },
): void {
  const fail = (error: unknown) => refuseError(edge, request, response, error)
  try {
    const served = known.route(edge, request, response, url)
    if (served instanceof Promise) served.catch(fail)
  } catch (error) {
    fail(error)
  }
}

/** Only paths are taken: an absolute address would name another host behind the door's back. */
function urlOf(request: IncomingMessage): URL | undefined {
  const path = request.url ?? ""
  if (!path.startsWith("/")) return undefined
  return URL.parse(`http://localhost${path}`) ?? undefined
}

function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  const code = refusal.status === 404 ? "NotFound" : "Invalid"
  reply(request, response, refusal.status, errorBody(code, refusal.message), {
    "content-type": jsonType,
    ...closing(request),
  })
}

/** A body that nobody will read must not be taken for the next request. */
const closing = (request: IncomingMessage): { readonly connection?: string } =>
  request.complete ? {} : { connection: "close" }

function refuseError(
  edge: Edge,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): void {
  const headers = { "content-type": jsonType, ...closing(request) }
  if (error instanceof HttpRefusal) {
    const { status, message, limit } = error
    const code = limit === undefined ? "Invalid" : "LimitExceeded"
    reply(request, response, status, errorBody(code, message, limit), headers)
  } else {
    const body = JSON.stringify({ errors: [formatError(error, edge.onMasked)] })
    reply(request, response, 500, body, headers)
  }
}

function serveGraphql(
  edge: Edge,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): void | Promise<void> {
  const type = answerTypeOf(request.headers.accept)
  if (request.method === "GET") {
    checkUrlLength(request.url ?? "")
    return answer(edge, request, response, type, parametersOfUrl(url.searchParams))
  }
  checkContentType(request)
  return readBody(request).then((body) =>
    answer(edge, request, response, type, parametersOfBody(body)),
  )
}

function answer(
  edge: Edge,
  request: IncomingMessage,
  response: ServerResponse,
  type: AnswerType,
  parameters: Parameters,
): void | Promise<void> {
  const beganMillis = performance.now()
  const send = (answered: QueryAnswer) => {
    edge.metrics.duration.observe((performance.now() - beganMillis) / 1000)
    const body = encodeAnswer(answered, edge.onMasked)
    reply(request, response, statusOf(answered, type), body, {
      "content-type": contentTypeOf(type),
    })
  }
  const answered = edge.engine.answer({ tenant: edge.tenantOf(request), ...parameters })
  return answered instanceof Promise ? answered.then(send) : send(answered)
}

/** The process runs and its event loop turns; nothing else is promised by it. */
function serveHealth(_: Edge, request: IncomingMessage, response: ServerResponse): void {
  reply(request, response, 200, '{"status":"ok"}', { "content-type": jsonType })
}

async function serveReadiness(edge: Edge, request: IncomingMessage, response: ServerResponse) {
  const reason = await edge.notReady()
  const body = reason === undefined ? { status: "ready" } : { status: "not ready", reason }
  reply(request, response, reason === undefined ? 200 : 503, JSON.stringify(body), {
    "content-type": jsonType,
  })
}

function serveMetrics(edge: Edge, request: IncomingMessage, response: ServerResponse): void {
  reply(request, response, 200, renderPrometheus(edge.registry), {
    "content-type": prometheusContentType,
  })
}

function servePage(edge: Edge, request: IncomingMessage, response: ServerResponse, url: URL): void {
  const page = edge.pages.get(url.pathname)
  if (page !== undefined) reply(request, response, 200, page.body, page.headers)
}

/** There are no sockets yet; whoever may not speak is told that first. */
function refuseUpgrade(edge: Edge, request: IncomingMessage, socket: Duplex): void {
  const refusal = refuseAtDoor(request) ?? {
    status: 501,
    message: "This node does not speak WebSocket; use HTTP at /graphql.",
  }
  edge.metrics.answered("upgrade", refusal.status).add()
  end(socket, refusal)
}

/** What is not HTTP, or over the server's own bounds, has no request and no response object. */
function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) socket.destroy()
  else end(socket, brokenBy(error.code))
}

interface Broken extends Refusal {
  readonly limit?: HttpRefusal["limit"]
}

function brokenBy(code: string | undefined): Broken {
  if (code === "HPE_HEADER_OVERFLOW") {
    return {
      status: 431,
      message: `The headers have more than ${httpHeaderBytesMax} bytes.`,
      limit: { limit: "httpHeaderBytesMax", bound: httpHeaderBytesMax },
    }
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return {
      status: 408,
      message: `The request took longer than ${httpRequestMillisMax} ms.`,
      limit: { limit: "httpRequestMillisMax", bound: httpRequestMillisMax },
    }
  }
  return { status: 400, message: "This is not a request that HTTP/1.1 allows." }
}

function end(socket: Duplex, { status, message, limit }: Broken): void {
  const body = errorBody(limit === undefined ? "Invalid" : "LimitExceeded", message, limit)
  socket.on("error", () => undefined)
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\n` +
      `content-type: ${jsonType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}
