/** A mapping with its paths parsed: what `apply.ts` runs per record. Made once per recipe. */
import { byCodeUnits } from "../../protocols/canonical.ts"
import type {
  CoercionName,
  MappedEnd,
  MappedEntity,
  MappedProperty,
  MappedRelationship,
  Mapping,
} from "../../protocols/mapping.ts"
import { BadPath, type Path, parsePath, parseText, type TextPlan } from "./path.ts"
import { checkName, checkType, Rejection } from "./values.ts"

export type PropertyPlan =
  | { readonly name: string; readonly path: Path; readonly as: CoercionName | undefined }
  | { readonly name: string; readonly text: TextPlan }

export interface EntityPlan {
  readonly type: TextPlan
  readonly key: TextPlan
  readonly aliases: readonly { readonly scheme: string; readonly value: TextPlan }[]
  readonly properties: readonly PropertyPlan[]
  readonly optional: boolean
}

export interface EndPlan {
  readonly type: TextPlan
  /** Of the key, or of the alias's value. */
  readonly key: TextPlan
  readonly alias: string | undefined
}

export interface RelationshipPlan {
  readonly type: TextPlan
  readonly discriminator: TextPlan
  readonly from: EndPlan
  readonly to: EndPlan
  readonly properties: readonly PropertyPlan[]
  readonly optional: boolean
}

export interface RecordPlan {
  /** `bytes`: the SHA-256 of the record. */
  readonly key: "bytes" | "ordinal" | TextPlan
  readonly version: Path | undefined
}

export interface MappingPlan {
  /** Names down to the array of records; `undefined` for the document itself. */
  readonly records: readonly string[] | undefined
  readonly record: RecordPlan
  readonly entities: readonly EntityPlan[]
  readonly relationships: readonly RelationshipPlan[]
}

/** What is wrong in a mapping, with the way to it in the document. */
export class MappingFault {
  readonly path: readonly (string | number)[]
  readonly message: string
  constructor(path: readonly (string | number)[], message: string) {
    this.path = path
    this.message = message
  }
}

type Where = readonly (string | number)[]

/** Throws `MappingFault`. */
export function planOf(mapping: Mapping): MappingPlan {
  const { entities = [], relationships = [] } = mapping
  if (entities.length + relationships.length === 0) {
    throw new MappingFault([], "A mapping has at least one entity or relationship.")
  }
  const { csv } = mapping
  if (csv?.header === false && (csv.columns ?? []).length === 0) {
    throw new MappingFault(["csv", "columns"], "Without a header row, columns must be named.")
  }
  return {
    records: recordsOf(mapping.records),
    record: {
      key: recordKeyOf(mapping.record?.key),
      version: at(["record", "version"], () => singlePath(mapping.record?.version)),
    },
    entities: entities.map((entity, i) => entityPlan(entity, ["entities", i])),
    relationships: relationships.map((r, i) => relationshipPlan(r, ["relationships", i])),
  }
}

function recordsOf(text: string | undefined): readonly string[] | undefined {
  if (text === undefined || text === "$") return undefined
  const names = at(["records"], () => parsePath(text)).steps.slice(0, -1)
  if (!text.endsWith("[*]") || !names.every((step) => typeof step === "string")) {
    throw new MappingFault(["records"], "The path to the records is names, then [*]: $.items[*].")
  }
  return names
}

function recordKeyOf(text: string | undefined): RecordPlan["key"] {
  if (text === undefined) return "bytes"
  if (text === "ordinal") return "ordinal"
  const plan = single(text, ["record", "key"])
  if (plan.constant !== undefined) {
    throw new MappingFault(["record", "key"], "A record's key is a path, a template, or ordinal.")
  }
  return plan
}

function entityPlan(entity: MappedEntity, where: Where): EntityPlan {
  const named = entity.name === undefined ? {} : { name: entity.name }
  return {
    type: typePlan(entity.type, [...where, "type"]),
    key: at([...where, "key"], () => parseText(entity.key)),
    aliases: Object.entries(entity.aliases ?? {}).map(([scheme, value]) => ({
      scheme: name(scheme, [...where, "aliases", scheme]),
      value: at([...where, "aliases", scheme], () => parseText(value)),
    })),
    properties: inOrder([
      ...propertyPlans(named, where),
      ...propertyPlans(entity.properties ?? {}, [...where, "properties"]),
    ]),
    optional: entity.optional ?? false,
  }
}

function relationshipPlan(relationship: MappedRelationship, where: Where): RelationshipPlan {
  return {
    type: typePlan(relationship.type, [...where, "type"]),
    discriminator:
      relationship.discriminator === undefined
        ? { constant: "", pieces: [], many: false }
        : single(relationship.discriminator, [...where, "discriminator"]),
    from: endPlan(relationship.from, [...where, "from"]),
    to: endPlan(relationship.to, [...where, "to"]),
    properties: inOrder(propertyPlans(relationship.properties ?? {}, [...where, "properties"])),
    optional: relationship.optional ?? false,
  }
}

function endPlan(end: MappedEnd, where: Where): EndPlan {
  const type = typePlan(end.type, [...where, "type"])
  if ("key" in end) {
    return { type, key: at([...where, "key"], () => parseText(end.key)), alias: undefined }
  }
  return { type, key: at([...where, "value"], () => parseText(end.value)), alias: end.alias }
}

/** By name, as properties are stored: then no record of them has to be sorted. */
const inOrder = (plans: readonly PropertyPlan[]): readonly PropertyPlan[] =>
  plans.toSorted((a, b) => byCodeUnits(a.name, b.name))

function propertyPlans(
  properties: { readonly [name: string]: MappedProperty },
  where: Where,
): PropertyPlan[] {
  return Object.entries(properties).map(([property, source]) => {
    const here = [...where, property]
    name(property, here)
    if (property === "raw") throw new MappingFault(here, "raw is kept for nested values.")
    if (typeof source !== "string") {
      const path = at([...here, "path"], () => parsePath(source.path))
      return { name: property, path, as: source.as }
    }
    if (source.startsWith("$")) {
      return { name: property, path: at(here, () => parsePath(source)), as: undefined }
    }
    return { name: property, text: at(here, () => parseText(source)) }
  })
}

function typePlan(text: string, where: Where): TextPlan {
  const plan = single(text, where)
  if (plan.constant !== undefined) at(where, () => checkType(text))
  return plan
}

const name = (text: string, where: Where): string => at(where, () => checkName(text))

function single(text: string, where: Where): TextPlan {
  const plan = at(where, () => parseText(text))
  if (plan.many) throw new MappingFault(where, "Here stands one value: [*] gives several.")
  return plan
}

function singlePath(text: string | undefined): Path | undefined {
  if (text === undefined) return undefined
  const path = parsePath(text)
  if (path.many) throw new BadPath("Here stands one value: [*] gives several.")
  return path
}

function at<A>(where: Where, read: () => A): A {
  try {
    return read()
  } catch (thrown) {
    if (thrown instanceof BadPath) throw new MappingFault(where, thrown.message)
    if (thrown instanceof Rejection) throw new MappingFault(where, thrown.fault.detail)
    throw thrown
  }
}
