/**
 * The pipeline of a partition: parse, validate, normalise and map one event (contracts §3). Pure
 * and synchronous; what is wrong with the data becomes a dead letter, never an exception. What it
 * throws is a mistake in this program, and its caller counts it against the record.
 */
import { hash } from "node:crypto"
import type { Json } from "../../protocols/canonical.ts"
import type { DeadLetterReason, Fault, SourceEvent } from "../../protocols/event.ts"
import type { RecordEffect } from "../../protocols/graph.ts"
import { deadLetterBytesMax } from "../../protocols/limits.ts"
import { applyDefault, applyMapping } from "../mapping/apply.ts"
import type { Assertions } from "../mapping/assertions.ts"
import { Rejection } from "../mapping/values.ts"
import type { Recipe } from "../source.ts"
import { applyStix } from "../stix/apply.ts"
import { planOfRecipe, readRecord } from "./read-record.ts"

/** What the sink writes for the event: assertions, or a dead letter. */
export function effectOfEvent(
  event: SourceEvent,
  recipe: Recipe,
  digest: Uint8Array,
): RecordEffect {
  if (event.fault !== undefined) return deadLetterOf(event, event.fault, digest)
  try {
    return effect(event, digest, event.op === "retract" ? undefined : assertionsOf(event, recipe))
  } catch (thrown) {
    if (thrown instanceof Rejection) return deadLetterOf(event, thrown.fault, digest)
    throw thrown
  }
}

/** The effect of an event that is set aside. */
export function deadLetterOf(event: SourceEvent, fault: Fault, digest: Uint8Array): RecordEffect {
  const bytes = event.bytes.subarray(0, deadLetterBytesMax)
  const deadLetter = {
    reason: fault.reason,
    detail: fault.detail,
    offset: event.offset,
    lengthBytes: event.fault?.lengthBytes ?? event.bytes.length,
    bytes,
    fingerprint: fingerprintOf(fault.reason, bytes),
  }
  return { ...effect(event, digest, undefined), op: "reject", deadLetter }
}

/** The same fault of the same kept bytes has the same one. */
export const fingerprintOf = (reason: DeadLetterReason, bytes: Uint8Array): string =>
  hash("sha256", Buffer.concat([Buffer.from(`${reason}\0`), bytes]), "hex")

function effect(
  event: SourceEvent,
  digest: Uint8Array,
  assertions: Assertions | undefined,
): RecordEffect {
  return {
    ordinal: event.ordinal,
    recordKey: event.recordKey,
    version: event.version,
    op: event.op,
    hash: hashOf(event, digest),
    entities: assertions?.entities ?? [],
    relationships: assertions?.relationships ?? [],
    deadLetter: undefined,
  }
}

function assertionsOf(event: SourceEvent, recipe: Recipe): Assertions {
  const { bytes, recordKey } = event
  const plan = planOfRecipe(recipe)
  return readRecord(bytes, recipe, (record: Json) => {
    if (recipe.format === "stix") return applyStix(record, bytes.length)
    if (plan === undefined) return applyDefault(record, recordKey, bytes.length)
    return applyMapping(plan, record, bytes.length)
  })
}

const operationCode = { assert: 0, retract: 1, reject: 2 } as const
let scratch = Buffer.alloc(0)

/**
 * SHA-256 over op, digest and bytes. One call on joined bytes that answers with a string takes 1.3
 * µs of 250 B, one that answers with a buffer 5 µs, the incremental one 4 µs.
 */
function hashOf(event: SourceEvent, digest: Uint8Array): Uint8Array {
  const length = 1 + digest.length + event.bytes.length
  if (scratch.length < length) scratch = Buffer.alloc(2 * length)
  scratch[0] = operationCode[event.op]
  scratch.set(digest, 1)
  scratch.set(event.bytes, 1 + digest.length)
  return Buffer.from(hash("sha256", scratch.subarray(0, length), "binary"), "latin1")
}
