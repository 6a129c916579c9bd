/** What is counted of a tenant and of its sources, and the records that were set aside. */
import { noSourceCounters, type SourceCounters } from "../../../protocols/counters.ts"
import type { DeadLetterReason, Run } from "../../../protocols/event.ts"
import { decodeCursor, encodeCursor, pageOf, partsOf, sizeOf } from "../../graph/page.ts"
import type {
  DeadLetter,
  GraphCounts,
  GraphReadsShape,
  Page,
  PageRequest,
  RunDeadLetter,
  SourceSummary,
} from "../../graph/port.ts"
import type { Tally } from "../../graph/write/transaction.ts"
import type { ReadStore } from "./read-store.ts"

type DeadLetterQuery = Parameters<GraphReadsShape["deadLetters"]>[1]

type CounterRow = readonly [
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

export function countsOf(store: ReadStore, tenant: number): GraphCounts {
  const tally = store.query<[count: number]>(
    "SELECT coalesce(sum(count), 0) FROM tally WHERE tenant = ? AND what = ?",
  )
  const sum = (what: Tally) => tally.get(tenant, what)?.[0] ?? 0
  const byName = (what: Tally) =>
    store
      .query<[type: string, count: number]>(
        `SELECT t.name, c.count FROM tally c JOIN type t ON t.id = c.of
         WHERE c.tenant = ? AND c.what = ? AND c.count > 0 ORDER BY t.name`,
      )
      .all(tenant, what)
      .map(([type, count]) => ({ type, count }))
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

export function sourcesOf(store: ReadStore, tenant: number): readonly SourceSummary[] {
  const sources = store.query<[id: number, name: string]>(
    "SELECT id, name FROM source WHERE tenant = ? ORDER BY name",
  )
  const counters = store.query<CounterRow>(
    `SELECT sum(read), sum(accepted), sum(duplicates), sum(stale), sum(replayed), sum(refused),
       sum(dead_lettered) FROM run WHERE tenant = ? AND source = ?`,
  )
  const tally = store.query<[count: number]>(
    "SELECT count FROM tally WHERE tenant = ? AND what = ? AND of = ?",
  )
  const stubs = stubsBySource(store, tenant)
  return sources.all(tenant).map(([id, source]) => {
    const of = (what: Tally) => tally.get(tenant, what, id)?.[0] ?? 0
    return {
      source,
      counters: countersOf(counters.get(tenant, id)),
      entities: of("entityOfSource"),
      relationships: of("relationshipOfSource"),
      derived: of("derivedOfSource"),
      stubs: stubs.get(id) ?? 0,
    }
  })
}

// Stubs are few, and which of them a source points to changes with what others say: counted when
// asked.
function stubsBySource(store: ReadStore, tenant: number): ReadonlyMap<number, number> {
  const rows = store.query<[source: number, stubs: number]>(
    `SELECT r.source, count(DISTINCT n.id) FROM node n
     JOIN edge e ON e.id IN (SELECT id FROM edge WHERE from_node = n.id
                             UNION SELECT id FROM edge WHERE to_node = n.id)
     JOIN link l ON l.edge = e.id JOIN record r ON r.id = l.record
     WHERE n.tenant = ?1 AND n.asserted = 0 AND l.tenant = ?1 GROUP BY r.source`,
  )
  return new Map(rows.all(tenant))
}

export function runCountersOf(store: ReadStore, tenant: number, source: string, run: Run) {
  const row = store.query<CounterRow>(
    `SELECT u.read, u.accepted, u.duplicates, u.stale, u.replayed, u.refused, u.dead_lettered
     FROM run u JOIN source s ON s.id = u.source
     WHERE u.tenant = ? AND s.tenant = u.tenant AND s.name = ? AND u.epoch = ? AND u.count = ?`,
  )
  return countersOf(row.get(tenant, source, run.epoch, run.count))
}

type DeadLetterRow = readonly [
  rowid: number,
  source: string,
  epoch: number,
  count: number,
  ordinal: number,
  recordKey: string,
  file: string,
  offset: number,
  length: number,
  reason: string,
  detail: string,
  fingerprint: string,
  bytes: Uint8Array,
]

type IdParts = readonly [source: string, epoch: number, count: number, ordinal: number]
const idShape: IdParts = ["", 0, 0, 0]

export function deadLettersPage(
  store: ReadStore,
  tenant: number,
  query: DeadLetterQuery,
  page: PageRequest,
): Page<DeadLetter> {
  const first = sizeOf(page)
  const only = query.id === undefined ? null : rowOf(store, tenant, partsOf(query.id, idShape))
  const after =
    page.after === undefined ? 0 : rowOf(store, tenant, decodeCursor<IdParts>(page.after, idShape))
  const rows = store
    .query<DeadLetterRow>(
      `SELECT d.id, s.name, d.run_epoch, d.run_count, d.ordinal, d.record_key, d.file, d.offset,
         d.length, d.reason, d.detail, d.fingerprint, d.bytes
       FROM dead_letter d JOIN source s ON s.id = d.source
       WHERE d.tenant = ?1 AND d.id > ?2 AND d.id = coalesce(?3, d.id)
         AND s.name = coalesce(?4, s.name) AND d.reason = coalesce(?5, d.reason)
       ORDER BY d.id LIMIT ?6`,
    )
    .all(tenant, after, only, query.source ?? null, query.reason ?? null, first + 1)
  return pageOf(rows.map(deadLetterOfRow), first, idParts)
}

/** By the index that keeps a dead letter of a run once. */
export function deadLettersOfRun(
  store: ReadStore,
  tenant: number,
  of: { readonly source: string; readonly run: Run; readonly first: number },
): readonly RunDeadLetter[] {
  const { source, run, first } = of
  const rows = store.query<[ordinal: number, recordKey: string, reason: string, detail: string]>(
    `SELECT d.ordinal, d.record_key, d.reason, d.detail
     FROM source s JOIN dead_letter d ON d.source = s.id AND d.tenant = s.tenant
     WHERE s.tenant = ? AND s.name = ? AND d.run_epoch = ? AND d.run_count = ?
     ORDER BY d.ordinal LIMIT ?`,
  )
  return rows
    .all(tenant, source, run.epoch, run.count, sizeOf({ first }))
    .map(([ordinal, recordKey, reason, detail]) => ({
      ordinal,
      recordKey,
      reason: reason as DeadLetterReason,
      detail,
    }))
}

const idParts = ({ source, run, ordinal }: Pick<DeadLetter, "source" | "run" | "ordinal">) =>
  [source, run.epoch, run.count, ordinal] as const

function deadLetterOfRow(row: DeadLetterRow): DeadLetter {
  const [, source, epoch, count, ordinal, recordKey, file, offset, lengthBytes, ...rest] = row
  const [reason, detail, fingerprint, bytes] = rest
  const run = { epoch, count }
  return {
    id: encodeCursor(idParts({ source, run, ordinal })),
    source,
    run,
    ordinal,
    recordKey,
    file,
    offset,
    lengthBytes,
    reason: reason as DeadLetterReason,
    detail,
    fingerprint,
    bytes,
  }
}

/** Place of a dead letter; one that this tenant does not have stands after all others. */
function rowOf(store: ReadStore, tenant: number, id: IdParts | undefined): number {
  if (id === undefined) return Number.MAX_SAFE_INTEGER
  const [source, epoch, count, ordinal] = id
  const row = store
    .query<[id: number]>(
      `SELECT d.id FROM dead_letter d JOIN source s ON s.id = d.source
       WHERE d.tenant = ? AND s.tenant = d.tenant AND s.name = ? AND d.run_epoch = ?
         AND d.run_count = ? AND d.ordinal = ?`,
    )
    .get(tenant, source, epoch, count, ordinal)
  return row?.[0] ?? Number.MAX_SAFE_INTEGER
}
