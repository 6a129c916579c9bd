/** What the socket of a node answers of its cluster. */
import type * as Effect from "effect/Effect"
import type { IntelGraphError } from "../../protocols/errors.ts"
import type { SocketRequest } from "../socket-frames.ts"
import type { Member } from "./member.ts"
import { actorsOver, clusterStatus, orderNode } from "./over.ts"

/** `undefined` for requests that are not of these. */
export function clusterAnswer(
  member: Member,
  request: SocketRequest,
): Effect.Effect<unknown, IntelGraphError> | undefined {
  switch (request.op) {
    case "cluster status":
      return clusterStatus(member)
    case "cluster actors":
      return actorsOver(member, typeof request.tenant === "string" ? request.tenant : undefined)
    case "node order":
      return orderNode(member, String(request.node), request.order)
    default:
      return undefined
  }
}
