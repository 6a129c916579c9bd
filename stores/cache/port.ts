/**
 * The cache port: what somebody has worked out already and may be worked out again at any time.
 *
 * Promises: a value is made once for all who ask at the same time, also on several nodes where
 * they share the cache; it is gone after its time; what the cache holds is bounded; a tenant never
 * gets what another one put. What may fail beneath: the cache itself. That is never the caller's
 * failure: the value is made then, and the figures say so. What is asked for fails only where
 * making it fails, and that is not kept.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

export interface CacheFigures {
  /** Answered from the cache, or with what somebody else was making. */
  readonly hits: number
  readonly made: number
  /** Not kept: larger than `cacheValueBytesMax`, forgotten while made, or made without a claim. */
  readonly unkept: number
  /** Times that the cache could not be asked. */
  readonly failures: number
}

export interface CacheShape {
  /**
   * The value under the key, made where there is none and kept for `ttlMillis`. Whoever asks while
   * it is made gets the same value, or the same failure; where its maker is interrupted, another
   * one of them makes it.
   */
  readonly getOrMake: <E>(
    tenant: string,
    key: string,
    ttlMillis: number,
    make: Effect.Effect<Uint8Array, E>,
  ) => Effect.Effect<Uint8Array, E>
  /**
   * What is there, or is being made, is not answered to whoever asks from now on. A cache that
   * could not be told answers it until its time is over; the figures say so.
   */
  readonly forget: (tenant: string, key: string) => Effect.Effect<void>
  readonly figures: () => CacheFigures
}

export class Cache extends Context.Service<Cache, CacheShape>()("intelgraph/stores/Cache") {}
