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
import type { Cypher } from "./connection.ts"

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
  cypher: Cypher,
  tenant: number,
  query: DeadLetterQuery,
  page: PageRequest,
): Promise<Page<DeadLetter>> {
  const first = sizeOf(page)
  const place = (id: IdParts | undefined) => numberOf(cypher, tenant, id)
  const only = query.id === undefined ? null : await place(partsOf(query.id, idShape))
  const after =
    page.after === undefined ? 0 : await place(decodeCursor<IdParts>(page.after, idShape))
  const rows = await cypher.rows<DeadLetterRow>(
    `MATCH (d:_DeadLetter) WHERE d.tenant = $tenant AND d.id > $after
       AND ($only IS NULL OR d.id = $only) AND ($reason IS NULL OR d.reason = $reason)
     MATCH (s:_Source {id: d.source}) WHERE $source IS NULL OR s.name = $source
     RETURN s.name, d.epoch, d.count, d.ordinal, d.recordKey, d.file, d.offset, d.length,
       d.reason, d.detail, d.fingerprint, d.bytes
     ORDER BY d.tenant, d.id LIMIT $limit`,
    {
      tenant,
      after,
      only,
      reason: query.reason ?? null,
      source: query.source ?? null,
      limit: first + 1,
    },
  )
  return pageOf(rows.map(deadLetterOfRow), first, idParts)
}

export async function deadLettersOfRun(
  cypher: Cypher,
  tenant: number,
  of: { readonly source: string; readonly run: Run; readonly first: number },
): Promise<readonly RunDeadLetter[]> {
  const { source, run, first } = of
  const rows = await cypher.rows<[number, string, string, string]>(
    `MATCH (s:_Source {tenant: $tenant, name: $source})
     MATCH (d:_DeadLetter) WHERE d.source = s.id AND d.epoch = $epoch AND d.count = $count
       AND d.ordinal >= 0 AND d.tenant = $tenant
     RETURN d.ordinal, d.recordKey, d.reason, d.detail ORDER BY d.ordinal LIMIT $limit`,
    { tenant, source, epoch: run.epoch, count: run.count, limit: sizeOf({ first }) },
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
async function numberOf(cypher: Cypher, tenant: number, id: IdParts | undefined): Promise<number> {
  if (id === undefined) return Number.MAX_SAFE_INTEGER
  const [source, epoch, count, ordinal] = id
  const row = await cypher.row<[id: number]>(
    `MATCH (s:_Source {tenant: $tenant, name: $source})
     MATCH (d:_DeadLetter {source: s.id, epoch: $epoch, count: $count, ordinal: $ordinal})
     RETURN d.id`,
    { tenant, source, epoch, count, ordinal },
  )
  return row?.[0] ?? Number.MAX_SAFE_INTEGER
}
