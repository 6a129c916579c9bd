/**
 * Actors of any node, by address: whoever holds the shard of the address has the actor.
 *
 * Promises: a message is admitted once, by the node that holds the shard as it sees it, or refused
 * with a reason; on this node without a way over the wire. Where the shard has moved meanwhile, its
 * new holder is asked once. What may fail beneath: all that may between nodes; a shard that changes
 * hands has nobody for a while, which is `Unavailable`. Two nodes may for a moment both take an
 * actor for theirs: what such an actor writes passes the fence of its epoch, or does not.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { type Address, isToken, shardOfAddress } from "../../protocols/address.ts"
import {
  type Conflict,
  Fenced,
  type IntelGraphError,
  Invalid,
  NotFound,
} from "../../protocols/errors.ts"
import { askMillisDefault, askMillisMax, peerChunksUntakenMax } from "../../protocols/limits.ts"
import type { Admission } from "./actor.ts"
import {
  NotThere,
  notThere,
  type PeerHandlers,
  type PeerPart,
  type PeerStream,
  type Peers,
} from "./peers.ts"
import type { KeeperView, ShardView } from "./placement-talk.ts"
import type { VirtualActors } from "./virtual.ts"

/** Actors of one kind that this node has where it holds their shard. */
export interface OfferedKind {
  readonly tell: (tenant: string, key: string, message: unknown) => Admission | Invalid
  readonly ask: (
    tenant: string,
    key: string,
    message: unknown,
    timeoutMillis: number,
  ) => Effect.Effect<unknown, IntelGraphError>
  /** Answers by a stream: `emit` waits until who asked has taken enough. */
  readonly stream?: (
    tenant: string,
    key: string,
    message: unknown,
    emit: (chunk: unknown) => Effect.Effect<void, IntelGraphError>,
  ) => Effect.Effect<unknown, IntelGraphError>
}

export type OfferedKinds = { readonly [kind: string]: OfferedKind }

export interface RemoteActorsOptions {
  readonly peers: Peers
  /** How this node sees the shards, as the keeper of placement shows it. */
  readonly view: () => Pick<KeeperView, "shards">
  readonly kinds: OfferedKinds
}

export interface RemoteActors {
  /** The node that has the actor; `undefined` while its shard changes hands. */
  readonly locate: (address: Address) => string | undefined
  /** Ends when the actor's mailbox has admitted the message. */
  readonly tell: (address: Address, message: unknown) => Effect.Effect<void, IntelGraphError>
  readonly ask: (
    address: Address,
    message: unknown,
    deadlineMillis?: number,
  ) => Effect.Effect<unknown, IntelGraphError>
  readonly stream: (
    address: Address,
    message: unknown,
  ) => Effect.Effect<PeerStream, IntelGraphError, Scope.Scope>
}

export interface Read<M> {
  readonly value: M
}

/** Offers virtual actors to other nodes; `read` makes a message of theirs of what came. */
export const offerActors = <M>(
  actors: VirtualActors<M>,
  read: (message: unknown) => Read<M> | Invalid,
): OfferedKind => ({
  tell: (tenant, key, said) => {
    const known = read(said)
    return known instanceof Invalid ? known : actors.tell(tenant, key, known.value)
  },
  ask: (tenant, key, said, timeoutMillis) => {
    const known = read(said)
    return known instanceof Invalid
      ? Effect.fail(known)
      : actors.ask(tenant, key, known.value, timeoutMillis)
  },
})

/** Offers this node's kinds to the others, in this scope, and reaches theirs. */
export const openRemoteActors = (
  options: RemoteActorsOptions,
): Effect.Effect<RemoteActors, Conflict, Scope.Scope> => {
  const reach = new Reach(options)
  return Effect.as(options.peers.serve(reach.handlers), reach)
}

class Reach implements RemoteActors {
  readonly handlers: PeerHandlers
  readonly #options: RemoteActorsOptions

  constructor(options: RemoteActorsOptions) {
    this.#options = options
    this.handlers = {
      "actor-tell": (said) =>
        this.#here(said, ({ kind, at: { tenant, key }, message }) =>
          told(kind.tell(tenant, key, message)),
        ),
      "actor-ask": (said) =>
        this.#here(said, ({ kind, at: { tenant, key }, message }) =>
          kind.ask(tenant, key, message, askMillisMax),
        ),
      "actor-stream": (said, { emit }) => this.#here(said, (here) => streamed(here, emit)),
    }
  }

  locate(address: Address): string | undefined {
    const { holder } = this.#shardOf(address)
    return holder !== undefined && holder.epoch > 0 ? holder.node : undefined
  }

  tell(address: Address, message: unknown): Effect.Effect<void, IntelGraphError> {
    const said = wireOf(address, message)
    return Effect.asVoid(
      this.#reach(address, (node) =>
        node === undefined
          ? this.#here(said, ({ kind, at }) => told(kind.tell(at.tenant, at.key, message)))
          : this.#options.peers.ask(node, "actor-tell", said),
      ),
    )
  }

  ask(
    address: Address,
    message: unknown,
    deadlineMillis = askMillisDefault,
  ): Effect.Effect<unknown, IntelGraphError> {
    const said = wireOf(address, message)
    return this.#reach(address, (node) =>
      node === undefined
        ? this.#here(said, ({ kind, at }) => kind.ask(at.tenant, at.key, message, deadlineMillis))
        : this.#options.peers.ask(node, "actor-ask", said, deadlineMillis),
    )
  }

  stream(
    address: Address,
    message: unknown,
  ): Effect.Effect<PeerStream, IntelGraphError, Scope.Scope> {
    const said = wireOf(address, message)
    const begin = (node: string | undefined) =>
      node === undefined
        ? pumped((emit) => this.#here(said, (here) => streamed(here, emit)))
        : this.#options.peers.stream(node, "actor-stream", said)
    return this.#reach(address, (node) => Effect.flatMap(begin(node), withFirst))
  }

  /** Asks the holder, or whoever is holder by then where it is not any more. */
  #reach<A, R>(
    address: Address,
    ask: (node: string | undefined) => Effect.Effect<A, IntelGraphError, R>,
  ): Effect.Effect<A, IntelGraphError, R> {
    const { own } = this.#options.peers
    const askAt = (node: string) => ask(node === own.node ? undefined : node)
    return Effect.suspend(() => {
      const first = this.locate(address)
      if (first === undefined) return Effect.fail(changesHands(address))
      return Effect.catchIf(askAt(first), hasMoved, (error) => {
        const now = this.locate(address)
        if (now === undefined || now === first) return Effect.fail(notReached(address, error))
        return Effect.catchIf(askAt(now), hasMoved, (again) =>
          Effect.fail(notReached(address, again)),
        )
      })
    })
  }

  /** What was said to an actor of this node, where it is one. */
  #here<A>(
    said: unknown,
    use: (here: Here) => Effect.Effect<A, IntelGraphError>,
  ): Effect.Effect<A, IntelGraphError> {
    return Effect.suspend((): Effect.Effect<A, IntelGraphError> => {
      const at = addressOf(said)
      if (at === undefined) return Effect.fail(malformed())
      const { shard, holder, phase } = this.#shardOf(at)
      if (phase !== "open") return Effect.fail(notOurs(shard, holder?.epoch ?? 0))
      const { kinds, peers } = this.#options
      const kind = Object.hasOwn(kinds, at.kind) ? kinds[at.kind] : undefined
      if (kind === undefined) return Effect.fail(notOffered(peers.own.node, at.kind))
      return use({ kind, at, message: at.message })
    })
  }

  #shardOf(address: Address): ShardView {
    const shard = shardOfAddress(address)
    const unknown = { shard, holder: undefined, share: undefined, phase: undefined }
    return this.#options.view().shards[shard] ?? unknown
  }
}

interface Here {
  readonly kind: OfferedKind
  readonly at: Address
  readonly message: unknown
}

const wireOf = ({ tenant, kind, key }: Address, message: unknown) => [tenant, kind, key, message]

function addressOf(said: unknown): (Address & { readonly message: unknown }) | undefined {
  if (!Array.isArray(said)) return undefined
  const [tenant, kind, key, message]: readonly unknown[] = said
  if (typeof tenant !== "string" || !isToken(tenant)) return undefined
  if (typeof kind !== "string" || !isToken(kind) || typeof key !== "string") return undefined
  return { tenant, kind, key, message }
}

const told = (refused: Admission | Invalid): Effect.Effect<undefined, IntelGraphError> =>
  refused === undefined ? Effect.succeed(undefined) : Effect.fail(refused)

const streamed = (
  { kind, at, message }: Here,
  emit: (chunk: unknown) => Effect.Effect<void, IntelGraphError>,
): Effect.Effect<unknown, IntelGraphError> =>
  kind.stream === undefined
    ? Effect.fail(notStreamed(at.kind))
    : kind.stream(at.tenant, at.key, message, emit)

/** A stream of this node, with as much ahead as one of another may be. */
const pumped = (
  work: (emit: (chunk: unknown) => Effect.Effect<void>) => Effect.Effect<unknown, IntelGraphError>,
): Effect.Effect<PeerStream, never, Scope.Scope> =>
  Effect.gen(function* () {
    const parts = yield* Queue.bounded<PeerPart, IntelGraphError>(peerChunksUntakenMax)
    const put = (part: PeerPart) => Effect.asVoid(Queue.offer(parts, part))
    const pumping = work((value) => put({ kind: "chunk", value })).pipe(
      Effect.flatMap((value) => put({ kind: "last", value })),
      Effect.catchCause((cause) => Queue.failCause(parts, cause)),
    )
    yield* Effect.forkScoped(pumping)
    return { next: Queue.take(parts) }
  })

/** Begun when its first part is here: until then it may be begun elsewhere. */
const withFirst = (begun: PeerStream): Effect.Effect<PeerStream, IntelGraphError> =>
  Effect.map(begun.next, (part) => {
    let first: PeerPart | undefined = part
    const next = Effect.suspend(() => {
      const here = first
      first = undefined
      return here === undefined ? begun.next : Effect.succeed(here)
    })
    return { next }
  })

/** Nothing was handled there: nobody is there, or not as the shard's holder. */
const hasMoved = (error: IntelGraphError): boolean =>
  error instanceof NotThere || error._tag === "Fenced"

const changesHands = (address: Address) =>
  notThere(`The shard of ${address.tenant}/${address.kind} changes hands.`)

const notReached = (address: Address, error: IntelGraphError): IntelGraphError =>
  error instanceof NotThere ? error : changesHands(address)

const notOurs = (shard: number, current: number) =>
  new Fenced({ shard, epoch: 0, current, message: `Another node holds shard ${shard}.` })

const malformed = () =>
  new Invalid({ what: "address", message: "What was said to an actor names none." })

const notOffered = (node: string, kind: string) =>
  new NotFound({ what: "actor", message: `The node ${node} has no actors of kind ${kind}.` })

const notStreamed = (kind: string) =>
  new Invalid({ what: "request", message: `Actors of kind ${kind} do not answer by a stream.` })
