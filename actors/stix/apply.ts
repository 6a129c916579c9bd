/**
 * STIX 2.0 and 2.1, built in (contracts §2). `relationship` and `sighting` are relationships; an
 * object of any other type is an entity, and its embedded references, at any depth, are derived
 * relationships of their own name, one per (from, name, to). References that say who wrote or
 * marked an object stay properties: as relationships they would join everything to the same few
 * entities.
 */
import type { Json } from "../../protocols/canonical.ts"
import type { Alias, EntityRef, RelationshipAssertion } from "../../protocols/graph.ts"
import { jsonDepthMax } from "../../protocols/limits.ts"
import { Assertions } from "../mapping/assertions.ts"
import {
  checkKey,
  checkName,
  checkType,
  isObject,
  type JsonObject,
  type MutableProperties,
  PropertyCollector,
  Rejection,
} from "../mapping/values.ts"
import { checkStix, type StixObject, typeOfId } from "./identity.ts"

const staysProperty: ReadonlySet<string> = new Set([
  "created_by_ref",
  "x_mitre_modified_by_ref",
  "object_marking_refs",
  "marking_ref",
])

const isReferenceName = (name: string): boolean =>
  (name.endsWith("_ref") || name.endsWith("_refs")) && !staysProperty.has(name)

/** Throws a `Rejection` where the record is no valid STIX object. */
export function applyStix(record: Json, recordBytes: number): Assertions {
  const object = checkStix(record)
  const assertions = new Assertions(recordBytes)
  if (object.type === "relationship") applyRelationship(object, assertions)
  else if (object.type === "sighting") applySighting(object, assertions)
  else applyEntity(object, assertions)
  return assertions
}

const identity: ReadonlySet<string> = new Set(["id", "type"])
const ends: ReadonlySet<string> = new Set([
  ...identity,
  "relationship_type",
  "source_ref",
  "target_ref",
])
const sightingEnds: ReadonlySet<string> = new Set([
  ...identity,
  "sighting_of_ref",
  "where_sighted_refs",
])

function applyRelationship({ id, members }: StixObject, assertions: Assertions): void {
  const type = members.relationship_type
  if (typeof type !== "string" || type === "") {
    throw new Rejection("invalid-relationship", "The relationship has no relationship_type.")
  }
  assertions.relationship({
    type: checkType(type),
    from: endOf(members, "source_ref"),
    to: endOf(members, "target_ref"),
    discriminator: id,
    properties: propertiesOf(members, ends),
    derived: false,
  })
}

function applySighting({ type, id, members }: StixObject, assertions: Assertions): void {
  const to = endOf(members, "sighting_of_ref")
  const where = members.where_sighted_refs
  const from: EntityRef[] = []
  if (where !== undefined && !Array.isArray(where)) throw noEnd("where_sighted_refs")
  for (const id of (where ?? []) as readonly Json[])
    from.push(refOf(id) ?? fail("where_sighted_refs"))
  const properties = propertiesOf(members, sightingEnds)
  if (from.length === 0) {
    assertions.entity({ type, key: id, aliases: aliasesOf(members), properties })
    from.push({ type, key: id })
  }
  for (const place of from) {
    const ends = { type, from: place, to, discriminator: id }
    assertions.relationship({ ...ends, properties, derived: false })
  }
}

function applyEntity({ type, id, members }: StixObject, assertions: Assertions): void {
  const collector = new PropertyCollector()
  const references: RelationshipAssertion[] = []
  const from: EntityRef = { type, key: id }
  for (const name of Object.keys(members)) {
    if (identity.has(name)) continue
    const value = members[name] ?? null
    const whole = collectReferences(from, name, value, references, jsonDepthMax)
    if (!whole) collector.put(name, value)
  }
  const properties = collector.done()
  assertions.entity({ type, key: id, aliases: aliasesOf(members), properties })
  for (const reference of references) assertions.relationship(reference)
}

/** Adds the references in `value`; `true` where it is nothing but references. */
function collectReferences(
  from: EntityRef,
  name: string,
  value: Json,
  references: RelationshipAssertion[],
  depthLeft: number,
): boolean {
  if (typeof value === "string") {
    const to = isReferenceName(name) ? refOf(value) : undefined
    if (to === undefined) return false
    references.push(derived(from, name, to))
    return true
  }
  if (typeof value !== "object" || value === null) return false
  if (depthLeft === 0) {
    throw new Rejection("invalid-json", `The object is nested deeper than ${jsonDepthMax}.`)
  }
  if (Array.isArray(value)) {
    let whole = value.length > 0
    for (const item of value) {
      const reference = collectReferences(from, name, item, references, depthLeft - 1)
      whole = whole && reference
    }
    return whole
  }
  const object = value as JsonObject
  for (const member of Object.keys(object)) {
    collectReferences(from, member, object[member] ?? null, references, depthLeft - 1)
  }
  return false
}

const derived = (from: EntityRef, name: string, to: EntityRef): RelationshipAssertion => ({
  type: checkType(checkName(name)),
  from,
  to,
  discriminator: "",
  properties: {},
  derived: true,
})

function propertiesOf(members: JsonObject, without: ReadonlySet<string>): MutableProperties {
  const collector = new PropertyCollector()
  for (const name of Object.keys(members)) {
    if (!without.has(name)) collector.put(name, members[name] ?? null)
  }
  return collector.done()
}

/** Each external reference with an id is a name by which other sources may know the object. */
function aliasesOf(members: JsonObject): readonly Alias[] {
  const references = members.external_references
  if (!Array.isArray(references)) return []
  const aliases: Alias[] = []
  for (const reference of references as readonly Json[]) {
    if (!isObject(reference)) continue
    const { source_name: scheme, external_id: value } = reference
    if (typeof scheme !== "string" || typeof value !== "string") continue
    if (scheme === "" || value === "") continue
    if (aliases.some((alias) => alias.scheme === scheme && alias.value === value)) continue
    aliases.push({ scheme: checkName(scheme), value: checkKey("external_id", value) })
  }
  return aliases
}

function refOf(id: Json | undefined): EntityRef | undefined {
  const type = typeOfId(id)
  return type === undefined ? undefined : { type, key: id as string }
}

const endOf = (members: JsonObject, name: string): EntityRef => refOf(members[name]) ?? fail(name)

const noEnd = (name: string) =>
  new Rejection("invalid-relationship", `The relationship's ${name} is no STIX id.`)

function fail(name: string): never {
  throw noEnd(name)
}
