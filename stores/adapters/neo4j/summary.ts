/** What is counted of a tenant and of its sources, and how far its partitions are. */
import { noSourceCounters, type SourceCounters } from "../../../protocols/counters.ts"
import type { Run } from "../../../protocols/event.ts"
import type { Cursor, GraphCounts, SourceSummary } from "../../graph/port.ts"
import type { Tally } from "../../graph/write/transaction.ts"
import type { Cypher } from "./connection.ts"
import { namesOf } from "./said.ts"

type CounterRow = [
  read: number,
  accepted: number,
  duplicates: number,
  stale: number,
  replayed: number,
  refused: number,
  deadLettered: number,
]

const counted = [
  "read",
  "accepted",
  "duplicates",
  "stale",
  "replayed",
  "refused",
  "deadLettered",
] as const

function countersOf(row: CounterRow | undefined): SourceCounters {
  if (row === undefined) return noSourceCounters
  const [read, accepted, duplicates, stale, replayed, refused, deadLettered] = row
  return { read, accepted, duplicates, stale, replayed, refused, deadLettered }
}

export async function countsOf(cypher: Cypher, tenant: number): Promise<GraphCounts> {
  const tallies = await cypher.rows<[what: Tally, of: number, count: number]>(
    `MATCH (n:_Tally) WHERE n.tenant = $tenant AND n.what >= '' RETURN n.what, n.of, n.count`,
    { tenant },
  )
  const names = await cypher.rows<[id: number, name: string]>(
    `MATCH (t:_Type) WHERE t.tenant = $tenant AND t.name >= ''
     RETURN t.id, t.name ORDER BY t.name`,
    { tenant },
  )
  const sum = (wanted: Tally) =>
    tallies.reduce((all, [what, , count]) => (what === wanted ? all + count : all), 0)
  const byName = (wanted: Tally) =>
    names.flatMap(([id, type]) => {
      const own = tallies.find(([what, of]) => what === wanted && of === id)
      return own !== undefined && own[2] > 0 ? [{ type, count: own[2] }] : []
    })
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

export async function sourcesOf(cypher: Cypher, tenant: number): Promise<readonly SourceSummary[]> {
  const sums = counted.map((name) => `coalesce(sum(u.${name}), 0)`).join(", ")
  const sources = await cypher.rows<[id: number, name: string, ...CounterRow]>(
    `MATCH (s:_Source) WHERE s.tenant = $tenant AND s.name >= ''
     OPTIONAL MATCH (u:_Run) WHERE u.tenant = $tenant AND u.source = s.id
     RETURN s.id, s.name, ${sums} ORDER BY s.name`,
    { tenant },
  )
  const tallies = await cypher.rows<[what: Tally, source: number, count: number]>(
    `MATCH (n:_Tally) WHERE n.tenant = $tenant
       AND n.what IN ['entityOfSource', 'relationshipOfSource', 'derivedOfSource']
     RETURN n.what, n.of, n.count`,
    { tenant },
  )
  const counts = new Map(tallies.map(([what, source, count]) => [`${what}/${source}`, count]))
  const stubs = await stubsBySource(cypher, tenant)
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
async function stubsBySource(cypher: Cypher, tenant: number): Promise<ReadonlyMap<number, number>> {
  const rows = await cypher.rows<[stub: number, by: string]>(
    `MATCH (n:_Stub) WHERE n.tenant = $tenant
     MATCH (n)-[e]-(:_Entity) RETURN DISTINCT n.id, e.by`,
    { tenant },
  )
  const stubs = new Map<number, Set<number>>()
  for (const [stub, by] of rows) {
    for (const [source] of namesOf(by)) {
      const known = stubs.get(source)
      if (known === undefined) stubs.set(source, new Set([stub]))
      else known.add(stub)
    }
  }
  return new Map([...stubs].map(([source, own]) => [source, own.size]))
}

export async function runCountersOf(cypher: Cypher, tenant: number, source: string, run: Run) {
  const row = await cypher.row<CounterRow>(
    `MATCH (s:_Source {tenant: $tenant, name: $source})
     MATCH (u:_Run {tenant: $tenant, source: s.id, epoch: $epoch, count: $count})
     RETURN ${counted.map((name) => `u.${name}`).join(", ")}`,
    { tenant, source, epoch: run.epoch, count: run.count },
  )
  return countersOf(row)
}

export async function cursorsOf(
  cypher: Cypher,
  store: string,
  tenant: string | undefined,
): Promise<readonly Cursor[]> {
  const rows = await cypher.rows<[string, number, number, number]>(
    `MATCH (t:_Tenant) WHERE t.store = $store AND t.name >= '' AND ($name IS NULL OR t.name = $name)
     MATCH (c:_Cursor) WHERE c.tenant = t.id AND c.partition >= 0
     RETURN t.name, c.partition, c.sequence, c.epoch ORDER BY t.name, c.partition`,
    { store, name: tenant ?? null },
  )
  return rows.map(([name, partition, sequence, epoch]) => ({
    tenant: name,
    partition,
    sequence,
    epoch,
  }))
}
