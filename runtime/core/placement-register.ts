/**
 * The `Register` port: who is here and who holds which shard, as entries that vanish by themselves.
 *
 * Promises: of two that write one place knowing the same revision, one is told that it lost; an
 * entry that is not written again vanishes `ttlMillis` after it was stored, by the register's own
 * clock and not by a node's; revisions of a place rise. What may fail beneath: a call may end
 * without its outcome being known (`Unavailable`); a watch may break off, and what changed before
 * the next one begins is then seen only in how that one begins. Does not promise that a watcher
 * sees every state that was, nor that what it saw still stands.
 *
 * Nothing rests on a lease but who tries: a write passes the fence of its epoch, or it does not.
 */
import type * as Effect from "effect/Effect"
import { isToken } from "../../protocols/address.ts"
import type { StoreFailed, Unavailable } from "../../protocols/errors.ts"
import { nodeWeightMax, shardCount } from "../../protocols/limits.ts"

const standings = ["serves", "troubled", "cordoned", "drains"] as const

/**
 * How a node stands to the shards: it takes its share; its takeovers fail, so it keeps what it has
 * and is asked last; it keeps what it has, because an operator said so; it gives all of them away.
 */
export type Standing = (typeof standings)[number]

/** A process: a node that starts again is another one. */
export interface Who {
  readonly node: string
  readonly incarnation: string
}

export interface NodeEntry extends Who {
  readonly kind: "node"
  readonly weight: number
  readonly standing: Standing
}

export interface LeaseEntry extends Who {
  readonly kind: "lease"
  readonly shard: number
  /** Under which the holder works; 0 while it takes over. */
  readonly epoch: number
}

export type Entry = NodeEntry | LeaseEntry

/** Where an entry stands: `node/<name>` or `shard/<number>`. */
export type Place = string

export const nodePlace = (node: string): Place => `node/${node}`
export const shardPlace = (shard: number): Place => `shard/${shard}`
export const placeOf = (entry: Entry): Place =>
  entry.kind === "node" ? nodePlace(entry.node) : shardPlace(entry.shard)

/** What is in a place; without an entry where there is none any more, or never was. */
export interface Found {
  readonly place: Place
  readonly entry: Entry | undefined
  /** Of what is there; 0 where nothing tells that anything ever was. */
  readonly revision: number
}

/** `done` with the revision that is there now; `refused` with what is there instead. */
export type Outcome =
  | { readonly kind: "done"; readonly revision: number }
  | { readonly kind: "refused"; readonly found: Found }

/**
 * A watch begins, and what it finds replaces what was known; then each place, as it was found or as
 * it changed; `complete` once all that was there has been told.
 */
export type News =
  | { readonly kind: "begins" }
  | { readonly kind: "complete" }
  | ({ readonly kind: "found" } & Found)

export interface Register {
  /**
   * Whether all that was asked since it began to be opened was answered at once: else it may have
   * been away, and have forgotten who is here. One without this always was steady.
   */
  readonly isSteady?: () => boolean

  /**
   * Writes an entry where `expected` is the revision of the entry that is there, or `undefined`
   * and there is none.
   */
  readonly put: (
    entry: Entry,
    expected: number | undefined,
    ttlMillis: number,
  ) => Effect.Effect<Outcome, Unavailable>

  /** Removes the entry of this revision. */
  readonly remove: (place: Place, expected: number) => Effect.Effect<Outcome, Unavailable>

  /** Tells what is there and what changes, until it breaks off. One watch at a time. */
  readonly watch: (tell: (news: News) => void) => Effect.Effect<never, Unavailable | StoreFailed>
}

/** The stored form of an entry. */
export const encodeEntry = (entry: Entry): string => JSON.stringify({ version: 1, ...entry })

/** The entry behind a stored form; `undefined` for what this release does not know. */
export function decodeEntry(text: string): Entry | undefined {
  const value = parse(text)
  if (value?.version !== 1 || !isName(value.node) || !isName(value.incarnation)) return undefined
  const { node, incarnation } = value
  if (value.kind === "node") {
    const standing = standings.find((one) => one === value.standing)
    const weight = wholeBetween(value.weight, 1, nodeWeightMax)
    if (standing === undefined || weight === undefined) return undefined
    return { kind: "node", node, incarnation, weight, standing }
  }
  const shard = wholeBetween(value.shard, 0, shardCount - 1)
  const epoch = wholeBetween(value.epoch, 0, Number.MAX_SAFE_INTEGER)
  if (value.kind !== "lease" || shard === undefined || epoch === undefined) return undefined
  return { kind: "lease", node, incarnation, shard, epoch }
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

const isName = (value: unknown): value is string => typeof value === "string" && isToken(value)

const wholeBetween = (value: unknown, low: number, high: number): number | undefined =>
  typeof value === "number" && Number.isInteger(value) && value >= low && value <= high
    ? value
    : undefined
