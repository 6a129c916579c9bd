/**
 * What a transaction locks and fetches before it decides. Locks are taken in one order, guards by
 * shard and then tenants by name, by writing to their nodes; the last one that may be taken is that
 * of the numbers of new names. Two writers that still meet are told by the server, and try again.
 */
import { changeRowsTrimmedMax, neo4jTrimmedMax } from "../../../protocols/limits.ts"
import type { Guard } from "../../graph/port.ts"
import { gatherBlocks, gatherMerged } from "../../graph/write/gather.ts"
import type { WireBlock } from "../../graph/write/wire.ts"
import { nameOfKey, type WorkingSet } from "../../graph/write/working-set.ts"
import type { Cypher } from "./connection.ts"
import { Fetch } from "./fetch.ts"
import { numbered } from "./names.ts"
import type { Shelf } from "./said.ts"

export interface Loading {
  readonly cypher: Cypher
  readonly set: WorkingSet
  readonly store: string
  readonly shelf: Shelf
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

/** Blocks of lost shards, and those that are applied, are not looked into. */
export async function loadBlocks(of: Loading, blocks: readonly WireBlock[]): Promise<void> {
  const { set } = of
  const shards = blocks.map(([, , shard]) => shard)
  await lockGuards(of, shards)
  const epochs = new Map(set.guards)
  const owned = blocks.filter(([, , shard, epoch]) => {
    if ((epochs.get(shard) ?? 0) > epoch) return false
    epochs.set(shard, epoch)
    return true
  })
  const names = owned.map(([tenant]) => tenant)
  await lockTenants(of, names)
  for (const [name, tenant] of set.tenants) {
    const own = owned.filter(([tenantName]) => tenantName === name)
    await loadTenant(of, tenant)
    const due = dueBlocks(set, tenant, own)
    const sources = due.map((block) => block[5])
    await Promise.all([nameSources(of, tenant, sources), nameTypes(of, tenant, due)])
    await gatherBlocks(new Fetch(of, tenant), set, tenant, due)
  }
}

export async function loadSource(of: Loading, tenantName: string, sourceName: string) {
  const { set } = of
  await lockTenants(of, [tenantName])
  const tenant = set.tenants.get(tenantName) ?? -1
  await nameSources(of, tenant, [sourceName])
  await loadTenant(of, tenant)
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

async function lockTenants({ cypher, set, store }: Loading, names: readonly string[]) {
  const sorted = [...new Set(names)].sort()
  const lock = async (those: readonly string[]) => {
    const rows = await cypher.each<[name: string, id: number]>(
      "MATCH (t:_Tenant {store: $store, name: r}) SET t._lock = true WITH t RETURN t.name, t.id",
      those,
      { store },
    )
    for (const [name, id] of rows) set.tenants.set(name, id)
  }
  await lock(sorted)
  if (set.tenants.size === sorted.length) return
  await numbered(cypher, "_Tenant", { store }, sorted)
  await lock(sorted.filter((name) => !set.tenants.has(name)))
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

type FeedColumns = [revision: number | null, node: number, changes: number, sequences: string]

/** What a transaction asks of a tenant whatever its blocks hold: all at once. */
async function loadTenant({ cypher, set }: Loading, tenant: number): Promise<void> {
  const [cursors, tallies, [feed], old] = await Promise.all([
    cypher.rows<[partition: number, sequence: number, epoch: number]>(
      `MATCH (c:_Cursor) WHERE c.tenant = $tenant AND c.partition >= 0
       RETURN c.partition, c.sequence, c.epoch`,
      { tenant },
    ),
    cypher.rows<[what: string, count: number]>(
      `UNWIND ['deadLetter', 'deadLetterBytes'] AS what
       MATCH (n:_Tally {tenant: $tenant, what: what, of: 0}) RETURN n.what, n.count`,
      { tenant },
    ),
    cypher.rows<FeedColumns>(
      "MATCH (t:_Tenant {id: $tenant}) RETURN t.revision, t.node, t.changes, t.sequences",
      { tenant },
    ),
    cypher.rows<[last: number, revision: number, at: number]>(
      `MATCH (n:_Change) WHERE n.tenant = $tenant AND n.last >= 0
       RETURN n.last, n.revision, n.at ORDER BY n.tenant, n.last LIMIT $count`,
      { tenant, count: neo4jTrimmedMax + changeRowsTrimmedMax },
    ),
  ])
  for (const [partition, sequence, epoch] of cursors) {
    set.cursors.set(`${tenant}/${partition}`, { sequence, epoch })
  }
  for (const [what, count] of tallies) set.knownTallies.set(`${tenant}/${what}/0`, count)
  if (feed !== undefined && feed[0] !== null) {
    const [revision, node, changes, sequences] = feed
    set.feeds.fetched(tenant, { tenant, revision, node, changes, sequences, state: "kept" })
  }
  set.oldChanges.set(tenant, [...old])
}

async function nameSources({ cypher, set }: Loading, tenant: number, names: readonly string[]) {
  const [ids, rows] = await Promise.all([
    numbered(cypher, "_Source", { tenant }, names),
    cypher.each<[name: string, priority: number]>(
      "MATCH (s:_Source {tenant: $tenant, name: r}) RETURN s.name, s.priority",
      [...new Set(names)],
      { tenant },
    ),
  ])
  const priorities = new Map(rows)
  for (const [name, id] of ids) {
    set.sources.fetched(id, { id, name, priority: priorities.get(name) ?? 0, state: "kept" })
    set.sourcesByName.set(nameOfKey(tenant, name), id)
  }
}

async function nameTypes({ cypher, set }: Loading, tenant: number, blocks: readonly WireBlock[]) {
  const wanted = new Set<string>()
  for (const block of blocks) {
    for (const [, , , , entities, links] of block[9]) {
      for (const [type] of entities) wanted.add(type)
      for (const [type, [from], [to]] of links) wanted.add(type).add(from).add(to)
    }
  }
  const ids = await numbered(cypher, "_Type", { tenant }, [...wanted])
  for (const [name, id] of ids) set.types.set(nameOfKey(tenant, name), id)
}
