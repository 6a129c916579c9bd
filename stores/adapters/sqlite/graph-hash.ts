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
import { createHash } from "node:crypto"
import { hashRowsPerTurn } from "../../../protocols/limits.ts"
import type { ReadStore } from "./read-store.ts"

/** Yields every `hashRowsPerTurn` rows, to let others run. */
export function* graphHash(store: ReadStore, tenant: number): Generator<void, string> {
  const sha = createHash("sha256")
  // One update for many lines: each costs as much as reading its row.
  let text = ""
  let rows = 0
  for (const line of lines(store, tenant)) {
    text += line
    if (++rows % hashRowsPerTurn > 0) continue
    sha.update(text, "utf8")
    text = ""
    yield
  }
  return sha.update(text, "utf8").digest("hex")
}

const quoted = (text: string): string => JSON.stringify(text)

function* lines(store: ReadStore, tenant: number): Generator<string, void> {
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
}
