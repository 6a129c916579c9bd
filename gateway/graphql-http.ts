/**
 * GraphQL over HTTP (the working draft of the GraphQL foundation): which answer type the client
 * reads, where the parameters of a request are, and which status an answer has.
 */
import { isAscii } from "node:buffer"
import type { IncomingHttpHeaders, IncomingMessage } from "node:http"
import { edgeCodeOf } from "../protocols/errors.ts"
import { acceptsKeptMax, httpBodyBytesMax, httpUrlLengthMax } from "../protocols/limits.ts"
import type { Variables } from "./cost.ts"
import type { Answered } from "./execute.ts"

export interface Parameters {
  readonly document: string | undefined
  readonly documentId: string | undefined
  readonly variables: Variables | undefined
  readonly operationName: string | undefined
}

/** The request cannot be answered as GraphQL at all. `limit` where a named bound was passed. */
export class HttpRefusal extends Error {
  readonly status: number
  readonly limit: { readonly limit: string; readonly bound: number } | undefined

  constructor(status: number, message: string, limit?: HttpRefusal["limit"]) {
    super(message)
    this.status = status
    this.limit = limit
  }
}

const responseType = "application/graphql-response+json"
const legacyType = "application/json"
export type AnswerType = typeof responseType | typeof legacyType

const knownAccepts = new Map<string, AnswerType>()

/** The better of the two types by the client's own weights; without a wish, `application/json`. */
export function answerTypeOf(accept: string | undefined): AnswerType {
  if (accept === undefined) return legacyType
  const known = knownAccepts.get(accept)
  if (known !== undefined) return known
  const type = betterType(accept)
  // Clients send few different ones; who sends many fills this once.
  if (knownAccepts.size < acceptsKeptMax) knownAccepts.set(accept, type)
  return type
}

function betterType(accept: string): AnswerType {
  if (accept.trim() === "") return legacyType
  let best: { type: AnswerType; weight: number } | undefined
  for (const range of accept.toLowerCase().split(",")) {
    const [name = "", ...parameters] = range.split(";").map((part) => part.trim())
    const type = typeOfRange(name)
    const weight = weightOf(parameters)
    if (type === undefined || !(weight > 0)) continue
    if (best === undefined || weight > best.weight) best = { type, weight }
  }
  if (best !== undefined) return best.type
  throw new HttpRefusal(406, `This address answers ${responseType} or ${legacyType}.`)
}

function typeOfRange(name: string): AnswerType | undefined {
  if (name === responseType) return responseType
  return name === legacyType || name === "*/*" || name === "application/*" ? legacyType : undefined
}

function weightOf(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => parameter.startsWith("q="))
  return weight === undefined ? 1 : Number(weight.slice(2))
}

/**
 * An answer without data is a refused request, which only the newer type may say by its status.
 * That a scope is missing is said by the status in any case.
 */
export function statusOf({ refused }: Answered, type: AnswerType): number {
  if (refused === undefined) return 200
  if (refused[0]?.extensions?.code === edgeCodeOf("Forbidden")) return 403
  return type === legacyType ? 200 : 400
}

export const contentTypeOf = (type: AnswerType): string => `${type}; charset=utf-8`

export function parametersOfUrl(query: URLSearchParams): Parameters {
  return parametersOf({
    query: query.get("query") ?? undefined,
    operationName: query.get("operationName") ?? undefined,
    variables: jsonOfText("variables", query.get("variables")),
    extensions: jsonOfText("extensions", query.get("extensions")),
  })
}

function jsonOfText(name: string, text: string | null): unknown {
  if (text === null || text === "") return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new HttpRefusal(400, `The parameter ${name} is not JSON.`)
  }
}

export function parametersOfBody(body: Buffer): Parameters {
  return parametersOf(jsonOfBody(body))
}

const utf8 = new TextDecoder("utf-8", { fatal: true })

function jsonOfBody(body: Buffer): unknown {
  try {
    return JSON.parse(isAscii(body) ? body.toString("latin1") : utf8.decode(body))
  } catch {
    throw new HttpRefusal(400, "The body is not JSON in UTF-8.")
  }
}

function parametersOf(given: unknown): Parameters {
  if (!isRecord(given)) {
    throw new HttpRefusal(400, "The body must be one JSON object; batches are not taken.")
  }
  const { query, operationName, variables, extensions } = given
  if (extensions != null && !isRecord(extensions)) {
    throw new HttpRefusal(400, "The parameter extensions must be an object.")
  }
  const documentId = documentIdOf(extensions?.persistedQuery)
  const isMissing = query == null && documentId !== undefined
  if (!isMissing && typeof query !== "string") {
    throw new HttpRefusal(400, "The parameter query must be a text.")
  }
  if (operationName != null && typeof operationName !== "string") {
    throw new HttpRefusal(400, "The parameter operationName must be a text.")
  }
  if (variables != null && !isRecord(variables)) {
    throw new HttpRefusal(400, "The parameter variables must be an object.")
  }
  return {
    document: query ?? undefined,
    documentId,
    variables: variables ?? undefined,
    operationName: operationName ?? undefined,
  }
}

/** Of `extensions.persistedQuery`, the form of Apollo's clients. */
function documentIdOf(given: unknown): string | undefined {
  if (given == null) return undefined
  const { version, sha256Hash } = isRecord(given) ? given : {}
  if (version === 1 && typeof sha256Hash === "string") return sha256Hash
  throw new HttpRefusal(400, "extensions.persistedQuery must have version 1 and a sha256Hash.")
}

const isRecord = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Refuses a body that is not plain JSON in UTF-8 before a byte of it is read. */
export function checkContentType({ headers }: IncomingMessage): void {
  const isPlain =
    headers["content-type"] === legacyType && headers["content-encoding"] === undefined
  if (!isPlain) checkContent(headers)
}

function checkContent(headers: IncomingHttpHeaders): void {
  const [type = "", ...parameters] = (headers["content-type"] ?? "")
    .toLowerCase()
    .split(";")
    .map((part) => part.trim())
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset)
  if (type !== legacyType || !isUtf8) {
    throw new HttpRefusal(415, "Send Content-Type: application/json in UTF-8.")
  }
  const encoding = headers["content-encoding"] ?? "identity"
  if (encoding !== "identity") throw new HttpRefusal(415, "Send the body without compression.")
}

const bodyTooLarge = () =>
  new HttpRefusal(413, `The body has more than ${httpBodyBytesMax} bytes.`, {
    limit: "httpBodyBytesMax",
    bound: httpBodyBytesMax,
  })

export function checkUrlLength(url: string): void {
  if (url.length <= httpUrlLengthMax) return
  throw new HttpRefusal(414, `The address has more than ${httpUrlLengthMax} characters.`, {
    limit: "httpUrlLengthMax",
    bound: httpUrlLengthMax,
  })
}

/**
 * The body, never holding more of it than its bound. How long it may take is the server's bound.
 */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers["content-length"] ?? 0) > httpBodyBytesMax) {
      return reject(bodyTooLarge())
    }
    const parts: Buffer[] = []
    let bytes = 0
    request.on("data", (part: Buffer) => {
      bytes += part.length
      if (bytes > httpBodyBytesMax) {
        request.removeAllListeners("data")
        return reject(bodyTooLarge())
      }
      parts.push(part)
    })
    request.on("end", () => {
      const [only] = parts
      resolve(parts.length === 1 && only !== undefined ? only : Buffer.concat(parts))
    })
    // After every end comes a close; to make an error each time costs more than to read the body.
    request.on("close", () => {
      if (!request.complete) reject(new HttpRefusal(400, "The body ended early."))
    })
  })
}
