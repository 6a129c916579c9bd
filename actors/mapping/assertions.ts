/** What one record asserts, each entity and relationship once, within the limit. */
import {
  type Alias,
  aliasStubKey,
  type EntityAssertion,
  type EntityRef,
  type Properties,
  type RelationshipAssertion,
} from "../../protocols/graph.ts"
import {
  assertionBytesEstimate,
  assertionBytesMax,
  assertionBytesPerByteMax,
  assertionsPerRecordMax,
} from "../../protocols/limits.ts"
import { type MutableProperties, Rejection, setOwn } from "./values.ts"

/** Up to so many, a look at each is faster than a map of names. */
const fewAssertions = 8

export class Assertions {
  readonly entities: EntityAssertion[] = []
  readonly relationships: RelationshipAssertion[] = []
  readonly #bytesMax: number
  #bytes = 0
  /** The properties that were weighed last: those of many relationships are often the same. */
  #weighed: Properties | undefined
  #weight = 0
  #entityPlaces: Places | undefined
  #relationshipPlaces: Places | undefined

  /** `recordBytes`: of the record that asserts all this. */
  constructor(recordBytes: number) {
    this.#bytesMax = assertionBytesMax + assertionBytesPerByteMax * recordBytes
  }

  /** Asserted twice, an entity has the properties of both, the first stronger. */
  entity(entity: EntityAssertion): void {
    const at = this.#placeOfEntity(entity)
    const before = at === undefined ? undefined : this.entities[at]
    if (at === undefined || before === undefined) {
      this.#check(entity.key.length, entity.properties)
      this.entities.push(entity)
      return
    }
    const properties: MutableProperties = { ...entity.properties }
    for (const name of Object.keys(before.properties)) {
      const value = before.properties[name]
      if (value !== undefined) setOwn(properties, name, value)
    }
    const aliases = [...before.aliases]
    for (const alias of entity.aliases) if (!hasAlias(aliases, alias)) aliases.push(alias)
    this.entities[at] = { type: entity.type, key: entity.key, aliases, properties }
  }

  /** Asserted twice, a relationship is as it was the first time. */
  relationship(relationship: RelationshipAssertion): void {
    if (this.#hasRelationship(relationship)) return
    const { from, to, properties } = relationship
    this.#check(keyOf(from).length + keyOf(to).length, properties)
    this.relationships.push(relationship)
  }

  /** The few that most records make are not weighed: each is about as long as its record. */
  #check(keysLength: number, properties: Properties): void {
    const count = this.entities.length + this.relationships.length
    if (count < fewAssertions) return
    if (count >= assertionsPerRecordMax) {
      throw tooMany(`${assertionsPerRecordMax} entities and relationships`)
    }
    if (this.#weighed !== properties) {
      this.#weighed = properties
      this.#weight = weightOf(properties)
    }
    this.#bytes += assertionBytesEstimate + keysLength + this.#weight
    if (this.#bytes > this.#bytesMax) {
      throw tooMany(`${this.#bytesMax} bytes of entities and relationships`)
    }
  }

  #placeOfEntity(entity: EntityAssertion): number | undefined {
    const { entities } = this
    if (entities.length > fewAssertions) {
      this.#entityPlaces ??= placesOf(entities, nameOfEntity)
      return placeOf(this.#entityPlaces, nameOfEntity(entity))
    }
    for (let i = 0; i < entities.length; i++) {
      if (entities[i]?.key === entity.key && entities[i]?.type === entity.type) return i
    }
    return undefined
  }

  #hasRelationship(relationship: RelationshipAssertion): boolean {
    const { relationships } = this
    if (relationships.length > fewAssertions) {
      this.#relationshipPlaces ??= placesOf(relationships, nameOfRelationship)
      return placeOf(this.#relationshipPlaces, nameOfRelationship(relationship)) !== undefined
    }
    return relationships.some((other) => sameRelationship(other, relationship))
  }
}

const tooMany = (what: string) =>
  new Rejection("too-many-assertions", `The record makes more than ${what}.`)

function weightOf(properties: Properties): number {
  let weight = 0
  for (const name of Object.keys(properties)) {
    const value = properties[name]
    weight += name.length
    if (typeof value === "string") weight += value.length
    else if (typeof value === "object") for (const item of value) weight += String(item).length
  }
  return weight
}

type Places = Map<string, number>

const placesOf = <A>(items: readonly A[], nameOf: (item: A) => string): Places =>
  new Map(items.map((item, i) => [nameOf(item), i]))

/** The place of a name; a new one is given the next, where its item is about to be put. */
function placeOf(places: Places, name: string): number | undefined {
  const place = places.get(name)
  if (place === undefined) places.set(name, places.size)
  return place
}

const hasAlias = (aliases: readonly Alias[], alias: Alias): boolean =>
  aliases.some((other) => other.scheme === alias.scheme && other.value === alias.value)

const keyOf = (end: EntityRef): string => ("key" in end ? end.key : aliasStubKey(end.alias))

const sameEnd = (a: EntityRef, b: EntityRef): boolean =>
  a.type === b.type && "key" in a === "key" in b && keyOf(a) === keyOf(b)

const sameRelationship = (a: RelationshipAssertion, b: RelationshipAssertion): boolean =>
  a.type === b.type &&
  a.discriminator === b.discriminator &&
  sameEnd(a.to, b.to) &&
  sameEnd(a.from, b.from)

const nameOfEntity = ({ type, key }: EntityAssertion): string => `e\0${type}\0${key}`

const nameOfRelationship = ({ type, from, to, discriminator }: RelationshipAssertion): string =>
  ["r", type, from.type, nameOfEnd(from), to.type, nameOfEnd(to), discriminator].join("\0")

const nameOfEnd = (end: EntityRef): string => ("key" in end ? `k${end.key}` : `a${keyOf(end)}`)
