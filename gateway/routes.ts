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
import { isHeld, type TaggedAnswer } from "./kept-answers.ts"
import { checkStreamAccepted, serveStream } from "./live/stream.ts"
import { jsonType, reply, replyJson, replyTagged } from "./reply.ts"
import type { Edge } from "./server.ts"

/** One request with who asks it. */
export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly access: Access
  #url: URL | undefined

  constructor(request: IncomingMessage, response: ServerResponse, access: Access) {
    this.request = request
    this.response = response
    this.access = access
  }

  /** Of a path, which the door has seen to. Only made where somebody asks: it costs 2 µs. */
  get url(): URL {
    this.#url ??= new URL(`http://localhost${this.request.url}`)
    return this.#url
  }
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
  const { request } = exchange
  const type = answerTypeOf(request.headers.accept)
  if (request.method === "GET") return serveByGet(edge, exchange, type)
  checkContentType(request)
  return readBody(request).then((body) => serveByPost(edge, exchange, type, parametersOfBody(body)))
}

/** What a client asks again costs no execution, and no bytes where it holds the answer. */
function serveByGet(edge: Edge, exchange: Exchange, type: AnswerType): void | Promise<void> {
  const { request, response, access } = exchange
  const target = request.url ?? ""
  checkUrlLength(target)
  const asking = edge.kept.ask(access, type, target)
  const send = (tagged: TaggedAnswer) => {
    const held = isHeld(request.headers["if-none-match"], tagged.tag)
    replyTagged(response, tagged, contentTypeOf(type), held)
  }
  const kept = asking.find()
  if (kept !== undefined) return send(kept)
  const parameters = parametersOfUrl(exchange.url.searchParams)
  if (edge.engine.isMutation({ access, ...parameters })) throw onlyByPost(response)
  return answer(edge, exchange, parameters, (answered) => {
    if (answered.isComplete) send(asking.tagged(answered))
    else sendPlain(exchange, type, answered)
  })
}

const serveByPost = (edge: Edge, exchange: Exchange, type: AnswerType, parameters: Parameters) =>
  answer(edge, exchange, parameters, (answered) => sendPlain(exchange, type, answered))

/** Any page can make a browser send a GET. */
function onlyByPost(response: ServerResponse): HttpRefusal {
  response.setHeader("allow", "POST")
  return new HttpRefusal(405, "A mutation is sent with POST.")
}

function answer(
  edge: Edge,
  { access }: Exchange,
  parameters: Parameters,
  send: (answered: Answered) => void,
): void | Promise<void> {
  const beganMillis = performance.now()
  const timed = (answered: Answered) => {
    edge.metrics.duration.observe((performance.now() - beganMillis) / 1000)
    send(answered)
  }
  const answered = edge.engine.answer({ access, ...parameters })
  return answered instanceof Promise ? answered.then(timed) : timed(answered)
}

const sendPlain = ({ response }: Exchange, type: AnswerType, answered: Answered): void =>
  replyJson(response, statusOf(answered, type), answered.text, contentTypeOf(type))

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
