/**
 * Blocks and records for tests of a graph store, with everything that a test does not care about
 * set.
 */
import { hash } from "node:crypto"
import { shardOf } from "../../protocols/address.ts"
import type {
  BlockEffects,
  EntityAssertion,
  EntityRef,
  RecordEffect,
  RelationshipAssertion,
} from "../../protocols/graph.ts"
import type { VisibleEntity } from "../../stores/index.ts"

export const tenant = "demo"

/** A record that describes one entity of type `thing` and its own key. */
export function thing(
  key: string,
  properties: EntityAssertion["properties"] = { name: key },
  more: Partial<RecordEffect> & { readonly aliases?: EntityAssertion["aliases"] } = {},
): RecordEffect {
  const { aliases = [], ...rest } = more
  return record(key, { entities: [{ type: "thing", key, aliases, properties }], ...rest })
}

export function record(recordKey: string, more: Partial<RecordEffect> = {}): RecordEffect {
  const content = JSON.stringify([more.op, more.version, more.entities, more.relationships])
  return {
    ordinal: 0,
    recordKey,
    version: undefined,
    op: "assert",
    hash: hash("sha256", content, "buffer"),
    entities: [],
    relationships: [],
    deadLetter: undefined,
    ...more,
  }
}

export const rejected = (recordKey: string, detail = "It is no JSON."): RecordEffect =>
  record(recordKey, {
    op: "reject",
    deadLetter: {
      reason: "invalid-json",
      detail,
      offset: 7,
      lengthBytes: 3,
      bytes: new TextEncoder().encode("{,}"),
      fingerprint: "f00d",
    },
  })

export const retract = (recordKey: string): RecordEffect => record(recordKey, { op: "retract" })

export const byKey = (key: string, type = "thing"): EntityRef => ({ type, key })

export const byAlias = (value: string, type = "thing"): EntityRef => ({
  type,
  alias: { scheme: "id", value },
})

export function relates(
  from: EntityRef,
  to: EntityRef,
  more: Partial<RelationshipAssertion> = {},
): RelationshipAssertion {
  const rest = { discriminator: "", properties: {}, derived: false }
  return { type: "uses", from, to, ...rest, ...more }
}

/** What is seen of it: an entity may parse its properties when they are asked for. */
export const plainEntity = (entity: VisibleEntity): VisibleEntity => {
  const { type, key, stub, properties, aliases, revision } = entity
  return { type, key, stub, properties, aliases, revision }
}

/** A block of these records, with ordinals from `firstOrdinal` on. */
export function block(
  sequence: number,
  records: readonly RecordEffect[],
  more: Partial<BlockEffects> & { readonly firstOrdinal?: number } = {},
): BlockEffects {
  const { firstOrdinal = 0, ...rest } = more
  const made = {
    tenant,
    partition: 0,
    epoch: 1,
    sequence,
    source: "source",
    run: { epoch: 1, count: 1 },
    file: "file.json",
    records: records.map((one, i) => ({ ...one, ordinal: firstOrdinal + i })),
    ...rest,
  }
  return { shard: shardOf(made.tenant, made.partition), ...made }
}
