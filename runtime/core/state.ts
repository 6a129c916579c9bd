/**
 * The `ActorState` port: small durable records of a shard's owner, one per path, under the fence of
 * its epoch (the stream `ST` of contracts §6). Epochs, runs, positions, mappings, parked blocks and
 * the durable state of actors are kept here.
 *
 * Promises: a group is written whole or not at all, and only while its epoch is the shard's
 * highest; what was written is on stable storage before `write` answers. Does not promise order
 * among shards.
 */

import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type {
  DiskFull,
  Fenced,
  LimitExceeded,
  StoreFailed,
  Unavailable,
} from "../../protocols/errors.ts"
import type { Ownership } from "./log.ts"

/** Names below the shard, outermost first; any text each. */
export type StatePath = readonly string[]

export interface StateEntry {
  readonly path: StatePath
  /** `undefined` removes the record. */
  readonly value: Uint8Array | undefined
}

export type StateBroken = StoreFailed | DiskFull | Unavailable

export interface ActorStateShape {
  /**
   * Takes the shard over: the epoch rises by one, by compare-and-set. Every write of a lower epoch
   * is `Fenced` from then on.
   */
  readonly claim: (shards: readonly number[]) => Effect.Effect<readonly Ownership[], StateBroken>

  /** One record; `undefined` where there is none. Readable by anybody, also without ownership. */
  readonly read: (
    shard: number,
    path: StatePath,
  ) => Effect.Effect<Uint8Array | undefined, StateBroken>

  /** Records whose path begins with `prefix`, by path, at most `limit` after `after`. */
  readonly list: (
    shard: number,
    prefix: StatePath,
    page: { readonly after: StatePath | undefined; readonly limit: number },
  ) => Effect.Effect<readonly StateEntry[], StateBroken>

  /**
   * Writes and removes records in one fenced group. An empty group writes nothing; when it has its
   * answer, no earlier group of this owner can take effect any more, whatever became of it.
   */
  readonly write: (
    owner: Ownership,
    entries: readonly StateEntry[],
  ) => Effect.Effect<void, Fenced | LimitExceeded | StateBroken>
}

export class ActorState extends Context.Service<ActorState, ActorStateShape>()(
  "intelgraph/runtime/ActorState",
) {}
