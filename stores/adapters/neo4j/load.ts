/**
 * What a transaction locks and fetches before it decides. Locks are taken in one order, guards by
 * shard and then tenants by name, by writing to their nodes; the last one that may be taken is that
 * of the numbers of new names. Two writers that still meet are told by the server, and try again.
 */
import {
  changeRowsTrimmedMax,
  neo4jRowsBesideMin,
  neo4jTrimmedMax,
  recordsAskedAheadMax,
} from "../../../protocols/limits.ts"
import type { Guard } from "../../graph/port.ts"
import { gatherBlocks, gatherMerged } from "../../graph/write/gather.ts"
import type { WireBlock } from "../../graph/write/wire.ts"
import { nameOfKey, type WorkingSet } from "../../graph/write/working-set.ts"
import type { Cypher } from "./connection.ts"
import { type Asking, Fetch } from "./fetch.ts"
import type { KeptRows } from "./kept.ts"
import { type KnownNames, numbered } from "./names.ts"
import type { Shelf } from "./said.ts"

export interface Loading {
  readonly cypher: Cypher
  readonly set: WorkingSet
  readonly store: string
  readonly shelf: Shelf
  readonly names: KnownNames
  readonly kept: KeptRows
  /** What the transaction leaves in the nodes of the tenants whose turn it was. */
  readonly mark: string
  readonly turned: Set<number>
  /** Reads what is committed, over another connection, while the tenant's writers are kept out. */
  readonly beside: <A>(use: (cypher: Cypher) => Promise<A>) => Promise<A>
}

export async function loadGuards(of: Loading, guards: readonly Guard[]): Promise<void> {
  const { cypher, set, store } = of
  // Written once. All guards would wait for whoever locks it and is paused, whatever its shards.
  const log = (await logOf(cypher, store, "")) ?? (await logOf(cypher, store, lockingStore))
  if (log !== null) set.meta.set("log", log)
  const shards = guards.map(({ shard }) => shard)
  await lockGuards(of, shards)
}

const lockingStore = "SET s._lock = true WITH s"

async function logOf(cypher: Cypher, store: string, locking: string): Promise<string | null> {
  const text = `MATCH (s:_Store {name: $store}) ${locking} RETURN s.log`
  const row = await cypher.row<[log: string | null]>(text, { store })
  return row?.[0] ?? null
}

/**
 * What the blocks may look at, under their locks. Blocks of lost shards, and those that are
 * applied, are not looked into.
 */
export async function loadBlocks(of: Loading, blocks: readonly WireBlock[]): Promise<void> {
  const { set } = of
  const owned = ownedBlocks(set, blocks)
  const names = owned.map(([tenant]) => tenant)
  await makeTenants(of, names)
  // One after the other: what a tenant's questions end with looks at all that is in the set, and
  // would take another's relationships for whole while their records are still asked for.
  for (const [tenant, due] of dueByTenant(set, owned)) await loadDue(of, tenant, due)
}

/** Guards and those tenants that are there: sent at once, worked in order, guards first. */
export async function lockBlocks(of: Loading, blocks: readonly WireBlock[]): Promise<void> {
  const shards = blocks.map(([, , shard]) => shard)
  const tenants = blocks.map(([tenant]) => tenant)
  await Promise.all([lockGuards(of, shards), lockTenants(of, tenants, recordsIn(blocks))])
}

/**
 * As `loadBlocks`, of a set that foresees what the locks will show; whether the server need not be
 * asked for anything.
 */
export async function foreseeBlocks(
  of: Asking & Pick<Loading, "names">,
  blocks: readonly WireBlock[],
): Promise<boolean> {
  const { set } = of
  if (!blocks.every(([name]) => set.tenants.has(name))) return false
  for (const [tenant, due] of dueByTenant(set, ownedBlocks(set, blocks))) {
    const sources = due.map((block) => block[5])
    if (!putKnown(of, tenant, sources, typesIn(due))) return false
    const isSaid = (name: string) => {
      const id = set.sourcesByName.get(nameOfKey(tenant, name))
      return id !== undefined && set.sources.get(id) !== undefined
    }
    if (!sources.every(isSaid)) return false
    await gatherBlocks(new Fetch(of, tenant), set, tenant, due)
  }
  return true
}

/**
 * Numbers of types that blocks bring which come next, in a transaction that has asked for all of
 * its own and is not committed yet: whoever decides ahead cannot ask for them.
 */
export async function nameAhead(of: Loading, blocks: readonly WireBlock[]): Promise<void> {
  for (const [tenant, due] of dueByTenant(of.set, ownedBlocks(of.set, blocks))) {
    const isNew = (type: string) => of.names.type(tenant, type) === undefined
    await nameTypes(of, tenant, [...typesIn(due)].filter(isNew))
  }
}

/** Those of lost shards are refused without a look. */
function ownedBlocks(set: WorkingSet, blocks: readonly WireBlock[]): readonly WireBlock[] {
  const epochs = new Map(set.guards)
  return blocks.filter(([, , shard, epoch]) => {
    if ((epochs.get(shard) ?? 0) > epoch) return false
    epochs.set(shard, epoch)
    return true
  })
}

function dueByTenant(set: WorkingSet, owned: readonly WireBlock[]) {
  const due = [...set.tenants].map(([name, tenant]) => {
    const own = owned.filter(([tenantName]) => tenantName === name)
    return [tenant, dueBlocks(set, tenant, own)] as const
  })
  return due.filter(([, those]) => those.length > 0)
}

const recordsIn = (blocks: readonly WireBlock[]): number =>
  blocks.reduce((sum, block) => sum + block[9].length, 0)

async function loadDue(of: Loading, tenant: number, due: readonly WireBlock[]): Promise<void> {
  const { set, beside } = of
  const sources = due.map((block) => block[5])
  const types = typesIn(due)
  const isKnown = putKnown(of, tenant, sources, types)
  const naming = Promise.all([nameSources(of, tenant, sources), nameTypes(of, tenant, types)])
  if (!isKnown) await naming
  const records = recordsIn(due)
  const gather = (second?: Cypher) => gatherBlocks(new Fetch(of, tenant, second), set, tenant, due)
  await Promise.all([naming, records < neo4jRowsBesideMin ? gather() : beside(gather)])
}

export async function loadSource(of: Loading, tenantName: string, sourceName: string) {
  const { set } = of
  await lockTenants(of, [tenantName])
  await makeTenants(of, [tenantName])
  const tenant = set.tenants.get(tenantName) ?? -1
  await nameSources(of, tenant, [sourceName])
  const source = set.sourcesByName.get(nameOfKey(tenant, sourceName)) ?? -1
  await gatherMerged(new Fetch(of, tenant), set, source)
}

async function lockGuards({ cypher, set, store }: Loading, shards: readonly number[]) {
  const sorted = [...new Set(shards)].sort((a, b) => a - b)
  const rows = await cypher.each<[shard: number, epoch: number]>(
    `MERGE (g:_Guard {store: $store, shard: r}) SET g._lock = true
     WITH g RETURN g.shard, coalesce(g.epoch, 0)`,
    sorted,
    { store },
  )
  for (const [shard, epoch] of rows) set.guards.set(shard, epoch)
}

type StandColumns = readonly [
  name: string,
  tenant: number,
  turn: readonly [turn: number, mark: string | null],
  feed: readonly [revision: number | null, node: number, changes: number, sequences: string],
  cursors: readonly (readonly [partition: number, sequence: number, epoch: number])[],
  tallies: readonly (readonly [what: string, count: number])[],
  old: readonly [last: number, revision: number, at: number][],
]

/** Locks those that are there, and tells what is asked of a tenant whatever its blocks hold. */
async function lockTenants(
  { cypher, set, store, names, kept }: Loading,
  wanted: readonly string[],
  records = 0,
) {
  // A transaction of few records writes few rows of changes, and lets go of few more.
  const written = records > recordsAskedAheadMax ? neo4jTrimmedMax : changeRowsTrimmedMax
  const rows = await cypher.each<StandColumns>(
    `MATCH (t:_Tenant {store: $store, name: r}) SET t._lock = true
     WITH t
     RETURN t.name, t.id, [coalesce(t.turn, 0), t.mark],
       [t.revision, t.node, t.changes, t.sequences],
       COLLECT { MATCH (c:_Cursor) WHERE c.tenant = t.id AND c.partition >= 0
         RETURN [c.partition, c.sequence, c.epoch] },
       COLLECT { UNWIND ['deadLetter', 'deadLetterBytes'] AS what
         MATCH (n:_Tally {tenant: t.id, what: what, of: 0}) RETURN [n.what, n.count] },
       COLLECT { MATCH (n:_Change) WHERE n.tenant = t.id AND n.last >= 0
         WITH n ORDER BY n.tenant, n.last LIMIT $count RETURN [n.last, n.revision, n.at] }`,
    [...new Set(wanted)].sort(),
    { store, count: written + changeRowsTrimmedMax },
  )
  for (const [name, tenant, [turn, mark], [revision, ...feed], cursors, ...rest] of rows) {
    const [tallies, old] = rest
    set.tenants.set(name, tenant)
    names.turn(tenant, turn)
    kept.locked(tenant, { turn, mark, isEmpty: revision === null && cursors.length === 0 })
    for (const [partition, sequence, epoch] of cursors) {
      set.cursors.set(`${tenant}/${partition}`, { sequence, epoch })
    }
    for (const [what, count] of tallies) set.knownTallies.set(`${tenant}/${what}/0`, count)
    if (revision !== null) {
      const [node, changes, sequences] = feed
      set.feeds.fetched(tenant, { tenant, revision, node, changes, sequences, state: "kept" })
    }
    set.oldChanges.set(tenant, [...old])
  }
}

async function makeTenants(of: Loading, wanted: readonly string[]): Promise<void> {
  const missing = [...new Set(wanted)].filter((name) => !of.set.tenants.has(name)).sort()
  if (missing.length === 0) return
  await numbered(of.cypher, "_Tenant", { store: of.store }, missing)
  await lockTenants(of, missing)
}

/** Those above their partition's cursor, one after the other. */
function dueBlocks(set: WorkingSet, tenant: number, blocks: readonly WireBlock[]) {
  const reached = new Map<number, number>()
  return blocks.filter(([, partition, , , sequence]) => {
    const at = reached.get(partition) ?? set.cursors.get(`${tenant}/${partition}`)?.sequence ?? -1
    if (at >= sequence) return false
    reached.set(partition, sequence)
    return true
  })
}

/** Numbers that the writer knows; whether these are all. */
function putKnown(
  { set, names }: Pick<Loading, "set" | "names">,
  tenant: number,
  sources: Iterable<string>,
  types: Iterable<string>,
): boolean {
  let isAll = true
  for (const name of sources) {
    const id = names.source(tenant, name)
    if (id === undefined) isAll = false
    else set.sourcesByName.set(nameOfKey(tenant, name), id)
  }
  for (const name of types) {
    const id = names.type(tenant, name)
    if (id === undefined) isAll = false
    else set.types.set(nameOfKey(tenant, name), id)
  }
  return isAll
}

async function nameSources(of: Loading, tenant: number, wanted: readonly string[]) {
  const { cypher, set, names } = of
  const put = (rows: readonly (readonly [name: string, id: number, priority: number])[]) => {
    for (const [name, id, priority] of rows) {
      names.putSource(tenant, name, id)
      set.sources.fetched(id, { id, name, priority, state: "kept" })
      set.sourcesByName.set(nameOfKey(tenant, name), id)
    }
  }
  put(
    await cypher.each<[name: string, id: number, priority: number]>(
      `MATCH (s:_Source {tenant: $tenant, name: r}) RETURN s.name, s.id, coalesce(s.priority, 0)`,
      [...new Set(wanted)],
      { tenant },
    ),
  )
  const missing = wanted.filter((name) => !set.sourcesByName.has(nameOfKey(tenant, name)))
  const made = await numbered(cypher, "_Source", { tenant }, missing)
  put([...made].map(([name, id]) => [name, id, 0]))
}

async function nameTypes(of: Loading, tenant: number, wanted: Iterable<string>) {
  const { cypher, set, names } = of
  const missing = [...wanted].filter((name) => !set.types.has(nameOfKey(tenant, name)))
  for (const [name, id] of await numbered(cypher, "_Type", { tenant }, missing)) {
    names.putType(tenant, name, id)
    set.types.set(nameOfKey(tenant, name), id)
  }
}

function typesIn(blocks: readonly WireBlock[]): ReadonlySet<string> {
  const wanted = new Set<string>()
  for (const block of blocks) {
    for (const [, , , , entities, links] of block[9]) {
      for (const [type] of entities) wanted.add(type)
      for (const [type, [from], [to]] of links) wanted.add(type).add(from).add(to)
    }
  }
  return wanted
}
