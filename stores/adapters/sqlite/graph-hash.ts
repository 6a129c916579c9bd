/**
 * The hash of a tenant's visible graph, as `hash-lines.ts` defines it. Rows are read in order of an
 * index, and only the relationships of one entity are sorted at a time, so that memory does not
 * grow with the graph.
 */
import { createHash } from "node:crypto"
import { hashRowsPerTurn } from "../../../protocols/limits.ts"
import { entityLine, relationshipLine } from "../../graph/hash-lines.ts"
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
      yield entityLine(type, key, asserted === 0, properties, aliases)
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
      const names = [fromType, fromKey, type, toType, toKey, discriminator]
      yield relationshipLine(names, derived === 1, properties)
    }
  }
}
