/**
 * Bytes of writes on their way to another node: that one asks for them, part by part, as it can
 * keep them. Nothing is offered longer than who offers it waits.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import {
  type Conflict,
  type IntelGraphError,
  NotFound,
  Unavailable,
} from "../../protocols/errors.ts"
import { retryMillisMax, writePartBytes } from "../../protocols/limits.ts"
import type { Peers } from "../../runtime/index.ts"
import type { Arriving, SpooledBytes } from "../spool.ts"

const requestName = "write-bytes"

/** What this node offers to others, and what it fetches from them. */
export class WriteTransfers {
  readonly #peers: Peers
  readonly #offered = new Map<string, SpooledBytes>()
  #next = 1

  constructor(peers: Peers) {
    this.#peers = peers
  }

  /** Answers whoever asks for what is offered, in this scope. */
  serve(): Effect.Effect<void, Conflict, Scope.Scope> {
    return this.#peers.serve({
      [requestName]: (transfer, { emit }) =>
        Effect.gen({ self: this }, function* () {
          const offered = this.#offered.get(String(transfer))
          if (offered === undefined) return yield* Effect.fail(notOffered())
          const { length, read } = offered
          for (let at = 0; at < length; ) {
            const part = yield* read(at, Math.min(writePartBytes, length - at))
            if (part.length === 0) return yield* Effect.fail(cutShort())
            yield* emit(part)
            at += part.length
          }
          return null
        }),
    })
  }

  /** The name by which these bytes are asked for from this process, as long as the scope. */
  offer(bytes: SpooledBytes): Effect.Effect<string, never, Scope.Scope> {
    // A process that started anew under this node's name offers other things.
    const name = `${this.#peers.own.incarnation}-${this.#next++}`
    return Effect.acquireRelease(
      Effect.sync(() => {
        this.#offered.set(name, bytes)
        return name
      }),
      () => Effect.sync(() => this.#offered.delete(name)),
    )
  }

  /** Brings what another node offers. */
  fetch(node: string, transfer: string, into: Arriving): Effect.Effect<void, IntelGraphError> {
    return Effect.scoped(
      Effect.gen({ self: this }, function* () {
        const { next } = yield* this.#peers.stream(node, requestName, transfer)
        for (;;) {
          const { kind, value } = yield* next
          if (kind === "last") return
          if (!(value instanceof Uint8Array)) return yield* Effect.fail(cutShort())
          yield* into.append(value)
        }
      }),
    )
  }
}

const notOffered = () =>
  new NotFound({ what: "transfer", message: "These bytes are not offered, or not any more." })

/** Nothing was taken: the same bytes may be sent again. */
export const cutShort = () =>
  new Unavailable({
    message: "The bytes of the write did not come whole from the other node.",
    retryAfterMillis: retryMillisMax,
  })
