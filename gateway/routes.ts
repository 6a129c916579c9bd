/** What the edge answers where: each path with its methods and who may ask. */
import type { IncomingMessage, ServerResponse } from "node:http"
import { prometheusContentType, renderPrometheus } from "../runtime/index.ts"
import { type Access, requireScope } from "./access/access.ts"
import type { Answered } from "./execute.ts"
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
import { checkStreamAccepted, serveStream } from "./live/stream.ts"
import { jsonType, reply } from "./reply.ts"
import type { Edge } from "./server.ts"

/** One request with who asks it. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  readonly access: Access
}

export interface Route {
  readonly methods: string
  /** `token`: anybody who is known; fields and routes ask for scopes themselves. */
  readonly needs: "nobody" | "token" | "operator"
  /** What it throws, or rejects with, becomes the answer. */
  readonly serve: (edge: Edge, exchange: Exchange) => void | Promise<void>
}

/** On routes that need nobody. */
export const nobody: Access = {
  tenant: undefined,
  scopes: new Set(),
  isOperator: false,
  by: "nobody",
}

const reading = "GET, HEAD"
export const uploadPath = "/ingest"

export const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  ["/graphql", { methods: "GET, POST", needs: "token", serve: serveGraphql }],
  ["/graphql/stream", { methods: "GET, POST", needs: "token", serve: serveEvents }],
  [uploadPath, { methods: "POST", needs: "token", serve: serveUpload }],
  ["/healthz", { methods: reading, needs: "nobody", serve: serveHealth }],
  ["/readyz", { methods: reading, needs: "nobody", serve: serveReadiness }],
  ["/metrics", { methods: reading, needs: "operator", serve: serveMetrics }],
])

/** Pages hold no data: what they show they ask for. */
export const pageRoute: Route = { methods: reading, needs: "nobody", serve: servePage }

function serveGraphql(edge: Edge, exchange: Exchange): void | Promise<void> {
  const { request, url } = exchange
  const type = answerTypeOf(request.headers.accept)
  if (request.method === "GET") {
    checkUrlLength(request.url ?? "")
    const parameters = parametersOfUrl(url.searchParams)
    if (edge.engine.isMutation(parameters)) throw onlyByPost(exchange.response)
    return answer(edge, exchange, type, parameters)
  }
  checkContentType(request)
  return readBody(request).then((body) => answer(edge, exchange, type, parametersOfBody(body)))
}

/** Any page can make a browser send a GET. */
function onlyByPost(response: ServerResponse): HttpRefusal {
  response.setHeader("allow", "POST")
  return new HttpRefusal(405, "A mutation is sent with POST.")
}

function answer(
  edge: Edge,
  { request, response, access }: Exchange,
  type: AnswerType,
  parameters: Parameters,
): void | Promise<void> {
  const beganMillis = performance.now()
  const send = (answered: Answered) => {
    edge.metrics.duration.observe((performance.now() - beganMillis) / 1000)
    reply(request, response, statusOf(answered, type), answered.text, {
      "content-type": contentTypeOf(type),
    })
  }
  const answered = edge.engine.answer({ access, ...parameters })
  return answered instanceof Promise ? answered.then(send) : send(answered)
}

/** One operation as server-sent events. */
async function serveEvents(edge: Edge, exchange: Exchange): Promise<void> {
  const { request, url } = exchange
  checkStreamAccepted(request.headers.accept)
  if (request.method === "GET") {
    checkUrlLength(request.url ?? "")
    return serveStream(edge.live, { ...exchange, parameters: parametersOfUrl(url.searchParams) })
  }
  checkContentType(request)
  const parameters = parametersOfBody(await readBody(request))
  return serveStream(edge.live, { ...exchange, parameters })
}

function serveUpload(edge: Edge, exchange: Exchange): Promise<void> {
  requireScope(exchange.access, "write", "An upload")
  return edge.uploads.serve(exchange)
}

/** The process runs and its event loop turns; nothing else is promised by it. */
function serveHealth(_: Edge, { request, response }: Exchange): void {
  reply(request, response, 200, '{"status":"ok"}', { "content-type": jsonType })
}

async function serveReadiness(edge: Edge, { request, response }: Exchange) {
  const reason = await edge.notReady()
  const body = reason === undefined ? { status: "ready" } : { status: "not ready", reason }
  reply(request, response, reason === undefined ? 200 : 503, JSON.stringify(body), {
    "content-type": jsonType,
  })
}

function serveMetrics(edge: Edge, { request, response }: Exchange): void {
  reply(request, response, 200, renderPrometheus(edge.registry), {
    "content-type": prometheusContentType,
  })
}

function servePage(edge: Edge, { request, response, url }: Exchange): void {
  edge.pages.get(url.pathname)?.send(request, response)
}
