/** Writes answers: every one with its length, and with headers that let no other page use it. */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { ErrorCode } from "../protocols/errors.ts"
import { catalogue, edgeCodeOf } from "../protocols/errors.ts"
import { requestLingerMillisMax } from "../protocols/limits.ts"
import { sendTogether } from "./together.ts"

export type Headers = { readonly [name: string]: string | number }

/** On every answer of the edge. */
export const securityHeaders: Headers = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
}

export const jsonType = "application/json; charset=utf-8"

/** The body is left out for HEAD. Does nothing where the connection is gone. */
export function reply(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string | Uint8Array,
  headers: Headers,
): void {
  if (response.headersSent || response.destroyed) return
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength
  response.writeHead(status, { ...securityHeaders, "content-length": length, ...headers })
  response.end(request.method === "HEAD" ? undefined : body)
}

/**
 * An answer of GraphQL, which may leave a little later (`together.ts`). Headers as a list cost less
 * than an object that is put together.
 */
export function replyJson(
  response: ServerResponse,
  status: number,
  text: string,
  type: string,
): void {
  sendTogether(response, () => {
    const length = Buffer.byteLength(text)
    response.writeHead(status, [...securityList, "content-length", length, "content-type", type])
    response.end(text)
  })
}

const securityList = Object.entries(securityHeaders).flat()

/** On answers that a client may hold, if it asks each time whether they still hold. */
const taggedList = Object.entries({
  ...securityHeaders,
  "cache-control": "private, no-cache",
}).flat()

/** As `replyJson`, with a tag; without its body where the client holds it. */
export function replyTagged(
  response: ServerResponse,
  { text, tag }: { readonly text: string; readonly tag: string },
  type: string,
  isHeld: boolean,
): void {
  sendTogether(response, () => {
    const origin = response.hasHeader("vary") ? ", Origin" : ""
    const vary = `Authorization, Accept, Intelgraph-Tenant${origin}`
    const headers = [...taggedList, "etag", tag, "vary", vary]
    if (isHeld) {
      response.writeHead(304, headers)
      response.end()
    } else {
      headers.push("content-length", String(Buffer.byteLength(text)), "content-type", type)
      response.writeHead(200, headers)
      response.end(text)
    }
  })
}

/**
 * An answer before the body has come whole, which nobody reads then. What still comes is dropped
 * for a while: a client that sends first and reads then would find its connection reset.
 */
export function replyEarly(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string,
  headers: Headers,
): void {
  if (request.complete) return reply(request, response, status, body, headers)
  if (response.headersSent || response.destroyed) return
  const length = Buffer.byteLength(body)
  const close = { connection: "close", "content-length": length }
  response.writeHead(status, { ...securityHeaders, ...headers, ...close })
  if (request.method !== "HEAD") response.write(body)
  const end = () => {
    clearTimeout(linger)
    response.end()
  }
  const linger = setTimeout(end, requestLingerMillisMax)
  request
    .on("error", () => undefined)
    .once("end", end)
    .once("close", end)
    .resume()
}

/** A refusal in the shape of a GraphQL answer, so that a client has one way to read errors. */
export const errorBody = (code: ErrorCode, message: string, details: Headers = {}): string =>
  JSON.stringify({
    errors: [
      {
        message,
        extensions: {
          code: edgeCodeOf(code),
          family: catalogue[code].family,
          next: catalogue[code].next,
          ...details,
        },
      },
    ],
  })
