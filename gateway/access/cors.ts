/**
 * What a browser must be told so that a page of a configured origin may read answers. Pages of the
 * node's own need nothing, pages of other origins are refused at the door. There are no cookies, so
 * nothing is sent that the page does not send itself.
 */
import type { ServerResponse } from "node:http"
import { corsSecondsKept } from "../../protocols/limits.ts"
import { tenantHeader } from "./admission.ts"

export function allowOrigin(response: ServerResponse, origin: string): void {
  response.setHeader("access-control-allow-origin", origin)
  response.setHeader("vary", "Origin")
  response.setHeader("access-control-expose-headers", "etag, retry-after, www-authenticate")
}

/** The answer to the question that a browser asks first. */
export function answerPreflight(response: ServerResponse, methods: string): void {
  response.writeHead(204, {
    "access-control-allow-methods": methods,
    "access-control-allow-headers": [
      "authorization",
      "content-type",
      "idempotency-key",
      "if-none-match",
      "last-event-id",
      tenantHeader,
    ].join(", "),
    "access-control-max-age": String(corsSecondsKept),
  })
  response.end()
}
