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
import { Forbidden, isIntelGraphError, Unauthenticated } from "../protocols/errors.ts"
import {
  httpConnectionsMax,
  httpHeaderBytesMax,
  httpHeadersMax,
  httpIdleMillisMax,
  httpRequestMillisMax,
} from "../protocols/limits.ts"
import type { MetricRegistry } from "../runtime/index.ts"
import type { Access } from "./access/access.ts"
import type { Refusal } from "./door.ts"
import { refuseAtDoor } from "./door.ts"
import type { EdgeMetrics } from "./edge-metrics.ts"
import type { OnMasked } from "./errors.ts"
import { formatError } from "./errors.ts"
import type { Engine } from "./execute.ts"
import { HttpRefusal } from "./graphql-http.ts"
import { type Live, socketsExceeded } from "./live/live.ts"
import type { Sockets } from "./live/sockets.ts"
import { StreamRefusal } from "./live/stream.ts"
import type { Page } from "./pages.ts"
import { errorBody, jsonType, reply } from "./reply.ts"
import { type Exchange, nobody, pageRoute, type Route, routes } from "./routes.ts"

export interface Edge {
  readonly engine: Engine
  readonly registry: MetricRegistry
  readonly metrics: EdgeMetrics
  readonly onMasked: OnMasked
  /** Who asks; `undefined` for nobody that is known. */
  readonly accessOf: (request: IncomingMessage) => Access | undefined
  /** Why the node cannot answer now; `undefined` when it can. */
  readonly notReady: () => string | undefined | Promise<string | undefined>
  /** What goes on after its request: subscriptions. */
  readonly live: Live
  readonly sockets: Sockets
  /** Files for browsers, by path. */
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
  server.on("upgrade", (request, socket, head) => upgrade(edge, request, socket, head))
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => refuseBroken(error, socket))
  server.on("drop", () => edge.metrics.dropped.add())
  return server
}

function routeAt(edge: Edge, path: string): Route | undefined {
  return routes.get(path) ?? (edge.pages.has(path) ? pageRoute : undefined)
}

function serve(edge: Edge, request: IncomingMessage, response: ServerResponse): void {
  const refusal = refuseAtDoor(request)
  const url = refusal === undefined ? urlOf(request) : undefined
  const route = url === undefined ? undefined : routeAt(edge, url.pathname)
  const name = route === undefined ? "none" : (url?.pathname ?? "")
  response.on("finish", () => edge.metrics.answered(name, response.statusCode).add())
  response.on("error", () => undefined)
  const refuseWith = (status: number, message: string) =>
    refuse(request, response, { status, message })
  if (refusal !== undefined) refuse(request, response, refusal)
  else if (url === undefined) refuseWith(400, "The request must name a path of this node.")
  else if (route === undefined) refuseWith(404, "There is nothing here; GraphQL is at /graphql.")
  else if (!takes(route, request)) {
    response.setHeader("allow", route.methods)
    refuseWith(405, `${url.pathname} takes ${route.methods}.`)
  } else {
    const access = route.needs === "nobody" ? nobody : edge.accessOf(request)
    const refused = refuseAccess(route, access)
    if (access === undefined || refused !== undefined) {
      if (access === undefined) response.setHeader("www-authenticate", 'Bearer realm="intelgraph"')
      refuseError(edge, request, response, refused)
    } else follow(edge, { request, response, url, access, route })
  }
}

const takes = (route: Route, request: IncomingMessage) =>
  route.methods.split(", ").includes(request.method ?? "")

const unauthenticated = () =>
  new Unauthenticated({ message: "This node answers those who bring a token that is good." })

function refuseAccess(route: Route, access: Access | undefined) {
  if (access === undefined) return unauthenticated()
  if (route.needs !== "operator" || access.isOperator) return undefined
  const message = "Only the node's operator may see this."
  return new Forbidden({ scope: "operate", message })
}

function follow(edge: Edge, exchange: Exchange & { readonly route: Route }): void {
  const { request, response, route } = exchange
  const fail = (error: unknown) => refuseError(edge, request, response, error)
  try {
    const served = route.serve(edge, exchange)
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
  } else if (error instanceof StreamRefusal) {
    const { errors } = error
    reply(request, response, error.status, JSON.stringify({ errors }), headers)
  } else {
    const body = JSON.stringify({ errors: [formatError(error, edge.onMasked)] })
    reply(request, response, statusOfError(error), body, headers)
  }
}

const statuses: { readonly [tag: string]: number } = {
  Invalid: 400,
  Unauthenticated: 401,
  Forbidden: 403,
  NotFound: 404,
  Conflict: 409,
  ResumeExpired: 410,
  LimitExceeded: 413,
  MailboxFull: 429,
  LogFull: 503,
  Unavailable: 503,
  DeadlineExceeded: 504,
}

const statusOfError = (error: unknown): number =>
  isIntelGraphError(error) ? (statuses[error._tag] ?? 500) : 500

/** Whoever may not speak is told that first; who asks may also be said later, over the socket. */
function upgrade(edge: Edge, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const access = edge.accessOf(request)
  const refusal = refuseAtDoor(request) ?? refuseUpgrade(edge, request, access)
  edge.metrics.answered("upgrade", refusal?.status ?? 101).add()
  if (refusal === undefined) edge.sockets.accept(request, socket, head, access)
  else end(socket, refusal)
}

function refuseUpgrade(
  edge: Edge,
  request: IncomingMessage,
  access: Access | undefined,
): Broken | undefined {
  if (urlOf(request)?.pathname !== "/graphql") {
    return { status: 404, message: "There is no WebSocket here; it is at /graphql." }
  }
  if (access === undefined && request.headers.authorization !== undefined) {
    return { status: 401, message: unauthenticated().message, code: "Unauthenticated" }
  }
  if (!edge.live.isFull) return undefined
  const { message, limit, bound } = socketsExceeded()
  return { status: 503, message, limit: { limit, bound } }
}

/** What is not HTTP, or over the server's own bounds, has no request and no response object. */
function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) socket.destroy()
  else end(socket, brokenBy(error.code))
}

interface Broken extends Refusal {
  readonly code?: "Unauthenticated"
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

function end(socket: Duplex, { status, message, limit, code }: Broken): void {
  const plain = status === 404 ? "NotFound" : "Invalid"
  const body = errorBody(code ?? (limit === undefined ? plain : "LimitExceeded"), message, limit)
  socket.on("error", () => undefined)
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\n` +
      `content-type: ${jsonType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}
