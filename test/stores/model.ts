/**
 * The graph as its definition says it (contracts §2, §4), slowly: everything that is visible is
 * worked out anew from all assertions. What the store must agree with.
 */
import { createHash } from "node:crypto"
import { canonicalJson, type Json } from "../../protocols/canonical.ts"
import { noSourceCounters, type SourceCounters } from "../../protocols/counters.ts"
import {
  type Alias,
  aliasStubKey,
  type BlockEffects,
  type EntityRef,
  type Properties,
  type RecordEffect,
} from "../../protocols/graph.ts"
import { type DedupeRow, judge } from "../../protocols/sameness.ts"
import { compareUtf8, mergeProperties } from "../../protocols/visible.ts"
import type { SourceSummary, VisibleEntity, VisibleRelationship } from "../../stores/index.ts"

interface Kept {
  readonly source: string
  readonly recordKey: string
  seen: DedupeRow
  assertion: RecordEffect | undefined
}

/** How often it changed on the way is not the definition's business. */
export type DefinedEntity = Omit<VisibleEntity, "revision">

export interface Visible {
  readonly entities: readonly DefinedEntity[]
  readonly relationships: readonly VisibleRelationship[]
}

export class GraphModel {
  readonly #records = new Map<string, Kept>()
  readonly #cursors = new Map<number, number>()
  readonly #priorities = new Map<string, number>()
  readonly counters = new Map<string, SourceCounters>()

  configureSource(source: string, priority: number): void {
    this.#priorities.set(source, priority)
  }

  /** One tenant's block; fences are not the model's business. */
  commit(block: BlockEffects): void {
    if ((this.#cursors.get(block.partition) ?? 0) >= block.sequence) return
    this.#cursors.set(block.partition, block.sequence)
    for (const record of block.records) {
      const counted = { ...(this.counters.get(block.source) ?? noSourceCounters) }
      for (const name of this.#apply(block, record)) counted[name]++
      this.counters.set(block.source, counted)
    }
  }

  #apply(block: BlockEffects, record: RecordEffect): readonly (keyof SourceCounters)[] {
    const { source, run } = block
    const { ordinal, version, hash, recordKey } = record
    const name = JSON.stringify([source, recordKey])
    const kept = this.#records.get(name)
    const incoming: DedupeRow = { run, ordinal, version, hash }
    const verdict = judge(kept?.seen, { ...incoming, retracts: record.op === "retract" })
    if (verdict === "replayed") return ["replayed"]
    const unseen: DedupeRow = { run, ordinal, version: undefined, hash: new Uint8Array(0) }
    const moved = { ...(kept?.seen ?? unseen), run, ordinal }
    const accepted = verdict === "accepted" && record.deadLetter === undefined
    this.#records.set(name, {
      source,
      recordKey,
      seen: accepted ? incoming : moved,
      assertion: accepted ? record : kept?.assertion,
    })
    if (record.deadLetter !== undefined) return ["read", "deadLettered"]
    if (accepted) return ["read", "accepted"]
    return verdict === "stale" ? ["read", "duplicates", "stale"] : ["read", "duplicates"]
  }

  /**
   * Each source by itself: its distinct assertions of entities and relationships, and its stubs.
   */
  sources(): readonly SourceSummary[] {
    const all = this.visible()
    const stubs = new Set(
      all.entities.filter(({ stub }) => stub).map(({ type, key }) => JSON.stringify([type, key])),
    )
    const byAlias = winners(all.entities)
    return [...this.counters].sort().map(([source, counters]) => {
      const own = this.visible((record) => record.source === source, byAlias)
      const ends = own.relationships.flatMap(({ from, to }) => [from, to])
      const names = new Set(ends.map(({ type, key }) => JSON.stringify([type, key])))
      const derived = own.relationships.filter((one) => one.derived).length
      return {
        source,
        counters,
        entities: own.entities.filter(({ stub }) => !stub).length,
        relationships: own.relationships.length - derived,
        derived,
        stubs: [...names].filter((name) => stubs.has(name)).length,
      }
    })
  }

  visible(only: (kept: Kept) => boolean = () => true, aliases?: Winners): Visible {
    const said = new Map<string, { type: string; key: string; by: Said[] }>()
    for (const { record, ranked } of this.#assertions(only)) {
      for (const { type, key, properties, aliases } of onePerEntity(record)) {
        const name = JSON.stringify([type, key])
        const entity = said.get(name) ?? { type, key, by: [] }
        entity.by.push({ ...ranked, properties, aliases })
        said.set(name, entity)
      }
    }
    const entities = new Map<string, DefinedEntity>()
    for (const [name, { type, key, by }] of said) {
      const aliases = distinct(by.flatMap((one) => one.aliases))
      entities.set(name, { type, key, stub: false, properties: mergeProperties(by), aliases })
    }
    const relationships = this.#relationships(only, aliases ?? winners([...entities.values()]))
    for (const end of relationships.flatMap(({ from, to }) => [from, to])) {
      const name = JSON.stringify([end.type, end.key])
      if (entities.has(name)) continue
      entities.set(name, { ...end, stub: true, properties: {}, aliases: [] })
    }
    return {
      entities: [...entities.values()].sort(
        (a, b) => compareUtf8(a.type, b.type) || compareUtf8(a.key, b.key),
      ),
      relationships: [...relationships].sort((a, b) => compareLists(namesOf(a), namesOf(b))),
    }
  }

  #relationships(only: (kept: Kept) => boolean, byAlias: Winners): readonly VisibleRelationship[] {
    const resolve = (end: EntityRef) => {
      if ("key" in end) return { type: end.type, key: end.key }
      const key = byAlias.get(aliasName(end.type, end.alias)) ?? aliasStubKey(end.alias)
      return { type: end.type, key }
    }
    const edges = new Map<string, { edge: Omit<VisibleRelationship, "properties">; by: Said[] }>()
    for (const { record, ranked } of this.#assertions(only)) {
      for (const { type, from, to, discriminator, derived, properties } of record.relationships) {
        const ends = { type, from: resolve(from), to: resolve(to), discriminator }
        const name = JSON.stringify(ends)
        const known = edges.get(name)
        const edge = { ...ends, derived: derived && (known?.edge.derived ?? true) }
        const said: Said = { ...ranked, properties, aliases: [] }
        edges.set(name, { edge, by: [...(known?.by ?? []), said] })
      }
    }
    return [...edges.values()].map(({ edge, by }) => {
      // One record may say it twice, once by key and once by alias: the lesser text counts.
      by.sort((a, b) => compareUtf8(canonical(a.properties), canonical(b.properties)))
      return { ...edge, properties: mergeProperties(by) }
    })
  }

  *#assertions(only: (kept: Kept) => boolean) {
    for (const kept of this.#records.values()) {
      const { source, recordKey, seen, assertion: record } = kept
      if (!only(kept) || record === undefined || record.op !== "assert") continue
      const priority = this.#priorities.get(source) ?? 0
      yield { record, ranked: { source, recordKey, version: seen.version, priority } }
    }
  }
}

interface Said {
  readonly source: string
  readonly priority: number
  readonly recordKey: string
  readonly version: number | undefined
  readonly properties: Properties
  readonly aliases: readonly Alias[]
}

/** The documented hash, from the documentation. */
export function hashOfVisible({ entities, relationships }: Visible): string {
  const sha = createHash("sha256")
  for (const { type, key, stub, properties, aliases } of entities) {
    const pairs = aliases.map(({ scheme, value }) => [scheme, value])
    sha.update(`${canonical(["e", type, key, stub, properties as Json, pairs])}\n`)
  }
  for (const relationship of relationships) {
    const { derived, properties } = relationship
    sha.update(`${canonical(["r", ...namesOf(relationship), derived, properties as Json])}\n`)
  }
  return sha.digest("hex")
}

const canonical = (value: unknown): string => canonicalJson(value as Json)

const namesOf = ({ from, to, type, discriminator }: VisibleRelationship): string[] => [
  from.type,
  from.key,
  type,
  to.type,
  to.key,
  discriminator,
]

const compareLists = (a: readonly string[], b: readonly string[]): number =>
  a.reduce((order, name, i) => order || compareUtf8(name, b[i] ?? ""), 0)

const aliasName = (type: string, { scheme, value }: Alias): string =>
  JSON.stringify([type, scheme, value])

type Winners = ReadonlyMap<string, string>

function winners(entities: readonly DefinedEntity[]): Winners {
  const revoked = (entity: DefinedEntity) => Number(entity.properties.revoked === true)
  const inOrder = [...entities].sort((a, b) => revoked(a) - revoked(b) || compareUtf8(a.key, b.key))
  const byAlias = new Map<string, string>()
  for (const { type, key, aliases } of inOrder) {
    for (const alias of aliases) {
      const name = aliasName(type, alias)
      if (!byAlias.has(name)) byAlias.set(name, key)
    }
  }
  return byAlias
}

/** Aliases that several visible entities claim. */
export function ambiguousOf(entities: readonly DefinedEntity[]): number {
  const claims = new Map<string, number>()
  for (const { type, aliases } of entities) {
    for (const alias of aliases) {
      const name = aliasName(type, alias)
      claims.set(name, (claims.get(name) ?? 0) + 1)
    }
  }
  return [...claims.values()].filter((count) => count > 1).length
}

function distinct(aliases: readonly Alias[]): readonly Alias[] {
  const byName = new Map(aliases.map((alias) => [aliasName("", alias), alias]))
  return [...byName.values()].sort(
    (a, b) => compareUtf8(a.scheme, b.scheme) || compareUtf8(a.value, b.value),
  )
}

function onePerEntity(record: RecordEffect) {
  const byName = new Map<string, RecordEffect["entities"][number]>()
  for (const entity of record.entities) {
    const name = JSON.stringify([entity.type, entity.key])
    const first = byName.get(name)
    byName.set(name, {
      ...entity,
      properties: { ...entity.properties, ...first?.properties },
      aliases: [...(first?.aliases ?? []), ...entity.aliases],
    })
  }
  return byName.values()
}
