/**
 * Errors as a client sees them: a sentence, a stable code of the catalogue, its family and the next
 * step. What a client can do something about is told as it is; everything else is masked, logged
 * with an id, and only the id is shown. No stack, path or statement of an error leaves the node.
 */
import { randomUUID } from "node:crypto"
import type { GraphQLFormattedError } from "graphql"
import { GraphQLError } from "graphql"
import type { ErrorCode, IntelGraphError } from "../protocols/errors.ts"
import { catalogue, edgeCodeOf, isIntelGraphError, nextStep } from "../protocols/errors.ts"
import { queryErrorsShownMax } from "../protocols/limits.ts"

/** Told about each masked error: the id that the client saw, and what was behind it. */
export type OnMasked = (errorId: string, error: unknown) => void

export const formatErrors = (
  errors: readonly unknown[],
  onMasked: OnMasked,
): readonly GraphQLFormattedError[] =>
  errors.slice(0, queryErrorsShownMax).map((error) => formatError(error, onMasked))

export function formatError(error: unknown, onMasked: OnMasked): GraphQLFormattedError {
  if (!(error instanceof GraphQLError)) return bodyOf(error, onMasked)
  const place = {
    ...(error.locations === undefined ? {} : { locations: error.locations }),
    ...(error.path === undefined ? {} : { path: error.path }),
  }
  const cause = error.originalError
  if (cause === undefined || cause instanceof GraphQLError) {
    return { message: error.message, ...place, extensions: extensionsOf("Invalid", {}) }
  }
  return { ...bodyOf(cause, onMasked), ...place }
}

function bodyOf(error: unknown, onMasked: OnMasked): GraphQLFormattedError {
  if (isIntelGraphError(error) && isTold(error)) {
    const details = { next: nextStep(error), ...detailsOf(error) }
    return { message: error.message, extensions: extensionsOf(error._tag, details) }
  }
  const errorId = randomUUID()
  onMasked(errorId, error)
  const code = isIntelGraphError(error) ? error._tag : "InvariantBroken"
  const details = { ...(isIntelGraphError(error) ? retryOf(error) : {}), errorId }
  const message = "The node could not answer this. Its log has the reason under the id given here."
  return { message, extensions: extensionsOf(code, details) }
}

/** Refusals speak of the request, and so do these two; other errors speak of the node. */
const isTold = (error: IntelGraphError) =>
  error.family === "Refused" || error._tag === "DeadlineExceeded" || error._tag === "MailboxFull"

const extensionsOf = (code: ErrorCode, details: { readonly [name: string]: unknown }) => ({
  code: edgeCodeOf(code),
  family: catalogue[code].family,
  next: catalogue[code].next,
  ...details,
})

function detailsOf(error: IntelGraphError): { readonly [name: string]: unknown } {
  switch (error._tag) {
    case "LimitExceeded":
      return { limit: error.limit, bound: error.bound, value: error.value }
    case "Forbidden":
      return { scope: error.scope }
    case "ResumeExpired":
      return { resume: error.resume }
    default:
      return retryOf(error)
  }
}

const retryOf = (error: IntelGraphError) =>
  error.family === "Retryable" ? { retryAfterMillis: error.retryAfterMillis } : {}
