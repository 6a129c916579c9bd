/**
 * What all actors of one node share: its ports, what it owns, and small bounded boards that outlive
 * a restart of an actor but not of the process. Nothing here is durable; all of it can be lost.
 */

import * as Effect from "effect/Effect"
import type { IntelGraphError } from "../protocols/errors.ts"
import { Unavailable } from "../protocols/errors.ts"
import { filesReadMax, retryMillisMax } from "../protocols/limits.ts"
import type { ActorStateShape, Host, MessageLogShape, Ownership } from "../runtime/index.ts"
import type { GraphReadsShape, GraphSinkShape } from "../stores/index.ts"
import type { DurableMailboxes } from "./durable-mailboxes.ts"
import { effectOfEvent } from "./pipeline/effect-of-event.ts"
import type { RecipeBook } from "./recipes.ts"
import type { SourceReaderShape } from "./source.ts"
import type { SpoolShape } from "./spool.ts"

/** The pipeline of a partition. */
export type EffectOf = typeof effectOfEvent

/** Everything beneath a node. The real ones, or the simulator's. */
export interface Ports {
  readonly host: Host
  readonly log: MessageLogShape
  readonly state: ActorStateShape
  readonly sink: GraphSinkShape
  readonly reads: GraphReadsShape
  readonly sources: SourceReaderShape
  /** Without one nothing is written over the edge. */
  readonly spool?: SpoolShape
}

/** `owner`: of the shard whose work it was. */
type OnFailure = (error: IntelGraphError, owner: Ownership | undefined) => void

export class World {
  readonly ports: Ports
  readonly effectOf: EffectOf
  readonly mailboxes: DurableMailboxes
  readonly recipes: RecipeBook
  readonly latency: LatencyBoard
  readonly #owned = new Map<number, Ownership>()
  readonly #needed = new Set<number>()
  #starts = 0
  readonly #onFailure: OnFailure
  readonly #onUnknownTenant: (tenant: string) => void
  readonly #holderOf: (shard: number) => string | undefined
  /** This node's name in its cluster. */
  readonly node: string | undefined
  /** Files that are read at once of one tenant. */
  readonly filesOfTenantMax: number

  constructor(parts: {
    readonly ports: Ports
    readonly mailboxes: DurableMailboxes
    readonly recipes: RecipeBook
    readonly onFailure: OnFailure
    readonly onUnknownTenant: (tenant: string) => void
    readonly node: string | undefined
    /** The node that is known to hold a shard. */
    readonly holderOf: (shard: number) => string | undefined
    readonly effectOf?: EffectOf | undefined
    readonly filesOfTenantMax?: number
  }) {
    this.ports = parts.ports
    this.effectOf = parts.effectOf ?? effectOfEvent
    this.mailboxes = parts.mailboxes
    this.recipes = parts.recipes
    this.latency = new LatencyBoard()
    this.#onFailure = parts.onFailure
    this.#onUnknownTenant = parts.onUnknownTenant
    this.node = parts.node
    this.filesOfTenantMax = parts.filesOfTenantMax ?? filesReadMax
    this.#holderOf = parts.holderOf
  }

  /** Under which epoch this node works on a shard now; `undefined` where another may. */
  ownerOf(shard: number): Ownership | undefined {
    return this.#owned.get(shard)
  }

  /** For what only the owner does, and others ask for again. */
  owning(shard: number): Effect.Effect<Ownership, Unavailable> {
    return Effect.suspend(() => {
      const owner = this.#owned.get(shard)
      if (owner !== undefined) return Effect.succeed(owner)
      return Effect.fail(ownedElsewhere(shard, this.#holderOf(shard)))
    })
  }

  /** Another node that is known to hold this shard. */
  holderElsewhere(shard: number): string | undefined {
    const holder = this.#holderOf(shard)
    return holder === this.node ? undefined : holder
  }

  owns(owner: Ownership): void {
    this.#owned.set(owner.shard, owner)
  }

  disowns(shard: number): void {
    this.#owned.delete(shard)
  }

  /** Partitions or sources of a tenant that runs here live on this shard, whoever owns it. */
  needs(shard: number): void {
    this.#needed.add(shard)
  }

  isNeeded(shard: number): boolean {
    return this.#needed.has(shard)
  }

  /**
   * What a node does while it starts. One that is alone says that its log or store is away; one of
   * a cluster may be paused or cut off like any other, and waits.
   */
  patiently<A>(effect: Effect.Effect<A, IntelGraphError>): Effect.Effect<A, IntelGraphError> {
    if (this.node === undefined) return effect
    const again: Effect.Effect<A, IntelGraphError> = Effect.catchTag(effect, "Unavailable", () =>
      Effect.andThen(Effect.sleep(retryMillisMax), again),
    )
    return again
  }

  /** There are blocks of a tenant that does not run here: another node made it. */
  unknownTenant(tenant: string): void {
    this.#onUnknownTenant(tenant)
  }

  /**
   * The number of one more start of a sender, rising and never used twice under the node's epochs.
   * Counted for all senders together: one number does not grow with their names.
   */
  nextStart(): number {
    return ++this.#starts
  }

  /**
   * The node cannot go on, and whoever runs it is told why and ends it. Actors that are not
   * concerned go on until then; the fence, not this, keeps them from doing harm.
   */
  fail(error: IntelGraphError): void {
    this.#onFailure(error, undefined)
  }

  /** Likewise, for what is of one shard: in a cluster the others go on without it. */
  failShard(owner: Ownership, error: IntelGraphError): void {
    this.#onFailure(error, owner)
  }
}

const ownedElsewhere = (shard: number, holder: string | undefined): Unavailable =>
  new Unavailable({
    message: `Shard ${shard} is ${holder === undefined ? "no node's" : `node ${holder}'s`} now.`,
    retryAfterMillis: retryMillisMax,
    next: holder === undefined ? "Ask again in a moment." : `Ask node ${holder}.`,
  })

/** Buckets of the latency histogram: 1 ms wide at first, then by a tenth more each. */
const bucketBounds = Array.from({ length: 100 }, (_, i) => (i < 10 ? i + 1 : 10 * 1.1 ** (i - 9)))

/**
 * From a record's bytes complete to its block handed to the sink, per source. The start is noted
 * when a block is sealed and looked up by the block's identity; a block of an earlier life has
 * none.
 */
export class LatencyBoard {
  readonly #cutAtMillis = new Map<string, number>()
  readonly #counts = new Map<string, Float64Array>()

  sealed(sender: string, partition: number, senderSequence: number, cutAtMillis: number): void {
    this.#cutAtMillis.set(`${sender} ${partition} ${senderSequence}`, cutAtMillis)
  }

  handed(block: {
    readonly sender: string
    readonly partition: number
    readonly senderSequence: number
    readonly records: number
    readonly nowMillis: number
  }): void {
    const key = `${block.sender} ${block.partition} ${block.senderSequence}`
    const cutAtMillis = this.#cutAtMillis.get(key)
    if (cutAtMillis === undefined) return
    this.#cutAtMillis.delete(key)
    const counts = this.#counts.get(block.sender) ?? new Float64Array(bucketBounds.length + 1)
    this.#counts.set(block.sender, counts)
    const millis = block.nowMillis - cutAtMillis
    const found = bucketBounds.findIndex((bound) => millis <= bound)
    const bucket = found < 0 ? bucketBounds.length : found
    counts[bucket] = (counts[bucket] ?? 0) + block.records
  }

  /** Upper bound of the bucket that holds the 95th percentile; 0 with no record. */
  p95Millis(sender: string): number {
    const counts = this.#counts.get(sender)
    if (counts === undefined) return 0
    const total = counts.reduce((sum, count) => sum + count, 0)
    let seen = 0
    for (let bucket = 0; bucket < counts.length; bucket++) {
      seen += counts[bucket] ?? 0
      if (seen >= total * 0.95) return Math.round((bucketBounds[bucket] ?? Number.NaN) * 10) / 10
    }
    return 0
  }

  /** Forgets a sender: its run is over, or begins. */
  clear(sender: string): void {
    this.#counts.delete(sender)
    for (const key of this.#cutAtMillis.keys()) {
      if (key.startsWith(`${sender} `)) this.#cutAtMillis.delete(key)
    }
  }
}
