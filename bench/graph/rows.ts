/**
 * What both contestants of the graph bench write: the ATT&CK objects, as blocks that partitions
 * hand to the sink, and as the nodes and relationships that are visible in the end.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { fileSource } from "../../actors/index.ts"
import { digestOfRecipe } from "../../actors/pipeline/digest-of-recipe.ts"
import { effectOfEvent } from "../../actors/pipeline/effect-of-event.ts"
import { partitionOf } from "../../protocols/address.ts"
import type { BlockEffects, Properties, RecordEffect } from "../../protocols/graph.ts"
import { blockEventsMax, partitionsDefault } from "../../protocols/limits.ts"
import { GraphModel, hashOfVisible } from "../../test/stores/model.ts"
import { run } from "../../test/support/run.ts"

const tenantDefault = "bench"
const file = join(
  import.meta.dirname,
  "../../data/mitre-attack/enterprise-attack-18.1.stix20.ndjson.gz",
)

/** A node as a person would write it: the key, and each property by its own name. */
export interface NodeRow {
  readonly type: string
  readonly properties: Properties
}

export interface RelationshipRow {
  readonly type: string
  readonly fromType: string
  readonly from: string
  readonly toType: string
  readonly to: string
  readonly properties: Properties
}

export interface Rows {
  readonly records: readonly RecordEffect[]
  readonly nodes: readonly NodeRow[]
  readonly relationships: readonly RelationshipRow[]
  /** Of the graph that they are. */
  readonly hash: string
}

export const attackRecords = (): Promise<readonly RecordEffect[]> => run(Effect.scoped(recordsOf))

export function rowsOf(records: readonly RecordEffect[]): Rows {
  const model = new GraphModel()
  for (const lane of lanesOf(records, { partitions: 1 }))
    for (const block of lane) model.commit(block)
  const visible = model.visible()
  const { entities, relationships } = visible
  return {
    records,
    hash: hashOfVisible(visible),
    nodes: entities.map(({ type, key, properties, aliases, stub }) => {
      const names = aliases.map(({ scheme, value }) => `${scheme}:${value}`)
      return { type, properties: { ...properties, key, stub, aliases: names } }
    }),
    relationships: relationships.map(({ type, from, to, discriminator, derived, properties }) => ({
      type,
      fromType: from.type,
      from: from.key,
      toType: to.type,
      to: to.key,
      properties: { ...properties, discriminator, derived },
    })),
  }
}

/** The records of each partition in blocks, as a sender cuts them. */
export function lanesOf(
  records: readonly RecordEffect[],
  {
    tenant = tenantDefault,
    partitions = partitionsDefault,
  }: { readonly tenant?: string; readonly partitions?: number } = {},
): readonly (readonly BlockEffects[])[] {
  const lanes: RecordEffect[][] = Array.from({ length: partitions }, () => [])
  for (const record of records) lanes[partitionOf(record.recordKey, partitions)]?.push(record)
  return lanes.map((lane, partition) =>
    Array.from({ length: Math.ceil(lane.length / blockEventsMax) }, (_, i) => ({
      ...{ tenant, source: "attack", partition, shard: partition, epoch: 1, sequence: i + 1 },
      ...{ run: { epoch: 1, count: 1 }, file: "attack.ndjson" },
      records: lane.slice(i * blockEventsMax, (i + 1) * blockEventsMax),
    })),
  )
}

const recordsOf = Effect.gen(function* () {
  const spec = {
    tenant: tenantDefault,
    source: "attack",
    format: "stix",
    mapping: undefined,
    file,
  } as const
  const source = yield* fileSource.open(spec, () => ({ offset: 0, ordinal: 0 }))
  const digest = digestOfRecipe(source.recipe)
  const records: RecordEffect[] = []
  while (true) {
    const chunk = yield* source.next
    if (chunk === undefined) return records
    for (const event of chunk.events) records.push(effectOfEvent(event, source.recipe, digest))
  }
})
