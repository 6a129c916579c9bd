/**
 * Applies a mapping to one record. A missing key or a failed coercion throws a `Rejection`; a
 * missing optional property is left out. Where a key holds `[*]`, each of its values makes an
 * entity or a relationship, and no values make none.
 */
import type { Json } from "../../protocols/canonical.ts"
import type { Alias, EntityRef } from "../../protocols/graph.ts"
import { type Instant, parseInstant } from "../../protocols/units.ts"
import { Assertions } from "./assertions.ts"
import { type Path, readMany, readOne, type TextPlan } from "./path.ts"
import type { EndPlan, EntityPlan, MappingPlan, PropertyPlan, RelationshipPlan } from "./plan.ts"
import {
  checkKey,
  checkType,
  coerce,
  isObject,
  type MutableProperties,
  PropertyCollector,
  Rejection,
  textOf,
} from "./values.ts"

/** `recordBytes`: of the record as it stands in its source. */
export function applyMapping(plan: MappingPlan, record: Json, recordBytes: number): Assertions {
  const assertions = new Assertions(recordBytes)
  for (const entity of plan.entities) applyEntity(entity, record, assertions)
  for (const relationship of plan.relationships) applyRelationship(relationship, record, assertions)
  return assertions
}

/** Without a mapping: one entity of type `record` with the record's members as properties. */
export function applyDefault(record: Json, recordKey: string, recordBytes: number): Assertions {
  if (!isObject(record)) throw new Rejection("invalid-type", "The record is no object.")
  const collector = new PropertyCollector()
  for (const name of Object.keys(record)) collector.put(name, record[name] ?? null)
  const assertions = new Assertions(recordBytes)
  assertions.entity({ type: "record", key: recordKey, aliases: [], properties: collector.done() })
  return assertions
}

/** The record's key by the mapping; throws a `Rejection` where it is missing or too long. */
export const recordKeyBy = (plan: TextPlan, record: Json): string => {
  const key = textBy(plan, record)
  if (key === undefined) throw missing("record", plan)
  return checkKey("record's key", key)
}

/** The record's version; `undefined` where the record has none. */
export function versionBy(path: string, value: Json | undefined): Instant | undefined {
  if (value === undefined || value === null || value === "") return undefined
  const instant = typeof value === "string" ? parseInstant(value) : undefined
  if (instant === undefined)
    throw new Rejection("failed-coercion", `The value at ${path} is no date.`)
  return instant
}

function applyEntity(plan: EntityPlan, record: Json, assertions: Assertions): void {
  const keys = keysBy(plan.key, record, plan.optional)
  if (keys.length === 0) return
  const type = typeBy(plan.type, record, plan.optional)
  if (type === undefined) return
  const aliases = aliasesBy(plan, record)
  const properties = propertiesBy(plan.properties, record)
  for (const key of keys) assertions.entity({ type, key, aliases, properties })
}

function applyRelationship(plan: RelationshipPlan, record: Json, assertions: Assertions): void {
  const from = endsBy(plan.from, record, plan.optional)
  const to = from.length === 0 ? from : endsBy(plan.to, record, plan.optional)
  if (to.length === 0) return
  const type = typeBy(plan.type, record, plan.optional)
  if (type === undefined) return
  const discriminator = checkKey("discriminator", textBy(plan.discriminator, record) ?? "")
  const properties = propertiesBy(plan.properties, record)
  for (const one of from) {
    for (const other of to) {
      const relationship = { type, from: one, to: other, discriminator, properties, derived: false }
      assertions.relationship(relationship)
    }
  }
}

function endsBy(plan: EndPlan, record: Json, optional: boolean): readonly EntityRef[] {
  const keys = keysBy(plan.key, record, optional)
  if (keys.length === 0) return []
  const type = typeBy(plan.type, record, optional)
  if (type === undefined) return []
  const scheme = plan.alias
  return keys.map((key) =>
    scheme === undefined ? { type, key } : { type, alias: { scheme, value: key } },
  )
}

function keysBy(plan: TextPlan, record: Json, optional: boolean): readonly string[] {
  if (plan.many) return textsBy(plan, record).map((key) => checkKey("key", key))
  const key = textBy(plan, record)
  if (key !== undefined) return [checkKey("key", key)]
  if (optional) return []
  throw missing("key", plan)
}

function typeBy(plan: TextPlan, record: Json, optional: boolean): string | undefined {
  if (plan.constant !== undefined) return plan.constant
  const type = textBy(plan, record)
  if (type !== undefined) return checkType(type)
  if (optional) return undefined
  throw missing("type", plan)
}

function aliasesBy(plan: EntityPlan, record: Json): readonly Alias[] {
  const aliases: Alias[] = []
  for (const { scheme, value } of plan.aliases) {
    const values = value.many ? textsBy(value, record) : [textBy(value, record)]
    for (const text of values) {
      if (text !== undefined) aliases.push({ scheme, value: checkKey("alias", text) })
    }
  }
  return aliases
}

function propertiesBy(plans: readonly PropertyPlan[], record: Json): MutableProperties {
  const collector = new PropertyCollector()
  for (const plan of plans) {
    const value = valueBy(plan, record)
    if (value !== undefined) collector.put(plan.name, value)
  }
  return collector.done()
}

function valueBy(plan: PropertyPlan, record: Json): Json | undefined {
  if ("text" in plan) {
    return plan.text.many ? textsBy(plan.text, record) : textBy(plan.text, record)
  }
  const { path, as } = plan
  const value = path.many ? readMany(path.steps, record) : readOne(path.steps, record)
  return as === undefined || value === undefined ? value : coerce(value, as, path.text)
}

/** `undefined` where a path of it has no value. */
function textBy(plan: TextPlan, record: Json): string | undefined {
  if (plan.constant !== undefined) return plan.constant
  const only = plan.pieces.length === 1 ? plan.pieces[0] : undefined
  if (only !== undefined && typeof only !== "string") return textOf(readOne(only.steps, record))
  let text = ""
  for (const piece of plan.pieces) {
    const part = typeof piece === "string" ? piece : textOf(readOne(piece.steps, record))
    if (part === undefined) return undefined
    text += part
  }
  return text
}

/** One text for each value of the path that holds `[*]`; values that are missing make none. */
function textsBy(plan: TextPlan, record: Json): readonly string[] {
  const only = plan.pieces.length === 1 ? plan.pieces[0] : undefined
  if (only !== undefined && typeof only !== "string") return textsAt(only, record)
  let texts: readonly string[] = [""]
  for (const piece of plan.pieces) {
    if (typeof piece === "string") texts = texts.map((text) => text + piece)
    else {
      const parts = textsAt(piece, record)
      texts = texts.flatMap((text) => parts.map((part) => text + part))
    }
  }
  return texts
}

function textsAt(path: Path, record: Json): readonly string[] {
  const values = path.many ? readMany(path.steps, record) : [readOne(path.steps, record)]
  const texts: string[] = []
  for (const value of values) {
    const text = textOf(value)
    if (text !== undefined) texts.push(text)
  }
  return texts
}

function missing(what: string, plan: TextPlan): Rejection {
  const pieces = plan.pieces.map((piece) => (typeof piece === "string" ? piece : piece.text))
  return new Rejection("missing-key", `The ${what} at ${pieces.join("")} has no value.`)
}
