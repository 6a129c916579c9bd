/** What every adapter of the cache port must do. A world is a cache of its own, empty. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import { cacheEntryBytesEstimate, cacheValueBytesMax } from "../../protocols/limits.ts"
import type { CacheShape } from "../../stores/index.ts"
import { run } from "../support/run.ts"

export interface CacheAdapter {
  readonly name: string
  readonly open: (options?: { readonly bytesMax?: number }) => Promise<CacheShape>
}

const tenant = "demo"
const minute = 60_000

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

/** Makes `text` and counts how often it did. */
function maker(text: string | Uint8Array) {
  const value = typeof text === "string" ? bytesOf(text) : text
  const made = { count: 0 }
  const make = Effect.sync(() => {
    made.count++
    return value
  })
  return { made, make }
}

export function cacheConformance({ name, open }: CacheAdapter): void {
  describe(`${name}: a cache`, () => {
    keeps(open)
    makesOnce(open)
  })
}

function keeps(open: CacheAdapter["open"]): void {
  it("makes a value once and answers it from then on, whatever its bytes", async () => {
    const cache = await open()
    const every = Uint8Array.from({ length: 256 }, (_, i) => i)
    for (const value of [every, new Uint8Array(0)]) {
      const { made, make } = maker(value)
      const key = `key ${value.length} \0 é`
      const answers = [
        await run(cache.getOrMake(tenant, key, minute, make)),
        await run(cache.getOrMake(tenant, key, minute, make)),
      ]
      expect(answers.map((one) => [...one])).toEqual([[...value], [...value]])
      expect(made.count).toBe(1)
    }
    expect(cache.figures()).toEqual({ hits: 2, made: 2, unkept: 0, failures: 0 })
  })

  it("makes it again when its time is over", async () => {
    const cache = await open()
    const { made, make } = maker("short")
    await run(cache.getOrMake(tenant, "key", 50, make))
    await expect
      .poll(async () => {
        await run(cache.getOrMake(tenant, "key", 50, make))
        return made.count
      })
      .toBeGreaterThan(1)
  })

  it("shows a tenant nothing of another", async () => {
    const cache = await open()
    const ask = (of: string, text: string) =>
      run(cache.getOrMake(of, "key", minute, maker(text).make)).then(textOf)
    expect([await ask("one", "1"), await ask("two", "2"), await ask("one", "3")]).toEqual([
      "1",
      "2",
      "1",
    ])
    await run(cache.forget("one", "key"))
    expect([await ask("one", "4"), await ask("two", "5")]).toEqual(["4", "2"])
  })

  it("keeps no more than it may, and no value that is too large", async () => {
    const size = 10_000
    const cache = await open({ bytesMax: 5 * (size + cacheEntryBytesEstimate) })
    const value = new Uint8Array(size)
    const keys = Array.from({ length: 12 }, (_, i) => `key ${i}`)
    // Each ends a second after the one before: adapters agree on which goes first, since it is both
    // the longest unused and the soonest to end, however many are put in one millisecond.
    for (const [i, key] of keys.entries()) {
      await run(cache.getOrMake(tenant, key, minute + i * 1_000, maker(value).make))
    }
    const kept = new Set<string>()
    for (const key of keys.toReversed()) {
      const { made, make } = maker(value)
      await run(cache.getOrMake(tenant, key, minute, make))
      if (made.count === 0) kept.add(key)
      else break
    }
    expect([...kept]).toEqual(keys.slice(-5).reverse())
    const large = maker(new Uint8Array(cacheValueBytesMax + 1))
    await run(cache.getOrMake(tenant, "large", minute, large.make))
    await run(cache.getOrMake(tenant, "large", minute, large.make))
    expect(large.made.count).toBe(2)
  })

  it("answers a value as it was made, whatever its maker does with the bytes", async () => {
    const cache = await open()
    const value = bytesOf("as it was")
    await run(cache.getOrMake(tenant, "key", minute, Effect.succeed(value)))
    value.fill(0)
    const again = await run(cache.getOrMake(tenant, "key", minute, maker("other").make))
    expect(textOf(again)).toBe("as it was")
  })
}

function makesOnce(open: CacheAdapter["open"]): void {
  it("makes a value once for all who ask while it is made", async () => {
    const cache = await open()
    const answers = await run(
      Effect.gen(function* () {
        const [gate, slow] = yield* slowMaker("value")
        const asks = counted(cache.getOrMake(tenant, "key", minute, slow.make))
        const asking = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 50 }), () => asks.one, { concurrency: "unbounded" }),
        )
        yield* slow.begun
        yield* asks.are(50)
        yield* Deferred.succeed(gate, undefined)
        return [yield* Fiber.join(asking), slow.made.count] as const
      }),
    )
    expect(answers[0].map(textOf)).toEqual(Array.from({ length: 50 }, () => "value"))
    expect(answers[1]).toBe(1)
    expect(cache.figures()).toMatchObject({ hits: 49, made: 1 })
  })

  it("tells all of them a failure, and keeps none", async () => {
    const cache = await open()
    const failures = await run(
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const begun = yield* Deferred.make<void>()
        const failing = Effect.gen(function* () {
          yield* Deferred.succeed(begun, undefined)
          yield* Deferred.await(gate)
          return yield* Effect.fail("no" as const)
        })
        const asks = counted(Effect.flip(cache.getOrMake(tenant, "key", minute, failing)))
        const asking = yield* Effect.forkChild(
          Effect.all([asks.one, asks.one, asks.one], { concurrency: "unbounded" }),
        )
        yield* Deferred.await(begun)
        yield* asks.are(3)
        yield* Deferred.succeed(gate, undefined)
        return yield* Fiber.join(asking)
      }),
    )
    expect(failures).toEqual(["no", "no", "no"])
    const { make } = maker("yes")
    expect(textOf(await run(cache.getOrMake(tenant, "key", minute, make)))).toBe("yes")
  })

  it("has another one make it where the one who does is interrupted", async () => {
    const cache = await open()
    const answer = await run(
      Effect.gen(function* () {
        const [, slow] = yield* slowMaker("never")
        const first = yield* Effect.forkChild(cache.getOrMake(tenant, "key", minute, slow.make))
        yield* slow.begun
        const second = yield* Effect.forkChild(
          cache.getOrMake(tenant, "key", minute, maker("second").make),
        )
        yield* Effect.yieldNow
        yield* Fiber.interrupt(first)
        return yield* Fiber.join(second)
      }),
    )
    expect(textOf(answer)).toBe("second")
  })

  it("does not keep what is forgotten while it is made", async () => {
    const cache = await open()
    await run(
      Effect.gen(function* () {
        const [gate, slow] = yield* slowMaker("old")
        const asking = yield* Effect.forkChild(cache.getOrMake(tenant, "key", minute, slow.make))
        yield* slow.begun
        yield* cache.forget(tenant, "key")
        yield* Deferred.succeed(gate, undefined)
        expect(textOf(yield* Fiber.join(asking))).toBe("old")
      }),
    )
    const { make } = maker("new")
    expect(textOf(await run(cache.getOrMake(tenant, "key", minute, make)))).toBe("new")
    expect(cache.figures()).toMatchObject({ unkept: 1 })
  })
}

/** Asks that are counted as they begin; whoever has begun waits already for what is made. */
function counted<A, E>(ask: Effect.Effect<A, E>) {
  let begun = 0
  const one = Effect.suspend(() => {
    begun++
    return ask
  })
  const are = (count: number): Effect.Effect<void> =>
    Effect.suspend(() =>
      begun >= count ? Effect.void : Effect.flatMap(Effect.yieldNow, () => are(count)),
    )
  return { one, are }
}

/** A maker that has begun, and waits until its gate is opened. */
export const slowMaker = (text: string) =>
  Effect.gen(function* () {
    const gate = yield* Deferred.make<void>()
    const begun = yield* Deferred.make<void>()
    const { made, make } = maker(text)
    const slow = Effect.gen(function* () {
      yield* Deferred.succeed(begun, undefined)
      yield* Deferred.await(gate)
      return yield* make
    })
    return [gate, { begun: Deferred.await(begun), made, make: slow }] as const
  })
