/**
 * What travels between the node's thread and the writer's: tuples in msgpack, a block at a time,
 * copied on the way so that a commit that failed can be made again (shared memory is no faster, and
 * is freed late). Properties travel as the text that is stored, so the writer parses nothing of a
 * record that stands alone, and a record that cannot be stored fails in its caller.
 */
import { Packr, RESET_BUFFER_MODE } from "msgpackr"
import { invariant } from "../../../protocols/errors.ts"
import type {
  BlockEffects,
  EntityAssertion,
  EntityRef,
  Properties,
  PropertyValue,
  RecordEffect,
  RelationshipAssertion,
} from "../../../protocols/graph.ts"
import type { Failure } from "../failure.ts"
import type { BlockOutcome, DeadLetterChange, Guard } from "../port.ts"
import { searchedText, textOfAliases, textOfProperties } from "../text.ts"

export type WireEntity = readonly [
  type: string,
  key: string,
  properties: string,
  aliases: string,
  searched: string,
]
/** A key, or an alias as scheme and value. */
export type WireEnd = readonly [type: string, keyOrScheme: string, aliasValue?: string]
export type WireLink = readonly [
  type: string,
  from: WireEnd,
  to: WireEnd,
  discriminator: string,
  derived: number,
  properties: string,
]
export type WireDeadLetter = readonly [
  offset: number,
  length: number,
  reason: string,
  detail: string,
  fingerprint: string,
  bytes: Uint8Array,
]
/** A dead letter, and what is wrong with it from now on; nothing where it goes. */
export type WireLetterChange = readonly [
  source: string,
  runEpoch: number,
  runCount: number,
  ordinal: number,
  fault: readonly [reason: string, detail: string, fingerprint: string] | null,
]
export type WireRecord = readonly [
  ordinal: number,
  key: string,
  version: number | null,
  hash: Uint8Array,
  entities: readonly WireEntity[],
  links: readonly WireLink[],
  deadLetter: WireDeadLetter | null,
  retracts: boolean,
]
export type WireBlock = readonly [
  tenant: string,
  partition: number,
  shard: number,
  epoch: number,
  sequence: number,
  source: string,
  runEpoch: number,
  runCount: number,
  file: string,
  records: readonly WireRecord[],
]

export type Request =
  | {
      readonly id: number
      readonly kind: "commit"
      readonly records: number
      readonly blocks: readonly Uint8Array[]
    }
  | {
      readonly id: number
      readonly kind: "guard"
      readonly logId: string
      readonly guards: readonly Guard[]
    }
  | {
      readonly id: number
      readonly kind: "configure"
      readonly tenant: string
      readonly source: string
      readonly priority: number
    }
  | {
      readonly id: number
      readonly kind: "settle"
      readonly tenant: string
      readonly letters: readonly WireLetterChange[]
    }
  | { readonly id: number; readonly kind: "close" }

export type GuardAnswer =
  | { readonly kind: "guarded" }
  | {
      readonly kind: "fenced"
      readonly shard: number
      readonly epoch: number
      readonly current: number
    }
  | { readonly kind: "other-log"; readonly logId: string }

/** `changed` are the tenants whose feed the request's transaction moved, told once for it. */
export type Answer =
  | {
      readonly id: number
      readonly kind: "committed"
      readonly outcomes: readonly BlockOutcome[]
      readonly changed: readonly string[]
    }
  | { readonly id: number; readonly kind: "guard"; readonly answer: GuardAnswer }
  | { readonly id: number; readonly kind: "done"; readonly changed: readonly string[] }
  | { readonly id: number; readonly kind: "settled"; readonly letters: number }
  | { readonly id: number; readonly kind: "failed"; readonly failure: Failure }

const packr = new Packr({ useRecords: false })

/**
 * The bytes of a block, in memory of their own. The packer's is used again for the next one: what
 * is outside the heap and left behind makes the collector go through all of the heap.
 */
export function encodeBlock(block: BlockEffects): Uint8Array<ArrayBuffer> {
  const packed = packr.pack(wireOfBlock(block), RESET_BUFFER_MODE)
  const bytes = Buffer.allocUnsafeSlow(packed.byteLength)
  bytes.set(packed)
  return bytes
}

export const decodeBlock = (bytes: Uint8Array): WireBlock => packr.unpack(bytes) as WireBlock

export const wireOfLetterChange = ({
  source,
  run,
  ordinal,
  fault,
}: DeadLetterChange): WireLetterChange => [
  source,
  run.epoch,
  run.count,
  ordinal,
  fault === undefined ? null : [fault.reason, fault.detail, fault.fingerprint],
]

const wireOfBlock = (block: BlockEffects): WireBlock => [
  block.tenant,
  block.partition,
  block.shard,
  block.epoch,
  block.sequence,
  block.source,
  block.run.epoch,
  block.run.count,
  block.file,
  block.records.map(wireOfRecord),
]

function wireOfRecord(record: RecordEffect): WireRecord {
  const { ordinal, recordKey, version, op, hash, deadLetter } = record
  invariant(op !== "reject" || deadLetter !== undefined, "A rejected record has a dead letter.")
  if (deadLetter !== undefined) {
    const { offset, lengthBytes, reason, detail, fingerprint, bytes } = deadLetter
    const letter: WireDeadLetter = [offset, lengthBytes, reason, detail, fingerprint, bytes]
    return [ordinal, recordKey, version ?? null, hash, [], [], letter, false]
  }
  const asserts = op === "assert"
  const entities = asserts ? onePerEntity(record.entities).map(wireOfEntity) : []
  const links = asserts ? record.relationships.map(wireOfLink) : []
  return [ordinal, recordKey, version ?? null, hash, entities, links, null, !asserts]
}

const wireOfEntity = (entity: EntityAssertion): WireEntity => [
  entity.type,
  entity.key,
  textOfProperties(entity.properties),
  textOfAliases(entity.aliases),
  searchedText(entity.properties),
]

const wireOfLink = (link: RelationshipAssertion): WireLink => [
  link.type,
  wireOfEnd(link.from),
  wireOfEnd(link.to),
  link.discriminator,
  link.derived ? 1 : 0,
  textOfProperties(link.properties),
]

const wireOfEnd = (end: EntityRef): WireEnd =>
  "key" in end ? [end.type, end.key] : [end.type, end.alias.scheme, end.alias.value]

/** A record that describes one entity several times says the first value of each property. */
export function onePerEntity(entities: readonly EntityAssertion[]): readonly EntityAssertion[] {
  if (entities.length < 2) return entities
  const byName = new Map<string, EntityAssertion>()
  for (const entity of entities) {
    const name = `${entity.type}\0${entity.key}`
    const before = byName.get(name)
    byName.set(name, before === undefined ? entity : joined(before, entity))
  }
  return [...byName.values()]
}

function joined(first: EntityAssertion, second: EntityAssertion): EntityAssertion {
  const properties: { [name: string]: PropertyValue } = Object.create(null)
  for (const said of [second.properties, first.properties] satisfies Properties[]) {
    for (const name of Object.keys(said)) {
      const value = said[name]
      if (value !== undefined) properties[name] = value
    }
  }
  return { ...first, properties, aliases: [...first.aliases, ...second.aliases] }
}
