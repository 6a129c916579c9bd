/** Writes answers: every one with its length, and with headers that let no other page use it. */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { ErrorCode } from "../protocols/errors.ts"
import { catalogue, edgeCodeOf } from "../protocols/errors.ts"

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
