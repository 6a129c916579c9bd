/**
 * A cache in Redis, shared by nodes. Values have an end each; what they take together is counted
 * beside them, and what ends soonest goes first where it is too much, in the step that puts the
 * next one. Whoever makes a value holds a claim that Redis keeps, with an end as well; others wait
 * for the value and look for it from time to time.
 *
 * A Redis that does not answer at once is not waited for, and then left alone for a while.
 */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Redis } from "ioredis"
import { Invalid } from "../../../protocols/errors.ts"
import {
  cacheClaimMillisMax,
  cacheCommandMillisMax,
  cacheEntryBytesEstimate,
  cacheLookMillisMax,
  cacheLookMillisMin,
  cacheReconnectMillisMax,
  cacheRedisBytesMax,
  cacheRestMillis,
  cacheWaitMillisMax,
} from "../../../protocols/limits.ts"
import { cacheOver, type Shelf } from "../../cache/cache.ts"
import type { CacheShape } from "../../cache/port.ts"
import { dropScript, putScript, releaseScript } from "./scripts.ts"

export interface RedisCacheOptions {
  /** `redis://user:password@host:port/database`, or `rediss:` for TLS. */
  readonly url: string
  /** Begins all keys. */
  readonly prefix?: string
  /** Bytes of all values under the prefix, each with what it costs beside. */
  readonly bytesMax?: number
  /** What Redis does not answer within these milliseconds is not waited for. */
  readonly commandMillisMax?: number
}

const prefixDefault = "intelgraph"
const claimBytes = 16

/**
 * Waits a moment for the connection, so that what is asked at once is asked of Redis; that there is
 * none yet is no failure. Closing the scope ends it.
 */
export const openRedisCache = (
  options: RedisCacheOptions,
): Effect.Effect<CacheShape, Invalid, Scope.Scope> =>
  Effect.gen(function* () {
    const { url, commandMillisMax = cacheCommandMillisMax } = options
    if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol)) {
      const message = "The address of Redis is redis://user:password@host:port/database."
      return yield* Effect.fail(new Invalid({ what: "redis", message }))
    }
    // Loaded where a cache in Redis is there, and only there.
    const client = yield* Effect.promise(() => import("ioredis"))
    const redis = yield* Effect.acquireRelease(
      Effect.sync(() => connect(client.Redis, url, commandMillisMax)),
      (opened) => Effect.sync(() => opened.disconnect()),
    )
    yield* firstAnswer(redis, commandMillisMax)
    return cacheOver(shelfOf(redis, options))
  })

const firstAnswer = (redis: Redis, millisMax: number): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const settled = () => resume(Effect.void)
    redis.once("ready", settled)
    redis.once("close", settled)
  }).pipe(Effect.timeoutOption(millisMax), Effect.asVoid)

function connect(Client: typeof Redis, url: string, commandTimeout: number): Redis {
  const redis = new Client(url, {
    commandTimeout,
    connectTimeout: commandTimeout,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(cacheReconnectMillisMax, 2 ** times),
  })
  // Each command tells its own failure.
  redis.on("error", () => {})
  return redis
}

function shelfOf(redis: Redis, options: RedisCacheOptions): Shelf {
  const { prefix = prefixDefault, bytesMax = cacheRedisBytesMax } = options
  // One slot of a Redis cluster, since the scripts touch several keys.
  const tag = `{${prefix}}`
  const keysOf = (name: string) =>
    [`${tag}:value:${name}`, `${tag}:claim:${name}`, `${tag}:ends`, `${tag}:sizes`] as const
  const { ask, insist, failures } = asking()
  const take = (name: string) =>
    ask(async () => (await redis.getBuffer(keysOf(name)[0])) ?? undefined, undefined)
  const release: Shelf["release"] = (name, claim) =>
    Effect.asVoid(ask(() => redis.eval(releaseScript, 1, keysOf(name)[1], claim), null))

  /** `undefined` where Redis does not answer. */
  const tryClaim = (name: string, claim: string) =>
    ask<boolean | undefined>(
      async () =>
        (await redis.set(keysOf(name)[1], claim, "PX", cacheClaimMillisMax, "NX")) === "OK",
      undefined,
    )

  const claimFor = (name: string): ReturnType<Shelf["claim"]> =>
    Effect.gen(function* () {
      const claim = randomBytes(claimBytes).toString("base64url")
      for (let waitedMillis = 0; ; ) {
        const isOurs = yield* tryClaim(name, claim)
        if (isOurs === undefined) return {}
        if (isOurs) {
          // Put between the first look and the claim.
          const value = yield* take(name)
          if (value === undefined) return { claim }
          yield* release(name, claim)
          return { value }
        }
        if (waitedMillis >= cacheWaitMillisMax) return {}
        const pause = yield* lookAgainAfter
        yield* Effect.sleep(pause)
        waitedMillis += pause
        const value = yield* take(name)
        if (value !== undefined) return { value }
      }
    })

  return {
    take,
    claim: claimFor,
    put: (name, claim, value, ttlMillis) => {
      const size = value.length + cacheEntryBytesEstimate
      const args = [claim, Buffer.from(value), ttlMillis, size, bytesMax, name, `${tag}:value:`]
      return ask(
        async () => (await redis.eval(putScript, 4, ...keysOf(name), ...args)) === 1,
        false,
      )
    },
    release,
    drop: (name) =>
      Effect.asVoid(insist(() => redis.eval(dropScript, 4, ...keysOf(name), name), null)),
    failures,
  }
}

/** How Redis is asked: what it does not answer is counted, and it is left alone for a while. */
function asking() {
  let failures = 0
  let restsUntil = 0
  const insist = <A>(use: () => Promise<A>, otherwise: A): Effect.Effect<A> =>
    Effect.promise(() =>
      use().then(
        (answer) => {
          restsUntil = 0
          return answer
        },
        () => {
          failures++
          restsUntil = performance.now() + cacheRestMillis
          return otherwise
        },
      ),
    )
  const ask = <A>(use: () => Promise<A>, otherwise: A): Effect.Effect<A> =>
    Effect.suspend(() =>
      performance.now() < restsUntil ? Effect.succeed(otherwise) : insist(use, otherwise),
    )
  return { ask, insist, failures: () => failures }
}

const lookAgainAfter = Effect.sync(
  () => cacheLookMillisMin + Math.random() * (cacheLookMillisMax - cacheLookMillisMin),
)
