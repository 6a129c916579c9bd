/**
 * A cache in the memory of this process: bounded in bytes, the longest unused values go first. It
 * asks nobody, so it does not fail.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { cacheEntryBytesEstimate, cacheMemoryBytesMax } from "../../../protocols/limits.ts"
import { cacheOver, type Shelf } from "../../cache/cache.ts"
import type { CacheShape } from "../../cache/port.ts"

export interface MemoryCacheOptions {
  /** Bytes of all values, each with what it costs beside. As agreed where left out. */
  readonly bytesMax?: number
}

interface Kept {
  readonly value: Uint8Array
  readonly endsAtMillis: number
}

export const memoryCache = ({
  bytesMax = cacheMemoryBytesMax,
}: MemoryCacheOptions = {}): CacheShape => cacheOver(shelfOf(bytesMax))

function shelfOf(bytesMax: number): Shelf {
  /** The longest unused first. */
  const kept = new Map<string, Kept>()
  const claims = new Map<string, string>()
  let bytes = 0
  let claimed = 0
  const remove = (name: string) => {
    const known = kept.get(name)
    if (known === undefined) return
    kept.delete(name)
    bytes -= sizeOf(known.value)
  }
  return {
    take: (name) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const known = kept.get(name)
        if (known === undefined) return undefined
        if (known.endsAtMillis <= now) {
          remove(name)
          return undefined
        }
        kept.delete(name)
        kept.set(name, known)
        return known.value
      }),
    // Others of this process wait for the flight: nobody else can be making it.
    claim: (name) =>
      Effect.sync(() => {
        const claim = `${claimed++}`
        claims.set(name, claim)
        return { claim }
      }),
    put: (name, claim, value, ttlMillis) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (claims.get(name) !== claim || sizeOf(value) > bytesMax) return false
        claims.delete(name)
        remove(name)
        // A copy: what the caller does with its bytes afterwards is its own.
        kept.set(name, { value: value.slice(), endsAtMillis: now + ttlMillis })
        bytes += sizeOf(value)
        for (const oldest of kept.keys()) {
          if (bytes <= bytesMax) break
          remove(oldest)
        }
        return true
      }),
    release: (name, claim) =>
      Effect.sync(() => {
        if (claims.get(name) === claim) claims.delete(name)
      }),
    drop: (name) =>
      Effect.sync(() => {
        claims.delete(name)
        remove(name)
      }),
    failures: () => 0,
  }
}

const sizeOf = (value: Uint8Array): number => value.length + cacheEntryBytesEstimate
