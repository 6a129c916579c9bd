/** The cache over a shelf: who makes what, once, and what is counted of it. */
import { hash } from "node:crypto"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { invariant } from "../../protocols/errors.ts"
import { cacheMillisMax, cacheValueBytesMax } from "../../protocols/limits.ts"
import type { CacheFigures, CacheShape } from "./port.ts"

/** Leave to make a value and put it. */
export type Claim = string

/**
 * Where values lie. Its effects do not fail: a shelf that cannot be asked has nothing, grants no
 * claim, and says that it failed.
 */
export interface Shelf {
  readonly take: (name: string) => Effect.Effect<Uint8Array | undefined>
  /** A claim; or the value, where somebody else has put it meanwhile; or neither. */
  readonly claim: (
    name: string,
  ) => Effect.Effect<{ readonly claim?: Claim; readonly value?: Uint8Array }>
  /** Whether it was kept: only under a claim that still stands. Ends the claim. */
  readonly put: (
    name: string,
    claim: Claim,
    value: Uint8Array,
    ttlMillis: number,
  ) => Effect.Effect<boolean>
  readonly release: (name: string, claim: Claim) => Effect.Effect<void>
  /** Takes the value away, and any claim to put one. */
  readonly drop: (name: string) => Effect.Effect<void>
  readonly failures: () => number
}

type Counting = { -readonly [name in Exclude<keyof CacheFigures, "failures">]: number }

/** Of one process, of one name: all who ask while it is under way wait for it. */
type Flight = Deferred.Deferred<Exit.Exit<Uint8Array, unknown> | undefined>

export function cacheOver(shelf: Shelf): CacheShape {
  const flights = new Map<string, Flight>()
  const figures: Counting = { hits: 0, made: 0, unkept: 0 }

  const lookUp = <E>(name: string, ttlMillis: number, make: Effect.Effect<Uint8Array, E>) =>
    Effect.gen(function* () {
      const there = yield* shelf.take(name)
      const { claim, value = there } = there === undefined ? yield* shelf.claim(name) : {}
      if (value === undefined)
        return yield* makeUnder(shelf, figures, { name, claim, ttlMillis }, make)
      figures.hits++
      return value
    })

  const getOrMake = <E>(
    name: string,
    ttlMillis: number,
    make: Effect.Effect<Uint8Array, E>,
  ): Effect.Effect<Uint8Array, E> =>
    Effect.suspend(() => {
      const flight = flights.get(name)
      if (flight === undefined) {
        const own: Flight = Deferred.makeUnsafe()
        flights.set(name, own)
        return Effect.onExit(lookUp(name, ttlMillis, make), (exit) =>
          Effect.sync(() => {
            if (flights.get(name) === own) flights.delete(name)
            const outcome = Exit.hasInterrupts(exit) ? undefined : exit
            Deferred.doneUnsafe(own, Effect.succeed(outcome))
          }),
        )
      }
      return Effect.flatMap(Deferred.await(flight), (outcome) => {
        if (outcome === undefined) return getOrMake(name, ttlMillis, make)
        if (Exit.isSuccess(outcome)) figures.hits++
        // Whoever asks for the same name makes it by the same rules, so it fails alike.
        return outcome as Exit.Exit<Uint8Array, E>
      })
    })

  return {
    getOrMake: (tenant, key, ttlMillis, make) => {
      const isFit = Number.isInteger(ttlMillis) && ttlMillis >= 1 && ttlMillis <= cacheMillisMax
      invariant(isFit, `A value is kept for 1 to ${cacheMillisMax} ms.`)
      return getOrMake(nameOf(tenant, key), ttlMillis, make)
    },
    forget: (tenant, key) =>
      Effect.suspend(() => {
        const name = nameOf(tenant, key)
        flights.delete(name)
        return shelf.drop(name)
      }),
    figures: (): CacheFigures => ({ ...figures, failures: shelf.failures() }),
  }
}

interface Place {
  readonly name: string
  readonly claim: Claim | undefined
  readonly ttlMillis: number
}

const makeUnder = <E>(
  shelf: Shelf,
  figures: Counting,
  { name, claim, ttlMillis }: Place,
  make: Effect.Effect<Uint8Array, E>,
) =>
  Effect.gen(function* () {
    const value = yield* make
    figures.made++
    const isKept =
      claim !== undefined &&
      value.length <= cacheValueBytesMax &&
      (yield* shelf.put(name, claim, value, ttlMillis))
    if (!isKept) figures.unkept++
    return value
  }).pipe(Effect.ensuring(claim === undefined ? Effect.void : shelf.release(name, claim)))

/** Of one length, whatever the key. */
const nameOf = (tenant: string, key: string): string =>
  hash("sha256", JSON.stringify([tenant, key]), "base64url")
