/** What a verb of the command line is made of; `table.ts` lists them all. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type IntelGraphError, Invalid } from "../protocols/errors.ts"
import type { Io } from "./io.ts"

export interface Flag {
  /** What stands for the value in help; a flag without one is a switch. */
  readonly value?: string
  readonly help: string
  /** May be given several times. */
  readonly repeats?: true
}

export interface Given {
  readonly words: readonly string[]
  readonly flags: {
    readonly [name: string]: string | boolean | readonly (string | boolean)[] | undefined
  }
}

/** Exit codes of contracts §11. */
export const exit = { done: 0, failed: 1, usage: 2, refused: 3, interrupted: 130 } as const

export type RunVerb = (given: Given, io: Io) => Effect.Effect<number, IntelGraphError, Scope.Scope>

export interface Verb {
  /** As it is typed: one or two words. */
  readonly name: string
  readonly words: string
  readonly summary: string
  /** Fewest and most words after the name. */
  readonly wordsMin: number
  readonly wordsMax: number
  readonly flags: { readonly [name: string]: Flag }
  readonly examples: readonly string[]
  /** Loads the verb's own module only when it runs. */
  readonly load: () => Promise<{ readonly run: RunVerb }>
}

export const isOn = (given: Given, name: string): boolean => given.flags[name] === true

export function textFlag(given: Given, name: string): string | undefined {
  const value = given.flags[name]
  return typeof value === "string" ? value : undefined
}

/** All values of a flag that repeats. */
export function textFlags(given: Given, name: string): readonly string[] {
  const values = given.flags[name]
  if (typeof values === "string") return [values]
  if (!Array.isArray(values)) return []
  return values.filter((value): value is string => typeof value === "string")
}

/** Runs a reader that throws `Invalid`. */
export const attemptInvalid = <A>(work: () => A): Effect.Effect<A, Invalid> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(work())
    } catch (thrown) {
      return thrown instanceof Invalid ? Effect.fail(thrown) : Effect.die(thrown)
    }
  })
