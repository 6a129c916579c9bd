/**
 * Reads that take long, answered from a cache where it has them.
 *
 * Promises: an answer is kept under the tenant's version from before it was read, so it is never
 * older than what was committed when it was asked for; several who ask at once, also on several
 * nodes, let one read. What may fail beneath: the cache. Then the store is read, and `onAway` is
 * called once until the cache is back. Does not promise the newest answer to who asks while a
 * commit is under way, as the store itself does not.
 */
import * as Effect from "effect/Effect"
import { keptAnswerMillis } from "../../protocols/limits.ts"
import type { CacheShape } from "../cache/port.ts"
import type { ChangeFeedShape, GraphReadsShape, GraphView, VisibleEntity } from "./port.ts"

/** Of what is kept: another form is made anew. */
const form = 1

/** The same reads; those that take long ask the cache first. */
export function withKept<G extends GraphView>(graph: G, cache: CacheShape, onAway: () => void): G {
  const { reads } = graph
  const feedName = feedNameOf(graph.feed)
  const ask = watchedCache(cache, onAway)

  const kept = <A, E>(
    [tenant, ...asked]: readonly [tenant: string, ...unknown[]],
    read: Effect.Effect<A, E>,
    plain: (answer: A) => A,
  ) =>
    Effect.gen(function* () {
      // The feed's name tells this store from another one that had the same versions.
      const key = [form, yield* feedName(tenant), yield* reads.version(tenant), ...asked]
      const made = Effect.map(read, (answer) => bytesOf(plain(answer)))
      const bytes = yield* ask(tenant, JSON.stringify(key), made)
      const found = answerIn<A>(bytes)
      return found === undefined ? yield* read : found[0]
    })

  const rank: GraphReadsShape["rank"] = (tenant, request) =>
    kept([tenant, "rank", request], reads.rank(tenant, request), (rows) =>
      rows.map(({ entity, count }) => ({ entity: plainEntity(entity), count })),
    )
  const neighbors: GraphReadsShape["neighbors"] = (tenant, of, query) =>
    kept([tenant, "neighbors", of, query], reads.neighbors(tenant, of, query), (found) => ({
      ...found,
      entities: found.entities.map((entity) => ({ ...plainEntity(entity), hops: entity.hops })),
    }))
  return { ...graph, reads: { ...reads, rank, neighbors } }
}

/** Asked for once: a store has one name for its feed. */
function feedNameOf({ position }: ChangeFeedShape) {
  let known: string | undefined
  return (tenant: string) =>
    Effect.suspend(() =>
      known === undefined
        ? Effect.map(position(tenant), ({ feed }) => {
            known = feed
            return feed
          })
        : Effect.succeed(known),
    )
}

/** Tells once that the cache is away, and again only after it was back. */
function watchedCache(cache: CacheShape, onAway: () => void) {
  let isAway = false
  return <E>(tenant: string, key: string, made: Effect.Effect<Uint8Array, E>) =>
    Effect.suspend(() => {
      const before = cache.figures()
      const look = () => {
        const { failures, hits, made: makings, unkept } = cache.figures()
        const answered = hits > before.hits || makings - unkept > before.made - before.unkept
        if (failures > before.failures) {
          if (!isAway) onAway()
          isAway = true
        } else if (answered) {
          isAway = false
        }
      }
      return Effect.tap(cache.getOrMake(tenant, key, keptAnswerMillis, made), () =>
        Effect.sync(look),
      )
    })
}

const bytesOf = (answer: unknown): Uint8Array => Buffer.from(JSON.stringify([answer]))

/** In a list, since an answer may be `undefined`; nothing where these are other bytes. */
function answerIn<A>(bytes: Uint8Array): readonly [A] | undefined {
  try {
    const found: unknown = JSON.parse(Buffer.from(bytes).toString())
    return Array.isArray(found) && found.length === 1 ? (found as [A]) : undefined
  } catch {
    return undefined
  }
}

/** An entity may parse its properties when they are asked for. */
const plainEntity = ({ type, key, stub, properties, aliases, revision }: VisibleEntity) => ({
  type,
  key,
  stub,
  properties,
  aliases,
  revision,
})
