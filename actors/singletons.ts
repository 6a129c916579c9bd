/**
 * Singletons: actors of which one acts in the whole cluster, on the owner of the shard that the
 * address, or what it stands beside, belongs to. Every node knows of all of them; each begins those
 * of the shards that it owns, and ends them with the shard. A node that is alone has them all.
 *
 * Promises: on one node an incarnation begins after the one before has ended, and a shard is given
 * only after its singletons ended. What may fail beneath: a node that is paused past its lease, and
 * still thinks that it owns the shard. A singleton therefore acts on what it could record under the
 * fence of the `Ownership` that it gets: there, not here, exactly one acts. One that crashes too
 * often is quarantined until its shard changes hands or the node starts anew.
 */
import { type Address, fnv1a32, formatAddress } from "../protocols/address.ts"
import { shardCount } from "../protocols/limits.ts"
import type { ActorContext, ActorRef, ActorType, Ownership } from "../runtime/index.ts"

export interface Singleton {
  readonly name: string
  readonly shard: number
  readonly spawn: (context: Pick<ActorContext<never>, "spawn">, owner: Ownership) => ActorRef<never>
}

/** `beside`: whose shard it is on, where that is not its own. */
export function singleton<M, A>(
  type: ActorType<M, A>,
  of: { readonly tenant: string; readonly key: string; readonly beside?: Address },
  argumentOf: (owner: Ownership) => A,
): Singleton {
  const { tenant, key } = of
  const address = { tenant, kind: type.kind, key }
  return {
    name: formatAddress(address),
    shard: fnv1a32(formatAddress(of.beside ?? address)) % shardCount,
    spawn: (context, owner) => context.spawn(type, key, argumentOf(owner), { tenant }),
  }
}

/** One that runs here, until it has ended. */
export interface RunningSingleton {
  readonly name: string
  readonly shard: number
  readonly owner: Ownership
  readonly ref: ActorRef<never>
  isEnding: boolean
}

interface SingletonsParts<M> {
  readonly context: ActorContext<M>
  readonly all: ReadonlyMap<string, Singleton>
  readonly ownerOf: (shard: number) => Ownership | undefined
  /** Comes to the parent, which calls `ended`. */
  readonly endedMessage: (running: RunningSingleton) => M
}

/** The singletons of one parent, as the shards of its node come and go. */
export class Singletons<M> {
  readonly #parts: SingletonsParts<M>
  readonly #running = new Map<string, RunningSingleton>()

  constructor(parts: SingletonsParts<M>) {
    this.#parts = parts
  }

  /** Begins those that are to run here and do not. */
  begin(): void {
    const { context, all, ownerOf } = this.#parts
    for (const { name, shard, spawn } of all.values()) {
      const owner = ownerOf(shard)
      if (owner === undefined || this.#running.has(name)) continue
      const ref = spawn(context, owner)
      this.#running.set(name, { name, shard, owner, ref, isEnding: false })
    }
  }

  /**
   * Ends those of a shard that are not to run here, or not under that epoch. Their names, and of
   * those that end already.
   */
  end(shard: number): readonly string[] {
    const { context, ownerOf, endedMessage } = this.#parts
    const ending: string[] = []
    for (const running of this.#running.values()) {
      if (running.shard !== shard || ownerOf(shard) === running.owner) continue
      ending.push(running.name)
      if (running.isEnding) continue
      running.isEnding = true
      context.stop(running.ref)
      context.watch(running.ref, () => endedMessage(running))
    }
    return ending
  }

  /** It has ended; begun again where its shard came back meanwhile. */
  ended(running: RunningSingleton): void {
    if (this.#running.get(running.name) !== running) return
    this.#running.delete(running.name)
    this.begin()
  }
}
