/** The cache in Redis: the port's conformance suite, and what is of this adapter alone. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Redis } from "ioredis"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { cacheCommandMillisMax, cacheEntryBytesEstimate } from "../../protocols/limits.ts"
import { openRedisCache, type RedisCacheOptions } from "../../stores/index.ts"
import { type Server, startRedis } from "../servers/index.ts"
import { cacheConformance, slowMaker } from "../stores/cache-conformance.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"
import { startStopwatch } from "../support/stopwatch.ts"

let server: Server

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

/** A Redis that a busy machine holds up is waited for, where the test is not about that. */
const patient = { commandMillisMax: 20_000 }

let caches = 0
const freshPrefix = () => `cache-${caches++}`

const opened = (prefix: string, more: Partial<RedisCacheOptions> = {}) =>
  runScoped(openRedisCache({ url: server.url, prefix, ...patient, ...more }))

cacheConformance({ name: "Redis", open: (options) => opened(freshPrefix(), options) })

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const minute = 60_000

describe("several nodes on one Redis", () => {
  it("make a value once, whichever of them is asked", async () => {
    const prefix = freshPrefix()
    const nodes = [await opened(prefix), await opened(prefix), await opened(prefix)]
    const made = await run(
      Effect.gen(function* () {
        const [gate, slow] = yield* slowMaker("value")
        const asking = yield* Effect.forkChild(
          Effect.forEach(nodes, (node) => node.getOrMake("demo", "key", minute, slow.make), {
            concurrency: "unbounded",
          }),
        )
        yield* slow.begun
        yield* Deferred.succeed(gate, undefined)
        const answers = yield* Fiber.join(asking)
        expect(answers.map(textOf)).toEqual(["value", "value", "value"])
        return slow.made.count
      }),
    )
    expect(made).toBe(1)
  })

  it("forget for each other, also what another one is making", async () => {
    const prefix = freshPrefix()
    const [one, other] = [await opened(prefix), await opened(prefix)]
    await run(
      Effect.gen(function* () {
        const [gate, slow] = yield* slowMaker("old")
        const asking = yield* Effect.forkChild(one.getOrMake("demo", "key", minute, slow.make))
        yield* slow.begun
        yield* other.forget("demo", "key")
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(asking)
      }),
    )
    const fresh = Effect.succeed(bytesOf("new"))
    expect(textOf(await run(other.getOrMake("demo", "key", minute, fresh)))).toBe("new")
  })

  it("hold no more together than they may, and account for each byte of it", async () => {
    const prefix = freshPrefix()
    const size = 1_000
    const bytesMax = 20 * (size + cacheEntryBytesEstimate)
    const nodes = [await opened(prefix, { bytesMax }), await opened(prefix, { bytesMax })]
    const keys = Array.from({ length: 100 }, (_, i) => `key ${i}`)
    const value = Effect.sync(() => new Uint8Array(size))
    await run(
      Effect.forEach(
        keys,
        (key, i) => nodes[i % 2]?.getOrMake("demo", key, minute, value) ?? Effect.void,
        { concurrency: 8 },
      ),
    )
    await run(nodes[0]?.forget("demo", "key 99") ?? Effect.void)
    const redis = new Redis(server.url)
    onTestFinished(() => redis.disconnect())
    const values = await redis.keys(`{${prefix}}:value:*`)
    expect(values.length).toBe(19)
    expect(await redis.zcard(`{${prefix}}:ends`)).toBe(19)
    const sizes = await redis.hgetall(`{${prefix}}:sizes`)
    expect(Number(sizes[""])).toBe(19 * (size + cacheEntryBytesEstimate))
    expect(await redis.keys(`{${prefix}}:claim:*`)).toEqual([])
  })
})

describe("a Redis that goes away", () => {
  it("fails nobody: values are made, then kept again when it is back", async () => {
    const own = await startRedis()
    onTestFinished(() => own.stop())
    const cache = await runScoped(openRedisCache({ url: own.url }))
    let made = 0
    const ask = (key: string) =>
      run(
        cache.getOrMake(
          "demo",
          key,
          minute,
          Effect.sync(() => bytesOf(`${made++}`)),
        ),
      ).then(textOf)
    own.kill()
    const [first, second] = [await ask("key"), await ask("key")]
    expect(first).not.toBe(second)
    expect(cache.figures().failures).toBeGreaterThan(0)
    await own.start()
    const isKept = async () => {
      const value = await ask("key")
      return value === (await ask("key"))
    }
    await expect.poll(isKept).toBe(true)
  })

  it("is not waited for when it hangs", async () => {
    const own = await startRedis()
    onTestFinished(() => own.stop())
    const cache = await runScoped(openRedisCache({ url: own.url }))
    const value = Effect.succeed(bytesOf("value"))
    await run(cache.getOrMake("demo", "key", minute, value))
    own.pause()
    const answer = await run(cache.getOrMake("demo", "key", minute, Effect.succeed(bytesOf("own"))))
    const ranMillis = startStopwatch()
    await run(cache.getOrMake("demo", "key", minute, value))
    expect(ranMillis()).toBeLessThan(cacheCommandMillisMax)
    own.resume()
    expect(["value", "own"]).toContain(textOf(answer))
    expect(cache.figures().failures).toBeGreaterThan(0)
  })

  it("refuses an address that is none of Redis", async () => {
    const failure = await run(Effect.flip(Effect.scoped(openRedisCache({ url: "http://x" }))))
    expect(failure).toMatchObject({ _tag: "Invalid", what: "redis" })
  })
})
