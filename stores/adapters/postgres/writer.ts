/**
 * Writes to Postgres: each call is one transaction, in which the writers of a tenant take turns.
 *
 * Promises: what a call answers is on the server's stable storage, whole; when it throws, the
 * outcome is unknown only where the answer to the very last statement did not come, and nothing of
 * it is there otherwise. What may fail beneath: the connection (the next call makes another one),
 * another transaction in the way (tried again, a bounded number of times), any statement.
 *
 * Locks are taken in one order, guards by shard and then tenants by name, so no two writers wait
 * for each other in a circle. Guards come first: a writer that has lost its shard learns so before
 * it looks at a row, and one that is paused holds a takeover up no longer than the server lets a
 * silent transaction live.
 */
import { setTimeout as sleep } from "node:timers/promises"
import {
  changeRowsTrimmedMax,
  postgresAnalyzedAfter,
  postgresNumbersTaken,
  postgresRetriesMax,
  postgresRetryMillisMax,
  postgresRetryMillisMin,
  postgresTrimmedMax,
} from "../../../protocols/limits.ts"
import type { BlockOutcome, Guard } from "../../graph/port.ts"
import { BlockWriter } from "../../graph/write/block-writer.ts"
import type { Retention } from "../../graph/write/feed-writer.ts"
import { gatherBlocks, gatherMerged } from "../../graph/write/gather.ts"
import type { GuardAnswer, WireBlock, WireLetterChange } from "../../graph/write/wire.ts"
import { rowsOf } from "../../graph/write/working-rows.ts"
import { type Numbers, nameOfKey, WorkingSet } from "../../graph/write/working-set.ts"
import {
  type Connection,
  connect,
  disconnect,
  type PostgresAddress,
  type Sql,
} from "./connection.ts"
import { isConflict } from "./failure.ts"
import { Fetch } from "./fetch.ts"
import { flush } from "./flush.ts"
import { settleLetters } from "./settle-letters.ts"

export interface WriterSettings {
  readonly address: PostgresAddress
  readonly retention: Partial<Pick<Retention, "changesMax" | "millisMax">>
  readonly silentMillisMax: number
  /** Goes with each notification, so that whoever sent one knows it. */
  readonly sender: string
}

/** Looks rows up by their indexes, whatever the planner believes of a table that was empty. */
const writerSettings = [
  "enable_seqscan=off",
  "enable_hashjoin=off",
  "enable_mergejoin=off",
  "jit=off",
]

const growing = ["record", "node", "assertion", "edge", "link", "alias", "claim", "search"]

interface Prepared {
  readonly set: WorkingSet
  readonly writer: BlockWriter
}

export class PostgresWriter {
  readonly #settings: WriterSettings
  readonly #numbers = new NumberRanges()
  #connection: Connection | undefined
  #changed: readonly string[] = []
  #newRecords = 0
  #analyzeAfter = postgresAnalyzedAfter

  constructor(settings: WriterSettings) {
    this.#settings = settings
  }

  /** Tenants whose feed the last transaction moved. */
  get changed(): readonly string[] {
    return this.#changed
  }

  guard(logId: string, guards: readonly Guard[]): Promise<GuardAnswer> {
    const load = async (sql: Sql, set: WorkingSet) => {
      await lockLog(sql, set)
      await lockGuards(
        sql,
        set,
        guards.map(({ shard }) => shard),
      )
    }
    return this.#transact(load, ({ writer }) => writer.guard(logId, guards))
  }

  async configureSource(tenantName: string, sourceName: string, priority: number): Promise<void> {
    const load = async (sql: Sql, set: WorkingSet) => {
      await lockTenants(sql, set, [tenantName])
      const tenant = set.tenants.get(tenantName) ?? -1
      await nameSources(sql, set, tenant, [sourceName])
      await loadTenant(sql, set, tenant)
      await gatherMerged(
        new Fetch(sql, set, tenant),
        set,
        set.sourcesByName.get(nameOfKey(tenant, sourceName)) ?? -1,
      )
    }
    await this.#transact(load, ({ writer }) => {
      writer.configureSource(tenantName, sourceName, priority)
    })
  }

  commit(blocks: readonly WireBlock[]): Promise<readonly BlockOutcome[]> {
    return this.#transact(
      (sql, set) => loadBlocks(sql, set, blocks),
      ({ writer }) => writer.commit(blocks),
    )
  }

  async settleLetters(tenant: string, letters: readonly WireLetterChange[]): Promise<number> {
    let found = 0
    const settle = async (sql: Sql) => {
      found = await settleLetters(sql, tenant, letters)
    }
    return this.#transact(settle, () => found)
  }

  async close(): Promise<void> {
    if (this.#connection !== undefined) await disconnect(this.#connection)
    this.#connection = undefined
  }

  async #transact<A>(
    load: (sql: Sql, set: WorkingSet) => Promise<void>,
    decide: (prepared: Prepared) => A,
  ): Promise<A> {
    this.#changed = []
    for (let tries = 0; ; tries++) {
      try {
        return await this.#once(load, decide)
      } catch (cause) {
        await this.#forget()
        if (!isConflict(cause) || tries === postgresRetriesMax) throw cause
        const spread = postgresRetryMillisMax - postgresRetryMillisMin
        await sleep(postgresRetryMillisMin + Math.random() * spread)
      }
    }
  }

  async #once<A>(
    load: (sql: Sql, set: WorkingSet) => Promise<void>,
    decide: (prepared: Prepared) => A,
  ): Promise<A> {
    const { address, silentMillisMax } = this.#settings
    this.#connection ??= await connect(address, writerSettings, silentMillisMax)
    const { sql } = this.#connection
    const set = new WorkingSet(await this.#numbers.take(sql))
    await sql.run("BEGIN ISOLATION LEVEL READ COMMITTED")
    await load(sql, set)
    const writer = new BlockWriter(rowsOf(set), this.#settings.retention)
    const answer = decide({ set, writer })
    const changed = writer.finish()
    await flush(sql, set)
    for (const tenant of changed) {
      await sql.rows(
        "SELECT pg_notify($1, $2)",
        address.schema,
        `${this.#settings.sender} ${tenant}`,
      )
    }
    await sql.run("COMMIT")
    this.#numbers.used(set.numbers)
    this.#changed = changed
    await this.#tellPlanner(sql, set.records.in("new").length)
    return answer
  }

  // The server looks at what a table holds once a minute; until then it plans for an empty one.
  // What is committed stays so where this fails.
  async #tellPlanner(sql: Sql, records: number): Promise<void> {
    this.#newRecords += records
    if (this.#newRecords < this.#analyzeAfter) return
    this.#newRecords = 0
    this.#analyzeAfter *= 4
    try {
      await sql.run(`ANALYZE (SKIP_LOCKED) ${growing.join(", ")}`)
    } catch {
      await this.#forget()
    }
  }

  /** The transaction, and numbers that may have been used after all. */
  async #forget(): Promise<void> {
    this.#numbers.forget()
    const connection = this.#connection
    this.#connection = undefined
    // It is of no more use; the server ends what it was in.
    if (connection !== undefined) await disconnect(connection)
  }
}

/** Numbers of rows, taken from the server many at once, so that a decision need not ask. */
class NumberRanges {
  #last: Numbers | undefined
  #ends: Numbers | undefined

  async take(sql: Sql): Promise<Numbers> {
    const [last, ends] = [this.#last, this.#ends]
    const isLow = (kind: keyof Numbers) =>
      (ends?.[kind] ?? 0) - (last?.[kind] ?? 0) < postgresNumbersTaken / 2
    if (last === undefined || ends === undefined || numberKinds.some(isLow)) {
      const rows = await sql.rows<[number]>(
        "SELECT nextval('numbers') FROM generate_series(1, 4) ORDER BY 1",
      )
      const begins = rows.map(([begin]) => begin)
      this.#last = numbersOf((i) => begins[i] ?? 0)
      this.#ends = numbersOf((i) => (begins[i] ?? 0) + postgresNumbersTaken)
    }
    return this.#last ?? numbersOf(() => 0)
  }

  used(numbers: Numbers): void {
    this.#last = numbers
  }

  forget(): void {
    this.#last = undefined
  }
}

const numberKinds = ["record", "alias", "edge", "link"] as const

const numbersOf = (of: (i: number) => number): Numbers => ({
  record: of(0),
  alias: of(1),
  edge: of(2),
  link: of(3),
})

async function lockLog(sql: Sql, set: WorkingSet): Promise<void> {
  const locked =
    "SELECT name, value FROM meta WHERE name IN ('format', 'log') ORDER BY name FOR UPDATE"
  let rows = await sql.rows<[name: string, value: string]>(locked)
  // Whoever waited for a lock sees what was there before, and not the row that came meanwhile.
  if (rows.length === 1) rows = await sql.rows<[name: string, value: string]>(locked)
  for (const [name, value] of rows) set.meta.set(name, value)
}

async function lockGuards(sql: Sql, set: WorkingSet, shards: readonly number[]): Promise<void> {
  const sorted = [...new Set(shards)].sort((a, b) => a - b)
  if (sorted.length === 0) return
  const locked = `SELECT shard, epoch FROM guard WHERE shard = ANY ($1::integer[])
    ORDER BY shard FOR UPDATE`
  let rows = await sql.rows<[shard: number, epoch: number]>(locked, sorted)
  if (rows.length < sorted.length) {
    await sql.rows(
      `INSERT INTO guard (shard, epoch) SELECT unnest($1::integer[]), 0 ON CONFLICT DO NOTHING`,
      sorted,
    )
    rows = await sql.rows<[shard: number, epoch: number]>(locked, sorted)
  }
  for (const [shard, epoch] of rows) set.guards.set(shard, epoch)
}

async function lockTenants(sql: Sql, set: WorkingSet, names: readonly string[]): Promise<void> {
  const sorted = [...new Set(names)].sort()
  if (sorted.length === 0) return
  const locked = `SELECT id, name FROM tenant WHERE name = ANY ($1::text[])
    ORDER BY name FOR UPDATE`
  let rows = await sql.rows<[id: number, name: string]>(locked, sorted)
  if (rows.length < sorted.length) {
    const known = new Set(rows.map(([, name]) => name))
    const fresh = sorted.filter((name) => !known.has(name))
    await sql.rows(
      "INSERT INTO tenant (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING",
      fresh,
    )
    rows = await sql.rows<[id: number, name: string]>(locked, sorted)
  }
  for (const [id, name] of rows) set.tenants.set(name, id)
}

async function loadBlocks(sql: Sql, set: WorkingSet, blocks: readonly WireBlock[]): Promise<void> {
  await lockGuards(
    sql,
    set,
    blocks.map(([, , shard]) => shard),
  )
  const epochs = new Map(set.guards)
  const owned = blocks.filter(([, , shard, epoch]) => {
    if ((epochs.get(shard) ?? 0) > epoch) return false
    epochs.set(shard, epoch)
    return true
  })
  await lockTenants(
    sql,
    set,
    owned.map(([tenant]) => tenant),
  )
  for (const [name, tenant] of set.tenants) {
    await loadTenant(sql, set, tenant)
    const due = dueBlocks(
      set,
      tenant,
      owned.filter(([of]) => of === name),
    )
    await nameSources(
      sql,
      set,
      tenant,
      due.map((block) => block[5]),
    )
    await nameTypes(sql, set, tenant, due)
    await gatherBlocks(new Fetch(sql, set, tenant), set, tenant, due)
  }
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

/** What a transaction asks of a tenant whatever its blocks hold. */
async function loadTenant(sql: Sql, set: WorkingSet, tenant: number): Promise<void> {
  const cursors = await sql.rows<[partition: number, sequence: number, epoch: number]>(
    "SELECT partition, sequence, epoch FROM cursor WHERE tenant = $1",
    tenant,
  )
  for (const [partition, sequence, epoch] of cursors) {
    set.cursors.set(`${tenant}/${partition}`, { sequence, epoch })
  }
  const tallies = await sql.rows<[what: string, count: number]>(
    `SELECT what, count FROM tally
     WHERE tenant = $1 AND what IN ('deadLetter', 'deadLetterBytes') AND of = 0`,
    tenant,
  )
  for (const [what, count] of tallies) set.knownTallies.set(`${tenant}/${what}/0`, count)
  const feed = await sql.row<[number, number, number, string]>(
    "SELECT revision, node, changes, sequences FROM feed WHERE tenant = $1",
    tenant,
  )
  if (feed !== undefined) {
    const [revision, node, changes, sequences] = feed
    set.feeds.fetched(tenant, { tenant, revision, node, changes, sequences, state: "kept" })
  }
  const old = await sql.rows<[last: number, revision: number, at: number]>(
    "SELECT last, revision, at FROM change WHERE tenant = $1 ORDER BY last LIMIT $2",
    tenant,
    postgresTrimmedMax + changeRowsTrimmedMax,
  )
  set.oldChanges.set(tenant, old)
}

async function nameSources(sql: Sql, set: WorkingSet, tenant: number, names: readonly string[]) {
  const wanted = [...new Set(names)]
  if (wanted.length === 0) return
  const known = `SELECT id, name, priority FROM source
    WHERE tenant = $1 AND name = ANY ($2::text[])`
  let rows = await sql.rows<[id: number, name: string, priority: number]>(known, tenant, wanted)
  if (rows.length < wanted.length) {
    await insertNames(sql, "source", tenant, wanted, rows)
    rows = await sql.rows<[id: number, name: string, priority: number]>(known, tenant, wanted)
  }
  for (const [id, name, priority] of rows) {
    set.sources.fetched(id, { id, name, priority, state: "kept" })
    set.sourcesByName.set(nameOfKey(tenant, name), id)
  }
}

async function nameTypes(sql: Sql, set: WorkingSet, tenant: number, blocks: readonly WireBlock[]) {
  const wanted = new Set<string>()
  for (const block of blocks) {
    for (const [, , , , entities, links] of block[9]) {
      for (const [type] of entities) wanted.add(type)
      for (const [type, [from], [to]] of links) wanted.add(type).add(from).add(to)
    }
  }
  if (wanted.size === 0) return
  const known = "SELECT id, name FROM type WHERE tenant = $1 AND name = ANY ($2::text[])"
  let rows = await sql.rows<[id: number, name: string]>(known, tenant, [...wanted])
  if (rows.length < wanted.size) {
    await insertNames(sql, "type", tenant, [...wanted], rows)
    rows = await sql.rows<[id: number, name: string]>(known, tenant, [...wanted])
  }
  for (const [id, name] of rows) set.types.set(nameOfKey(tenant, name), id)
}

async function insertNames(
  sql: Sql,
  table: "source" | "type",
  tenant: number,
  wanted: readonly string[],
  known: readonly (readonly [id: number, name: string, ...rest: unknown[]])[],
): Promise<void> {
  const there = new Set(known.map(([, name]) => name))
  const fresh = wanted.filter((name) => !there.has(name))
  await sql.rows(
    `INSERT INTO ${table} (tenant, name) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING`,
    tenant,
    fresh,
  )
}
