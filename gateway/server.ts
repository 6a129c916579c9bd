/**
 * The edge's HTTP server on bare `node:http`: routes, bounds on everything that a client sends,
 * and an end that lets requests under way finish.
 *
 * Promises: who may not speak to the node is refused before anything else is looked at; a request
 * that cannot be understood gets a 4xx with a sentence; no request makes the process fail; what
 * went wrong inside is told by an id only. Does not promise to be fair among clients.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import { STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import { Forbidden, type IntelGraphError, isIntelGraphError } from "../protocols/errors.ts"
import { httpHeaderBytesMax, httpHeadersMax, httpRequestMillisMax } from "../protocols/limits.ts"
import type { MetricRegistry } from "../runtime/index.ts"
import type { Access } from "./access/access.ts"
import { identified, requireOperator, unauthenticated, withTenant } from "./access/admission.ts"
import type { AccessControl } from "./access/control.ts"
import { allowOrigin, answerPreflight } from "./access/cors.ts"
import type { Door, Refusal } from "./door.ts"
import { foreignOrigin, isFromElsewhere, notFromElsewhere, refuseAtDoor } from "./door.ts"
import type { EdgeMetrics } from "./edge-metrics.ts"
import type { OnMasked } from "./errors.ts"
import { formatError } from "./errors.ts"
import type { Engine } from "./execute.ts"
import { HttpRefusal } from "./graphql-http.ts"
import type { KeptAnswers } from "./kept-answers.ts"
import { type Live, socketsExceeded } from "./live/live.ts"
import type { Sockets } from "./live/sockets.ts"
import { StreamRefusal } from "./live/stream.ts"
import type { Page } from "./pages.ts"
import { errorBody, jsonType, replyEarly } from "./reply.ts"
import { Exchange, nobody, pageRoute, type Route, routes, uploadPath } from "./routes.ts"
import type { Uploads } from "./write/upload.ts"

export interface Edge {
  readonly engine: Engine
  readonly kept: KeptAnswers
  readonly registry: MetricRegistry
  readonly metrics: EdgeMetrics
  readonly onMasked: OnMasked
  readonly control: AccessControl
  readonly door: Door
  /** Why the node cannot answer now; `undefined` when it can. */
  readonly notReady: () => string | undefined | Promise<string | undefined>
  /** What goes on after its request: subscriptions. */
  readonly live: Live
  readonly sockets: Sockets
  readonly uploads: Uploads
  /** Files for browsers, by path. */
  readonly pages: ReadonlyMap<string, Page>
}

/** Answers what comes to the server. */
export function serveOn(server: Server, edge: Edge): void {
  server.on("request", (request, response) =>
    inTurn(response, () => serve(edge, request, response)),
  )
  server.on("checkContinue", (request, response) =>
    inTurn(response, () => {
      // An upload is told to go on when it is known that it may.
      if (request.url?.startsWith(uploadPath) !== true) response.writeContinue()
      serve(edge, request, response)
    }),
  )
  server.on("upgrade", (request, socket, head) => upgrade(edge, request, socket, head))
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    const isSlow = error.code === "ERR_HTTP_REQUEST_TIMEOUT"
    if (!(isSlow && edge.uploads.arrivesAt(socket))) refuseBroken(error, socket)
  })
  server.on("drop", () => edge.metrics.dropped.add())
}

/**
 * Of requests that were sent before the answers to others were read, one is answered at a time, and
 * the next when that answer is taken: else a client that reads nothing has the node hold them all.
 */
function inTurn(response: ServerResponse, answer: () => void): void {
  if (response.socket === null) response.once("socket", answer)
  else answer()
}

function routeAt(edge: Edge, path: string): Route | undefined {
  return routes.get(path) ?? (edge.pages.has(path) ? pageRoute : undefined)
}

function serve(edge: Edge, request: IncomingMessage, response: ServerResponse): void {
  const refusal = refuseAtDoor(request, edge.door)
  const path = refusal === undefined ? pathOf(request) : undefined
  const route = path === undefined ? undefined : routeAt(edge, path)
  const name = (route && path) ?? "none"
  response.on("finish", () => edge.metrics.answered(name, response.statusCode).add())
  response.on("error", ignore)
  const refuseWith = (status: number, message: string) =>
    refuse(request, response, { status, message })
  if (refusal !== undefined) return refuse(request, response, refusal)
  const foreign = foreignOrigin(request, edge.door)
  if (foreign !== undefined) allowOrigin(response, foreign)
  if (path === undefined) refuseWith(400, "The request must name a path of this node.")
  else if (route === undefined) refuseWith(404, "There is nothing here; GraphQL is at /graphql.")
  else if (route.needs !== "nobody" && isFromElsewhere(request)) refuseWith(403, notFromElsewhere)
  else if (takes(route, request)) follow(edge, { route, path, request, response })
  else if (foreign !== undefined && request.method === "OPTIONS") {
    answerPreflight(response, route.methods)
  } else {
    response.setHeader("allow", route.methods)
    refuseWith(405, `${path} takes ${route.methods}.`)
  }
}

const ignore = () => undefined

const takes = (route: Route, { method = "" }: IncomingMessage) =>
  route.methods === method || route.methods.split(", ").includes(method)

interface Followed {
  readonly route: Route
  readonly path: string
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

function follow(edge: Edge, { route, path, request, response }: Followed): void {
  let access = nobody
  const fail = (error: unknown) => {
    auditRefused(edge, access, path, error)
    refuseError(edge, request, response, error)
  }
  try {
    if (route.needs !== "nobody") access = identified(edge.control, request)
    if (route.needs === "operator") requireOperator(access)
    const reached = route.needs === "nobody" ? access : withTenant(access, request.headers)
    const served = route.serve(edge, new Exchange(request, response, reached))
    if (!(served instanceof Promise)) return
    // Who loses access while the request is under way is not answered, and writes nothing more.
    const stop =
      access === nobody ? undefined : edge.control.watch(access, () => request.socket.destroy())
    served.then(stop, (error) => {
      stop?.()
      fail(error)
    })
  } catch (error) {
    fail(error)
  }
}

/** Keeps that somebody who is known asked for what is out of reach. */
function auditRefused(edge: Edge, access: Access, what: string, error: unknown): void {
  if (!(error instanceof Forbidden)) return
  edge.control.audit({ access, action: "ask", what, outcome: "refused" })
}

/** Only paths are taken: an absolute address would name another host behind the door's back. */
function pathOf({ url = "" }: IncomingMessage): string | undefined {
  if (!url.startsWith("/")) return undefined
  const query = url.indexOf("?")
  const path = query < 0 ? url : url.slice(0, query)
  // What is written in another way, such as /%67raphql, is the same path.
  return routes.has(path) ? path : URL.parse(`http://localhost${url}`)?.pathname
}

function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  const code = refusal.status === 404 ? "NotFound" : "Invalid"
  replyEarly(request, response, refusal.status, errorBody(code, refusal.message), {
    "content-type": jsonType,
  })
}

function refuseError(
  edge: Edge,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): void {
  const headers = { "content-type": jsonType, ...retryAfterOf(error) }
  if (error instanceof HttpRefusal) {
    const { status, message, limit } = error
    const code = limit === undefined ? "Invalid" : "LimitExceeded"
    replyEarly(request, response, status, errorBody(code, message, limit), headers)
  } else if (error instanceof StreamRefusal) {
    const { errors } = error
    replyEarly(request, response, error.status, JSON.stringify({ errors }), headers)
  } else {
    const body = JSON.stringify({ errors: [formatError(error, edge.onMasked)] })
    const status = statusOfError(error)
    const told = status === 401 ? { ...headers, ...challenge } : headers
    replyEarly(request, response, status, body, told)
  }
}

const retryAfterOf = (error: unknown): { readonly "retry-after"?: number } =>
  isIntelGraphError(error) && error.family === "Retryable"
    ? { "retry-after": Math.ceil(error.retryAfterMillis / 1000) }
    : {}

const challenge = { "www-authenticate": 'Bearer realm="intelgraph"' }

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
  DiskFull: 507,
}

const statusOfError = (error: unknown): number =>
  isIntelGraphError(error) ? (statuses[error._tag] ?? 500) : 500

/** Whoever may not speak is told that first; who asks may also be said later, over the socket. */
function upgrade(edge: Edge, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const asked =
    refuseAtDoor(request, edge.door) ?? refuseUpgrade(edge, request) ?? entered(edge, request)
  const refusal = "status" in asked ? asked : undefined
  edge.metrics.answered("upgrade", refusal?.status ?? 101).add()
  if ("status" in asked) end(socket, asked)
  else edge.sockets.accept(request, socket, head, asked.access)
}

function refuseUpgrade(edge: Edge, request: IncomingMessage): Broken | undefined {
  if (pathOf(request) !== "/graphql") {
    return { status: 404, message: "There is no WebSocket here; it is at /graphql." }
  }
  if (!edge.live.isFull) return undefined
  const { message, limit, bound } = socketsExceeded()
  return { status: 503, message, limit: { limit, bound } }
}

interface Entered {
  /** `undefined`: it has to be said over the socket. */
  readonly access: Access | undefined
}

function entered(edge: Edge, { headers }: IncomingMessage): Entered | Broken {
  const access = edge.control.authenticate(headers.authorization)
  if (access === undefined) {
    return headers.authorization === undefined ? { access } : broken(unauthenticated())
  }
  try {
    return { access: withTenant(access, headers) }
  } catch (error) {
    auditRefused(edge, access, "/graphql", error)
    if (isIntelGraphError(error)) return broken(error)
    throw error
  }
}

const broken = (error: IntelGraphError): Broken => ({
  status: statusOfError(error),
  message: error.message,
  error,
})

/** What is not HTTP, or over the server's own bounds, has no request and no response object. */
function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) socket.destroy()
  else end(socket, brokenBy(error.code))
}

interface Broken extends Refusal {
  /** Told as HTTP without an upgrade tells it. */
  readonly error?: IntelGraphError
  readonly limit?: HttpRefusal["limit"]
}

function brokenBy(code: string | undefined): Broken {
  if (code === "HPE_HEADER_OVERFLOW") {
    return {
      status: 431,
      message: `There are more than ${httpHeadersMax} headers, or ${httpHeaderBytesMax} bytes.`,
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

function end(socket: Duplex, { status, message, limit, error }: Broken): void {
  const plain = status === 404 ? "NotFound" : "Invalid"
  const body =
    error === undefined
      ? errorBody(limit === undefined ? plain : "LimitExceeded", message, limit)
      : JSON.stringify({ errors: [formatError(error, () => undefined)] })
  const more = status === 401 ? `www-authenticate: ${challenge["www-authenticate"]}\r\n` : ""
  socket.on("error", () => undefined)
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\n${more}` +
      `content-type: ${jsonType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}
