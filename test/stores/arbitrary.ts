/**
 * Random readings of several sources, small enough that keys, aliases and ends meet all the time;
 * and ways in which their records may reach a sink.
 */
import { hash } from "node:crypto"
import fc from "fast-check"
import { shardOf } from "../../protocols/address.ts"
import type {
  Alias,
  BlockEffects,
  EntityAssertion,
  EntityRef,
  Properties,
  RecordEffect,
  RelationshipAssertion,
} from "../../protocols/graph.ts"

export const tenant = "demo"
const partitions = 3
const sources = ["alpha", "beta", "gamma"]

const type = fc.constantFrom("t", "u")
const key = fc.constantFrom("a", "b", "c", "\u{ff5e}", "\u{1f600}", "~s:1")
const alias: fc.Arbitrary<Alias> = fc.record({
  scheme: fc.constantFrom("s", "s:1"),
  value: fc.constantFrom("1", "2"),
})
const value = fc.oneof(
  fc.constantFrom("x", "y", "", "Ünï", '"revoked":true', "\u2028"),
  fc.constantFrom(0, -0.5, 1e21),
  fc.constantFrom(true, false),
  fc.constantFrom(["p", "q"], ["p"]),
)
const properties: fc.Arbitrary<Properties> = fc
  .array(fc.tuple(fc.constantFrom("name", "10", "9", "z", "__proto__"), value), { maxLength: 3 })
  .chain((members) =>
    fc.option(fc.boolean(), { freq: 2 }).map((revoked) => {
      const all: [string, unknown][] = [...members]
      if (revoked !== null) all.push(["revoked", revoked])
      return Object.fromEntries(all) as Properties
    }),
  )
const entity: fc.Arbitrary<EntityAssertion> = fc.record({
  type,
  key,
  aliases: fc.array(alias, { maxLength: 2 }),
  properties,
})
const end: fc.Arbitrary<EntityRef> = fc.oneof(fc.record({ type, key }), fc.record({ type, alias }))
const relationship: fc.Arbitrary<RelationshipAssertion> = fc.record({
  type: fc.constantFrom("uses", "t"),
  from: end,
  to: end,
  discriminator: fc.constantFrom("", "d"),
  properties,
  derived: fc.boolean(),
})

interface Content {
  readonly source: string
  readonly recordKey: string
  readonly version: number | undefined
  readonly kind: "assert" | "retract" | "broken"
  readonly entities: readonly EntityAssertion[]
  readonly relationships: readonly RelationshipAssertion[]
}

const content: fc.Arbitrary<Content> = fc.record({
  source: fc.constantFrom(...sources),
  recordKey: fc.constantFrom("k1", "k2", "k3", "k4", "k5"),
  version: fc.constantFrom(undefined, 1, 2, 3),
  kind: fc.constantFrom("assert", "assert", "assert", "assert", "retract", "broken"),
  entities: fc.array(entity, { maxLength: 3 }),
  relationships: fc.array(relationship, { maxLength: 3 }),
})

/** Several runs, one after the other, each with records of all sources. */
export const readings = fc.array(fc.array(content, { minLength: 1, maxLength: 12 }), {
  minLength: 1,
  maxLength: 3,
})

export const priorities = fc.array(
  fc.record({ source: fc.constantFrom(...sources), priority: fc.integer({ min: -1, max: 1 }) }),
  { maxLength: 3 },
)

/** Turns a random list of numbers into choices; used up, it chooses the first. */
export function chooser(numbers: readonly number[]) {
  let at = 0
  return (below: number): number => (numbers[at++] ?? 0) % below
}

export const choices = fc.array(fc.nat(1000), { minLength: 20, maxLength: 60 })

/**
 * The readings as blocks per partition, in an order and grouping that `choose` decides: any
 * partition may be ahead of the others, and after a "crash" a part of a partition's records comes
 * again in other blocks. Only the order within a source and partition stays, as the log keeps it.
 */
export function schedule(
  runs: readonly (readonly Content[])[],
  choose: (below: number) => number,
): readonly (readonly BlockEffects[])[] {
  const queues = Array.from({ length: partitions }, (): BlockEffects[] => [])
  runs.forEach((contents, r) => {
    const run = { epoch: 1, count: r + 1 }
    for (const source of sources) {
      const records = contents
        .filter((one) => one.source === source)
        .map((one, ordinal) => effectOf(one, ordinal))
      queues.forEach((queue, partition) => {
        const own = records.filter((record) => partitionOf(record.recordKey) === partition)
        for (let at = 0; at < own.length; ) {
          const size = 1 + choose(3)
          queue.push(blockOf(partition, source, run, own.slice(at, at + size)))
          at += size
          if (choose(4) === 3) at = Math.max(0, at - 1 - choose(3))
        }
      })
    }
  })
  queues.forEach((queue, partition) => {
    queues[partition] = queue.map((block, i) => ({ ...block, sequence: i + 1 }))
  })
  const calls: BlockEffects[][] = []
  for (let left = queues.filter((queue) => queue.length > 0); left.length > 0; ) {
    const call: BlockEffects[] = []
    for (let blocks = 1 + choose(3); blocks > 0 && left.length > 0; blocks--) {
      const block = left[choose(left.length)]?.shift()
      if (block !== undefined) call.push(block)
      left = left.filter((queue) => queue.length > 0)
    }
    calls.push(call)
  }
  return calls
}

const partitionOf = (recordKey: string): number => Number(recordKey.slice(1)) % partitions

const blockOf = (
  partition: number,
  source: string,
  run: BlockEffects["run"],
  records: readonly RecordEffect[],
): BlockEffects => ({
  tenant,
  partition,
  shard: shardOf(tenant, partition),
  epoch: 1,
  sequence: 0,
  source,
  run,
  file: "file",
  records,
})

function effectOf(one: Content, ordinal: number): RecordEffect {
  const { recordKey, version, kind, entities, relationships } = one
  const text = JSON.stringify([kind, version, entities, relationships])
  return {
    ordinal,
    recordKey,
    version,
    op: kind === "retract" ? "retract" : "assert",
    hash: hash("sha256", text, "buffer"),
    entities: kind === "assert" ? entities : [],
    relationships: kind === "assert" ? relationships : [],
    deadLetter: kind === "broken" ? deadLetter : undefined,
  }
}

const deadLetter = {
  reason: "missing-key" as const,
  detail: "The record has no key.",
  offset: 0,
  lengthBytes: 2,
  bytes: new TextEncoder().encode("{}"),
  fingerprint: "00",
}
