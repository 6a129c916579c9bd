/** What a writer's thread takes next of what waits. */
import type { Request } from "../../graph/write/wire.ts"

/**
 * Guards first: a takeover waits for its guard, and what waits of a former epoch is refused behind
 * it as it would be by another node. Everything else in the order in which it came.
 */
export function takeNext(waiting: Request[]): Request | undefined {
  const guard = waiting.findIndex(({ kind }) => kind === "guard")
  return guard < 0 ? waiting.shift() : waiting.splice(guard, 1)[0]
}
