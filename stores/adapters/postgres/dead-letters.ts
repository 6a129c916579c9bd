/** The records that were set aside. */
import type { DeadLetterReason, Run } from "../../../protocols/event.ts"
import { decodeCursor, encodeCursor, pageOf, partsOf, sizeOf } from "../../graph/page.ts"
import type {
  DeadLetter,
  GraphReadsShape,
  Page,
  PageRequest,
  RunDeadLetter,
} from "../../graph/port.ts"
import type { Sql } from "./connection.ts"

type DeadLetterQuery = Parameters<GraphReadsShape["deadLetters"]>[1]

type DeadLetterRow = readonly [
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

export async function deadLettersPage(
  sql: Sql,
  tenant: number,
  query: DeadLetterQuery,
  page: PageRequest,
): Promise<Page<DeadLetter>> {
  const first = sizeOf(page)
  const only =
    query.id === undefined ? null : await numberOf(sql, tenant, partsOf(query.id, idShape))
  const after =
    page.after === undefined
      ? 0
      : await numberOf(sql, tenant, decodeCursor<IdParts>(page.after, idShape))
  const rows = await sql.rows<DeadLetterRow>(
    `SELECT s.name, d.run_epoch, d.run_count, d.ordinal, d.record_key, d.file, d."offset",
       d.length, d.reason, d.detail, d.fingerprint, d.bytes
     FROM dead_letter d JOIN source s ON s.id = d.source
     WHERE d.tenant = $1 AND d.id > $2 AND d.id = coalesce($3, d.id)
       AND s.name = coalesce($4, s.name) AND d.reason = coalesce($5, d.reason)
     ORDER BY d.id LIMIT $6`,
    tenant,
    after,
    only,
    query.source ?? null,
    query.reason ?? null,
    first + 1,
  )
  return pageOf(rows.map(deadLetterOfRow), first, idParts)
}

export async function deadLettersOfRun(
  sql: Sql,
  tenant: number,
  of: { readonly source: string; readonly run: Run; readonly first: number },
): Promise<readonly RunDeadLetter[]> {
  const { source, run, first } = of
  const rows = await sql.rows<[ordinal: number, recordKey: string, reason: string, detail: string]>(
    `SELECT d.ordinal, d.record_key, d.reason, d.detail
     FROM source s JOIN dead_letter d ON d.source = s.id AND d.tenant = s.tenant
     WHERE s.tenant = $1 AND s.name = $2 AND d.run_epoch = $3 AND d.run_count = $4
     ORDER BY d.ordinal LIMIT $5`,
    tenant,
    source,
    run.epoch,
    run.count,
    sizeOf({ first }),
  )
  return rows.map(([ordinal, recordKey, reason, detail]) => ({
    ordinal,
    recordKey,
    reason: reason as DeadLetterReason,
    detail,
  }))
}

const idParts = ({ source, run, ordinal }: Pick<DeadLetter, "source" | "run" | "ordinal">) =>
  [source, run.epoch, run.count, ordinal] as const

function deadLetterOfRow(row: DeadLetterRow): DeadLetter {
  const [source, epoch, count, ordinal, recordKey, file, offset, lengthBytes, ...rest] = row
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
async function numberOf(sql: Sql, tenant: number, id: IdParts | undefined): Promise<number> {
  if (id === undefined || !id.slice(1).every(Number.isSafeInteger)) return Number.MAX_SAFE_INTEGER
  const [source, epoch, count, ordinal] = id
  const row = await sql.row<[id: number]>(
    `SELECT d.id FROM dead_letter d JOIN source s ON s.id = d.source
     WHERE d.tenant = $1 AND s.tenant = $1 AND s.name = $2 AND d.run_epoch = $3
       AND d.run_count = $4 AND d.ordinal = $5`,
    tenant,
    source,
    epoch,
    count,
    ordinal,
  )
  return row?.[0] ?? Number.MAX_SAFE_INTEGER
}
