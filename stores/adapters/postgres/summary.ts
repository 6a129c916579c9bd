/** What is counted of a tenant and of its sources, and the records that were set aside. */
import { noSourceCounters, type SourceCounters } from "../../../protocols/counters.ts"
import type { Run } from "../../../protocols/event.ts"
import type { Cursor, GraphCounts, SourceSummary } from "../../graph/port.ts"
import type { Tally } from "../../graph/write/transaction.ts"
import type { Sql } from "./connection.ts"

type CounterRow = [
  read: number | null,
  accepted: number,
  duplicates: number,
  stale: number,
  replayed: number,
  refused: number,
  deadLettered: number,
]

const countersOf = (row: CounterRow | undefined): SourceCounters => {
  if (row === undefined || row[0] === null) return noSourceCounters
  const [read, accepted, duplicates, stale, replayed, refused, deadLettered] = row
  return { read, accepted, duplicates, stale, replayed, refused, deadLettered }
}

export async function countsOf(sql: Sql, tenant: number): Promise<GraphCounts> {
  const sums = await sql.rows<[what: Tally, count: number]>(
    "SELECT what, sum(count)::bigint FROM tally WHERE tenant = $1 GROUP BY what",
    tenant,
  )
  const byWhat = new Map(sums)
  const sum = (what: Tally) => byWhat.get(what) ?? 0
  const named = await sql.rows<[what: Tally, type: string, count: number]>(
    `SELECT c.what, t.name, c.count FROM tally c JOIN type t ON t.id = c.of
     WHERE c.tenant = $1 AND t.tenant = $1 AND c.what IN ('entity', 'relationshipOfType')
       AND c.count > 0 ORDER BY t.name`,
    tenant,
  )
  const byName = (wanted: Tally) =>
    named.filter(([what]) => what === wanted).map(([, type, count]) => ({ type, count }))
  return {
    entities: sum("entity"),
    stubs: sum("stub"),
    relationships: sum("relationship"),
    derived: sum("derived"),
    assertions: sum("assertion"),
    ambiguous: sum("ambiguous"),
    deadLetters: sum("deadLetter"),
    byType: byName("entity"),
    byRelationship: byName("relationshipOfType"),
  }
}

const sums = ["read", "accepted", "duplicates", "stale", "replayed", "refused", "dead_lettered"]

export async function sourcesOf(sql: Sql, tenant: number): Promise<readonly SourceSummary[]> {
  const sources = await sql.rows<[id: number, name: string, ...CounterRow]>(
    `SELECT s.id, s.name, ${sums.map((name) => `sum(u.${name})::bigint`).join(", ")}
     FROM source s LEFT JOIN run u ON u.source = s.id AND u.tenant = $1
     WHERE s.tenant = $1 GROUP BY s.id, s.name ORDER BY s.name`,
    tenant,
  )
  const tallies = await sql.rows<[what: Tally, source: number, count: number]>(
    `SELECT what, of, count FROM tally WHERE tenant = $1
       AND what IN ('entityOfSource', 'relationshipOfSource', 'derivedOfSource')`,
    tenant,
  )
  const counts = new Map(tallies.map(([what, source, count]) => [`${what}/${source}`, count]))
  const stubs = await stubsBySource(sql, tenant)
  return sources.map(([id, source, ...counters]) => {
    const of = (what: Tally) => counts.get(`${what}/${id}`) ?? 0
    return {
      source,
      counters: countersOf(counters),
      entities: of("entityOfSource"),
      relationships: of("relationshipOfSource"),
      derived: of("derivedOfSource"),
      stubs: stubs.get(id) ?? 0,
    }
  })
}

// Stubs are few, and which of them a source points to changes with what others say: counted when
// asked.
async function stubsBySource(sql: Sql, tenant: number): Promise<ReadonlyMap<number, number>> {
  const rows = await sql.rows<[source: number, stubs: number]>(
    `SELECT r.source, count(DISTINCT n.id) FROM node n
     CROSS JOIN LATERAL (SELECT id FROM edge WHERE from_node = n.id
                         UNION SELECT id FROM edge WHERE to_node = n.id) e
     JOIN link l ON l.edge = e.id JOIN record r ON r.id = l.record
     WHERE n.tenant = $1 AND n.asserted = 0 AND l.tenant = $1 GROUP BY r.source`,
    tenant,
  )
  return new Map(rows)
}

export async function runCountersOf(sql: Sql, tenant: number, source: string, run: Run) {
  const row = await sql.row<CounterRow>(
    `SELECT u.read, u.accepted, u.duplicates, u.stale, u.replayed, u.refused, u.dead_lettered
     FROM run u JOIN source s ON s.id = u.source
     WHERE u.tenant = $1 AND s.tenant = $1 AND s.name = $2 AND u.epoch = $3 AND u.count = $4`,
    tenant,
    source,
    run.epoch,
    run.count,
  )
  return countersOf(row)
}

export async function cursorsOf(sql: Sql, tenant: string | undefined): Promise<readonly Cursor[]> {
  const rows = await sql.rows<[string, number, number, number]>(
    `SELECT t.name, c.partition, c.sequence, c.epoch FROM cursor c JOIN tenant t ON t.id = c.tenant
     WHERE t.name = coalesce($1, t.name) ORDER BY t.name, c.partition`,
    tenant ?? null,
  )
  return rows.map(([name, partition, sequence, epoch]) => ({
    tenant: name,
    partition,
    sequence,
    epoch,
  }))
}
