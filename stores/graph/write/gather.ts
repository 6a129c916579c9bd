/**
 * Finds out what a transaction may look at, and fetches it: at most twenty statements, however many
 * records there are. Each step asks for what the steps before it have brought up; what the blocks
 * of a transaction cannot touch is left in the store.
 */
import { aliasStubKey } from "../../../protocols/graph.ts"
import { judge } from "../../../protocols/sameness.ts"
import { aliasesOf, isRevoked } from "../text.ts"
import { dedupeRowOf, parseRefs } from "./block-writer.ts"
import { Keyed } from "./cells.ts"
import type { AliasName, Ends, Fetching, KeyOf, Question } from "./fetching.ts"
import type { WireBlock, WireEnd, WireEntity, WireRecord } from "./wire.ts"
import { type LinkCell, nameOfKey, recordRowOf, type WorkingSet } from "./working-set.ts"

/** A record that may change what is said, with what it said before. */
interface LiveRecord {
  readonly record: WireRecord
  readonly id: number | undefined
  readonly heldNodes: readonly number[]
  readonly heldLinks: readonly number[]
  /** Nothing else of the transaction has its key. */
  readonly isSole: boolean
}

/** What a transaction may change of one tenant. */
interface Concern {
  readonly nodes: Iterable<number>
  /** Nodes that a record may leave. */
  readonly loose: ReadonlySet<number>
  readonly heldLinks: Iterable<number>
  readonly edges: Iterable<number>
  /** Aliases that a link of the blocks has at an end and may leave again. */
  readonly left: Iterable<AliasName>
  /** Aliases whose claims may come, go or count differently. */
  readonly contested: Iterable<AliasName>
  /** Nodes of the store that will claim an alias, by its name. */
  readonly coming: ReadonlyMap<string, readonly number[]>
  /** Relationships that are asserted. */
  readonly links: readonly (readonly [WireEnd, type: string, WireEnd, discriminator: string])[]
}

/** Of one tenant's blocks whose turn it is. */
export async function gatherBlocks(
  fetch: Fetching,
  set: WorkingSet,
  tenant: number,
  blocks: readonly WireBlock[],
): Promise<void> {
  const sourceOf = (block: WireBlock) => set.sourcesByName.get(nameOfKey(tenant, block[5])) ?? -1
  const wanted = blocks.flatMap((block) =>
    block[9].map(([, key]) => [sourceOf(block), key] as const),
  )
  const setAside = blocks.flatMap((block) =>
    block[9]
      .filter((record) => record[6] !== null)
      .map(([ordinal]) => [sourceOf(block), block[6], block[7], ordinal] as const),
  )
  const types = typesOf(set, tenant)
  const isAhead = wanted.length <= fetch.aheadMax
  await fetch.together([
    () => fetch.records(wanted),
    () => fetch.deadLetters(setAside),
    ...(isAhead ? named(fetch, types, recordsIn(blocks)) : []),
  ])
  const live = liveRecords(set, blocks, sourceOf)
  await fetch.together([
    ...(isAhead ? [] : named(fetch, types, live)),
    () => fetch.links(live.flatMap(({ heldLinks }) => heldLinks)),
  ])
  await fetch.nodes(live.flatMap(({ heldNodes }) => heldNodes))
  await gather(fetch, set, concernOf(set, live, types), types)
}

/** Numbers of types: each name is asked for some ten times a record. */
function typesOf(set: WorkingSet, tenant: number): (name: string) => number {
  const known = new Map<string, number>()
  return (name) => {
    const before = known.get(name)
    if (before !== undefined) return before
    const type = set.types.get(nameOfKey(tenant, name)) ?? -1
    known.set(name, type)
    return type
  }
}

const recordsIn = (blocks: readonly WireBlock[]) =>
  blocks.flatMap((block) => block[9].map((record) => ({ record })))

/** Of a source whose priority changes: whatever it describes together with others. */
export async function gatherMerged(
  fetch: Fetching,
  set: WorkingSet,
  source: number,
): Promise<void> {
  set.merged = await fetch.merged(source)
  await fetch.nodes(set.merged.nodes)
  const concern: Concern = {
    nodes: set.merged.nodes,
    loose: new Set(),
    heldLinks: [],
    edges: set.merged.edges,
    left: [],
    contested: set.merged.nodes.flatMap((id) => aliasNamesOfNode(set, id)),
    coming: new Map(),
    links: [],
  }
  await gather(fetch, set, concern, () => -1)
}

/**
 * Those that may be accepted. A key that comes several times is not judged beforehand.
 */
function liveRecords(
  set: WorkingSet,
  blocks: readonly WireBlock[],
  sourceOf: (block: WireBlock) => number,
): readonly LiveRecord[] {
  const times = new Keyed<number>()
  const all = blocks.flatMap((block) => {
    const run = { epoch: block[6], count: block[7] }
    const source = sourceOf(block)
    return block[9].map((record) => {
      times.set(source, record[1], (times.get(source, record[1]) ?? 0) + 1)
      return { record, run, source }
    })
  })
  return all.flatMap(({ record, run, source }) => {
    const [ordinal, key, version, hash, , , deadLetter, retracts] = record
    const row = set.recordOf(source, key)
    const known = row && recordRowOf(row)
    const incoming = { run, ordinal, version: version ?? undefined, hash, retracts }
    const isSole = times.get(source, key) === 1
    if (deadLetter !== null) return []
    if (isSole && judge(dedupeRowOf(known), incoming) !== "accepted") return []
    const held = parseRefs(row?.refs ?? "/")
    return [{ record, id: row?.id, heldNodes: held.nodes, heldLinks: held.links, isSole }]
  })
}

/** What the records name. */
function named(
  fetch: Fetching,
  types: (name: string) => number,
  of: readonly Pick<LiveRecord, "record">[],
): readonly Question[] {
  const keys: KeyOf[] = []
  const ends: KeyOf[] = []
  const aliases: AliasName[] = []
  for (const { record } of of) {
    for (const entity of record[4]) {
      keys.push([types(entity[0]), entity[1]])
      aliases.push(...aliasNamesOfEntity(entity, types))
    }
    for (const [, from, to] of record[5]) {
      for (const [type, keyOrScheme, value] of [from, to]) {
        if (value === undefined) ends.push([types(type), keyOrScheme])
        else aliases.push([types(type), keyOrScheme, value])
      }
    }
  }
  const own = new Keyed<true>()
  for (const [type, key] of keys) own.set(type, key, true)
  const others = ends.filter(([type, key]) => !own.has(type, key))
  return [
    () => fetch.nodesByKey(keys),
    () => fetch.aliasesByName(aliases),
    () => fetch.endsByKey(others),
  ]
}

function concernOf(
  set: WorkingSet,
  live: readonly LiveRecord[],
  types: (name: string) => number,
): Concern {
  const nodeOf = (entity: WireEntity) => set.nodesByKey.get(types(entity[0]), entity[1])
  const mentions = new Map<number, number>()
  const loose = new Set<number>()
  for (const { record, heldNodes: held, isSole } of live) {
    if (record[4].length === 0 && held.length === 0) continue
    const own = new Set(record[4].flatMap((entity) => nodeOf(entity) ?? []))
    for (const id of held) if (!isSole || !own.has(id)) loose.add(id)
    for (const id of new Set([...own, ...held])) mentions.set(id, (mentions.get(id) ?? 0) + 1)
  }
  const contested: AliasName[] = []
  const coming = new Map<string, number[]>()
  const calm = new Set<number>()
  const rewritten = new Set<number>()
  for (const { record, heldNodes: held } of live) {
    for (const entity of record[4]) {
      const id = nodeOf(entity)
      const isAlone = id !== undefined && mentions.get(id) === 1 && held.includes(id)
      if (isAlone && set.nodes.get(id)?.asserted === 1) {
        rewritten.add(id)
        if (claimsAsBefore(set, id, entity)) {
          calm.add(id)
          continue
        }
      }
      for (const name of aliasNamesOfEntity(entity, types)) {
        contested.push(name)
        const text = nameOfKey(...name)
        if (id !== undefined) coming.set(text, [...(coming.get(text) ?? []), id])
      }
    }
  }
  const mentioned = [...mentions.keys()]
  for (const id of mentioned) if (!calm.has(id)) contested.push(...aliasNamesOfNode(set, id))
  const links = live.flatMap(({ record }) =>
    record[5].map(([type, from, to, discriminator]) => [from, type, to, discriminator] as const),
  )
  const heldLinks = live.flatMap((one) => one.heldLinks)
  const left = live.flatMap(({ record, isSole }) =>
    isSole ? [] : record[5].flatMap(([, from, to]) => aliasNamesOfEnds(types, from, to)),
  )
  // What its only record says of it anew needs no look at what others say.
  const nodes = mentioned.filter((id) => !rewritten.has(id))
  return { nodes, loose, heldLinks, edges: [], left, contested, coming, links }
}

/** The only record that speaks of the node leaves its claims, and what they count, as they are. */
function claimsAsBefore(set: WorkingSet, id: number, entity: WireEntity): boolean {
  const cell = set.nodes.get(id)
  if (cell === undefined) return false
  const [, , properties, aliases] = entity
  return aliases === cell.aliases && isRevoked(properties) === isRevoked(cell.properties)
}

async function gather(
  fetch: Fetching,
  set: WorkingSet,
  concern: Concern,
  types: (name: string) => number,
): Promise<void> {
  const heldLinks = [...concern.heldLinks].flatMap((id) => set.links.get(id) ?? [])
  await fetch.together([
    () => fetch.assertionsOf(concern.nodes),
    () => fetch.aliasesByName(concern.contested),
    () => fetch.aliases(heldLinks.flatMap(aliasesOfLink)),
    () => fetch.edges([...concern.edges, ...heldLinks.flatMap(({ edge }) => edge ?? [])]),
  ])

  const numbersOf = (names: Iterable<AliasName>) =>
    [...names].flatMap((name) => set.aliasesByName.get(nameOfKey(...name)) ?? [])
  const contested = new Set(numbersOf(concern.contested))
  const left = [...heldLinks.flatMap(aliasesOfLink), ...numbersOf(concern.left)]
  const touched = new Set([...contested, ...left])
  await fetch.together([() => fetch.claimsOf(touched), () => fetch.linksOfAliases(contested)])
  const moving = [...contested].flatMap((alias) =>
    [...set.linksOfAlias.of(alias)].flatMap((id) => set.links.get(id) ?? []),
  )
  await fetch.together([
    () => fetch.otherLinks(touched),
    () => fetch.aliases(moving.flatMap(aliasesOfLink)),
    () => fetch.nodes([...touched].flatMap((alias) => [...set.claimsOf.of(alias)])),
    () => fetch.edges(moving.flatMap(({ edge }) => edge ?? [])),
  ])
  await fetch.nodesByKey([
    ...[...set.aliases.values()].map(stubOf),
    ...concern.links.flatMap(([from, , to]) => stubsOfEnds(types, from, to)),
  ])

  await fetch.edgesByEnds([
    ...endsOfLinks(set, concern, types),
    ...moving.flatMap((link) => endsOfMoving(set, concern, link)),
  ])
  const edges = [...set.edges.values()]
  await fetch.together([
    () => fetch.nodes(edges.flatMap(({ from, to }) => [from, to])),
    () => fetch.linksOfEdges(edges.map(({ id }) => id)),
  ])
  const loose = [...set.nodes.values()].filter(
    ({ id, asserted }) => asserted === 0 || concern.loose.has(id),
  )
  await fetch.otherEdges(loose.map(({ id }) => id))
}

const aliasNamesOfEntity = (
  [type, , , aliases]: WireEntity,
  types: (name: string) => number,
): readonly AliasName[] =>
  aliasesOf(aliases).map(({ scheme, value }) => [types(type), scheme, value] as const)

function aliasNamesOfNode(set: WorkingSet, id: number): readonly AliasName[] {
  const cell = set.nodes.get(id)
  if (cell === undefined) return []
  return aliasesOf(cell.aliases).map(({ scheme, value }) => [cell.type, scheme, value] as const)
}

const aliasesOfLink = ({ fromAlias, toAlias }: LinkCell): readonly number[] =>
  [fromAlias, toAlias].filter((alias) => alias !== null)

type NamedAlias = { readonly type: number; readonly scheme: string; readonly value: string }

const stubOf = ({ type, scheme, value }: NamedAlias): KeyOf => [
  type,
  aliasStubKey({ scheme, value }),
]

const aliasNamesOfEnds = (
  types: (name: string) => number,
  ...ends: readonly WireEnd[]
): readonly AliasName[] =>
  ends.flatMap(([type, scheme, value]) =>
    value === undefined ? [] : [[types(type), scheme, value] as const],
  )

const stubsOfEnds = (types: (name: string) => number, ...ends: readonly WireEnd[]): KeyOf[] =>
  aliasNamesOfEnds(types, ...ends).map(([type, scheme, value]) => stubOf({ type, scheme, value }))

/** Nodes of the store that a relationship of the blocks may end at. */
function endsOfLinks(
  set: WorkingSet,
  concern: Concern,
  types: (name: string) => number,
): readonly Ends[] {
  const nodesOf = ([type, keyOrScheme, value]: WireEnd): readonly number[] => {
    if (value !== undefined) {
      return nodesOfAlias(set, concern, { type: types(type), scheme: keyOrScheme, value })
    }
    const id = set.nodesByKey.get(types(type), keyOrScheme)
    return id === undefined ? [] : [id]
  }
  return concern.links.flatMap(([from, type, to, discriminator]) =>
    pairs(nodesOf(from), types(type), nodesOf(to), discriminator),
  )
}

/** Where a link of the store may come to be, when it is decided anew who stands for its alias. */
function endsOfMoving(set: WorkingSet, concern: Concern, link: LinkCell): readonly Ends[] {
  const nodesOf = (node: number | null, alias: number | null): readonly number[] => {
    if (alias === null) return node === null ? [] : [node]
    const cell = set.aliases.get(alias)
    return cell === undefined ? [] : nodesOfAlias(set, concern, cell)
  }
  const from = nodesOf(link.fromNode, link.fromAlias)
  return pairs(from, link.type, nodesOf(link.toNode, link.toAlias), link.discriminator)
}

function nodesOfAlias(set: WorkingSet, concern: Concern, alias: NamedAlias): readonly number[] {
  const name = nameOfKey(alias.type, alias.scheme, alias.value)
  const id = set.aliasesByName.get(name)
  const now = id === undefined ? undefined : set.aliases.get(id)?.node
  const stub = set.nodesByKey.get(...stubOf(alias))
  const claimers = id === undefined ? [] : set.claimsOf.of(id)
  const all = [now, stub, ...claimers, ...(concern.coming.get(name) ?? [])]
  return [...new Set(all)].filter((node) => node !== undefined && node !== null)
}

const pairs = (
  from: readonly number[],
  type: number,
  to: readonly number[],
  discriminator: string,
): readonly Ends[] =>
  from.flatMap((begin) => to.map((end) => [begin, type, end, discriminator] as const))
