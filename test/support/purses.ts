/** Actors with durable state of three versions, and a story of which every version is part. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { Json } from "../../protocols/canonical.ts"
import {
  type ActorStateShape,
  type DurableKind,
  openDurable,
  type StatePath,
} from "../../runtime/index.ts"

/** 1: an amount. 2: cents. 3: euros, and how often something was paid in since. */
export type First = { readonly amount: number }
export type Second = { readonly cents: number }
export type Third = { readonly euro: number; readonly times: number }
export type Paid = { readonly euro: number; readonly note: string }

export const first: DurableKind<First, number> = {
  kind: "purse",
  version: 1,
  initial: { amount: 0 },
  apply: ({ amount }, paid) => ({ amount: amount + paid }),
}

export const second: DurableKind<Second, Second> = {
  kind: "purse",
  version: 2,
  initial: { cents: 0 },
  apply: (now, { cents }) => ({ cents: now.cents + cents }),
  upcastEvent: { 1: (paid) => ({ cents: (paid as number) * 100 }) },
  upcastSnapshot: { 1: (old) => ({ cents: (old as First).amount * 100 }) },
}

export const third: DurableKind<Third, Paid> = {
  kind: "purse",
  version: 3,
  initial: { euro: 0, times: 0 },
  apply: (now, { euro }) => ({ euro: now.euro + euro, times: now.times + 1 }),
  upcastEvent: {
    ...second.upcastEvent,
    2: (old) => ({ euro: (old as Second).cents / 100, note: "" }),
  },
  upcastSnapshot: {
    ...second.upcastSnapshot,
    2: (old) => ({ euro: (old as Second).cents / 100, times: 0 }),
  },
}

export const purse = (key: string) => ({ tenant: "demo", kind: "purse", key })

/** Shard of the story, and what its purses come to in the newest version. */
export const purseShard = 3
export const purses: { readonly [key: string]: Third } = {
  events: { euro: 6, times: 3 },
  both: { euro: 15, times: 2 },
  snapshot: { euro: 3, times: 0 },
  grown: { euro: 12.5, times: 2 },
  "ü/ *.>\0": { euro: 7, times: 1 },
  [`long ${"x".repeat(200)}`]: { euro: 9, times: 2 },
}

/** The story: two owners, the second with a newer program. */
export const writePurses = (state: ActorStateShape) =>
  Effect.gen(function* () {
    const [long = ""] = Object.keys(purses).filter((key) => key.startsWith("long"))
    const [odd = ""] = Object.keys(purses).filter((key) => key.startsWith("ü"))
    yield* persistAll(state, first, { events: [[1, 2], [3]], [odd]: [[7]], [long]: [[4]] })
    const often = { ...first, eventsPerSnapshotMax: 3 }
    yield* persistAll(state, often, { both: [[1, 2], [3], [4], [5]], grown: [[2], [3], [4, 1]] })
    yield* persistAll(state, { ...first, eventsPerSnapshotMax: 1 }, { snapshot: [[1], [2]] })
    const cents = { grown: [[{ cents: 200 }], [{ cents: 50 }]], [long]: [[{ cents: 500 }]] }
    yield* persistAll(state, second, cents)
  })

const persistAll = <S extends Json, E extends Json>(
  state: ActorStateShape,
  kind: DurableKind<S, E>,
  groups: { readonly [key: string]: readonly (readonly E[])[] },
) =>
  Effect.gen(function* () {
    for (const owner of yield* state.claim([purseShard])) {
      for (const [key, all] of Object.entries(groups)) {
        const durable = yield* openDurable(state, owner, purse(key), kind)
        for (const events of all) yield* durable.persist(events)
      }
    }
  })

export interface StoredText {
  readonly path: StatePath
  readonly value: string
}

/** What the first release stored of the story. */
export const storedPurses = (): readonly StoredText[] =>
  readFileSync(join(import.meta.dirname, "../fixtures/durable-v1/records.ndjson"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as StoredText)
