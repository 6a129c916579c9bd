/**
 * Writes between nodes: two actors by address. `tenant/writes/` keeps a tenant's receipts,
 * `tenant/connector/source` has a source and reads its writes; each is wherever its shard is.
 *
 * Promises: what is asked of the right node reaches it, with its tenant; an answer is that of the
 * actor. What may fail beneath: all that may between nodes. What came of the question is unknown
 * then, and told as `Unavailable`: it may be asked again.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "../../protocols/address.ts"
import { type Conflict, type IntelGraphError, Unavailable } from "../../protocols/errors.ts"
import {
  askMillisDefault,
  retryMillisMax,
  uploadMillisMax,
  writeInlineBytesMax,
  writeTakeMillisMax,
} from "../../protocols/limits.ts"
import {
  type KeeperView,
  type OfferedKind,
  openRemoteActors,
  type Peers,
  type RemoteActors,
} from "../../runtime/index.ts"
import type { Standing, StoredReceipt } from "../receipt.ts"
import type { SpooledBytes } from "../spool.ts"
import { WriteTransfers } from "./bytes.ts"
import { keeperKind, keeperOf } from "./keeper.ts"
import {
  type RecordMessage,
  readLooked,
  readStored,
  readTaken,
  type SettleMessage,
  type TakeMessage,
  type TakenAnswer,
} from "./messages.ts"

export const sourceKind = "connector"

export const sourceOf = (tenant: string, source: string): Address => ({
  tenant,
  kind: sourceKind,
  key: source,
})

/** A write as it is passed on, without its bytes. */
export type PassedWrite = Omit<TakeMessage, "say" | "length" | "bytes">

export interface BetweenParts {
  readonly peers: Peers
  readonly view: () => Pick<KeeperView, "shards">
}

/** What the actors here answer. */
export interface OfferedWrites {
  readonly keeper: OfferedKind
  readonly source: OfferedKind
}

export class BetweenNodes {
  readonly transfers: WriteTransfers
  readonly #parts: BetweenParts
  readonly #actors = Deferred.makeUnsafe<RemoteActors>()

  constructor(parts: BetweenParts) {
    this.#parts = parts
    this.transfers = new WriteTransfers(parts.peers)
  }

  /** Until then whoever asks waits; others are told that this node answers nothing of the kind. */
  open(offered: OfferedWrites): Effect.Effect<void, Conflict, Scope.Scope> {
    const kinds = { [keeperKind]: offered.keeper, [sourceKind]: offered.source }
    return Effect.gen({ self: this }, function* () {
      yield* this.transfers.serve()
      const actors = yield* openRemoteActors({ ...this.#parts, kinds })
      yield* Deferred.succeed(this.#actors, actors)
    })
  }

  isHere(tenant: string, source: string): Effect.Effect<boolean> {
    const { node } = this.#parts.peers.own
    return Effect.map(
      Deferred.await(this.#actors),
      (actors) => actors.locate(sourceOf(tenant, source)) === node,
    )
  }

  /** The other node that has the source; `undefined` where it is this one, or nobody. */
  holderOf(tenant: string, source: string): Effect.Effect<string | undefined> {
    return Effect.map(Deferred.await(this.#actors), (actors) => {
      const node = actors.locate(sourceOf(tenant, source))
      return node === this.#parts.peers.own.node ? undefined : node
    })
  }

  record(tenant: string, said: RecordMessage): Effect.Effect<StoredReceipt, IntelGraphError> {
    return Effect.flatMap(this.#ask(keeperOf(tenant), said), readStored)
  }

  settle(tenant: string, said: SettleMessage): Effect.Effect<void, IntelGraphError> {
    return Effect.asVoid(this.#ask(keeperOf(tenant), said))
  }

  /** How far it is where the source is; `undefined` where that node does not have it. */
  look(tenant: string, source: string, key: string) {
    const asked = this.#ask(sourceOf(tenant, source), { say: "look", key })
    return Effect.map(Effect.flatMap(asked, readLooked), ({ standing }): Standing | undefined => {
      if (standing === null) return undefined
      const { run, trouble } = standing
      return { ...standing, run: run ?? undefined, trouble: trouble ?? undefined }
    })
  }

  /** Taken by whoever has the source: with the message, or fetched from here. */
  take(
    { tenant, source }: { readonly tenant: string; readonly source: string },
    write: PassedWrite,
    from: SpooledBytes,
  ): Effect.Effect<TakenAnswer, IntelGraphError> {
    const { length } = from
    const to = sourceOf(tenant, source)
    const said = { say: "take" as const, ...write, length }
    if (length <= writeInlineBytesMax) {
      return from.read(0, length).pipe(
        Effect.flatMap((here) => this.#ask(to, { ...said, bytes: { here } }, writeTakeMillisMax)),
        Effect.flatMap(readTaken),
      )
    }
    const { node } = this.#parts.peers.own
    const fetched = Effect.gen({ self: this }, function* () {
      const transfer = yield* this.transfers.offer(from)
      const actors = yield* Deferred.await(this.#actors)
      const { next } = yield* actors.stream(to, { ...said, bytes: { node, transfer } })
      // It answers once: what comes first is its last word.
      return yield* readTaken((yield* next).value)
    })
    const inTime = Effect.timeoutOrElse(Effect.scoped(fetched), {
      duration: uploadMillisMax,
      orElse: () => Effect.fail(unknown("It took too long.")),
    })
    return Effect.catch(inTime, asUnknown)
  }

  #ask(to: Address, said: unknown, millis = askMillisDefault) {
    const asked = Effect.flatMap(Deferred.await(this.#actors), (actors) =>
      actors.ask(to, said, millis),
    )
    return Effect.catch(asked, asUnknown)
  }
}

/** What the other node says of the write stands; the rest says nothing of what became of it. */
function asUnknown(error: IntelGraphError): Effect.Effect<never, IntelGraphError> {
  switch (error._tag) {
    case "DeadlineExceeded":
    case "NotFound":
    case "Fenced":
      return Effect.fail(unknown(error.message))
    default:
      return Effect.fail(error)
  }
}

const unknown = (why: string) =>
  new Unavailable({
    message: `Whether the write was taken is unknown. ${why}`,
    retryAfterMillis: retryMillisMax,
    next: "Send it again with the same idempotency key.",
  })
