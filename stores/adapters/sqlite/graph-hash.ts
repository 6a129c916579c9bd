/**
 * The hash of a tenant's visible graph: SHA-256, hex, over lines of UTF-8 that each end in U+000A.
 *
 * First one line per entity, by type, then key (both by UTF-8 bytes):
 *
 *     ["e",type,key,stub,{properties},[[scheme,value],…]]
 *
 * then one per relationship, by type and key of where it begins, its own type, type and key of
 * where it ends, then discriminator:
 *
 *     ["r",from type,from key,type,to type,to key,discriminator,derived,{properties}]
 *
 * Each is canonical JSON (RFC 8785). No time, sequence, epoch, source or number of a row is in it.
 * Rows are read in order of an index, and only the relationships of one entity are sorted at a
 * time, so that memory does not grow with the graph.
 */
import { createHash, type Hash } from "node:crypto"
import * as Effect from "effect/Effect"
import { hashRowsPerTurn } from "../../../protocols/limits.ts"
import type { StoreBroken } from "../../graph/port.ts"
import { storeError } from "./failure.ts"
import { ReadStore } from "./read-store.ts"

/** In a snapshot of its own; lets others run every `hashRowsPerTurn` rows. */
export const graphHashOf = (path: string, tenant: string): Effect.Effect<string, StoreBroken> =>
  Effect.acquireUseRelease(
    attempt(path, () => {
      const store = new ReadStore(path)
      store.hold()
      return store
    }),
    (store) =>
      attempt(path, () => lines(store, store.tenant(tenant))).pipe(
        Effect.flatMap((all) => digest(path, all, createHash("sha256"))),
      ),
    (store) => Effect.sync(() => store.close()),
  )

const digest = (
  path: string,
  all: Iterator<string>,
  sha: Hash,
): Effect.Effect<string, StoreBroken> =>
  attempt(path, () => {
    // One update for many lines: each costs as much as reading its row.
    let text = ""
    for (let rows = 0; rows < hashRowsPerTurn; rows++) {
      const next = all.next()
      if (next.done === true) return sha.update(text, "utf8").digest("hex")
      text += next.value
    }
    sha.update(text, "utf8")
    return undefined
  }).pipe(
    Effect.flatMap((done) =>
      done === undefined
        ? Effect.flatMap(Effect.yieldNow, () => digest(path, all, sha))
        : Effect.succeed(done),
    ),
  )

const quoted = (text: string): string => JSON.stringify(text)

const attempt = <A>(path: string, use: () => A): Effect.Effect<A, StoreBroken> =>
  Effect.try({ try: use, catch: (cause) => storeError(cause, path) })

function* lines(store: ReadStore, tenant: number): Generator<string, undefined> {
  const types = store
    .query<[id: number, name: string]>("SELECT id, name FROM type WHERE tenant = ? ORDER BY name")
    .all(tenant)
  const entities = store.query<[string, number, string, string]>(
    `SELECT key, asserted, properties, aliases FROM node
     WHERE tenant = ? AND type = ? ORDER BY key`,
  )
  for (const [id, type] of types) {
    for (const [key, asserted, properties, aliases] of entities.iterate(tenant, id)) {
      const names = `${JSON.stringify(type)},${JSON.stringify(key)}`
      yield `["e",${names},${asserted === 0},${properties},${aliases}]\n`
    }
  }
  const relationships = store.query<[string, string, string, string, string, number, string]>(
    `SELECT f.key, et.name, tt.name, t.key, e.discriminator, e.derived, e.properties
     FROM node f INDEXED BY node_key CROSS JOIN edge e ON e.from_node = f.id
     CROSS JOIN type et ON et.id = e.type CROSS JOIN node t ON t.id = e.to_node
     CROSS JOIN type tt ON tt.id = t.type
     WHERE f.tenant = ? AND f.type = ? AND e.tenant = f.tenant
     ORDER BY f.key, et.name, tt.name, t.key, e.discriminator`,
  )
  for (const [id, fromType] of types) {
    for (const row of relationships.iterate(tenant, id)) {
      const [fromKey, type, toType, toKey, discriminator, derived, properties] = row
      const names = [fromType, fromKey, type, toType, toKey, discriminator].map(quoted)
      yield `["r",${names.join(",")},${derived === 1},${properties}]\n`
    }
  }
  return undefined
}
