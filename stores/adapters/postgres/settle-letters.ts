/** Dead letters that go, or that something else is wrong with, within the writer's transaction. */
import { settledTally } from "../../graph/settled.ts"
import type { WireLetterChange } from "../../graph/write/wire.ts"
import type { Sql } from "./connection.ts"

/** Answers how many of them were there. Writers of the tenant wait meanwhile. */
export async function settleLetters(
  sql: Sql,
  tenantName: string,
  changes: readonly WireLetterChange[],
): Promise<number> {
  const tenant = await sql.row<[id: number]>(
    "SELECT id FROM tenant WHERE name = $1 FOR UPDATE",
    tenantName,
  )
  if (tenant === undefined) return 0
  const [id] = tenant
  const [gone = 0, goneBytes = 0] = await removed(sql, id, changes)
  const mended = await mend(sql, id, changes)
  await sql.rows(
    `INSERT INTO tally AS n (tenant, what, of, count)
     SELECT $1, w.what, 0, w.count FROM unnest($2::text[], $3::bigint[]) AS w(what, count)
     ON CONFLICT (tenant, what, of) DO UPDATE SET count = n.count + excluded.count`,
    id,
    ["deadLetter", "deadLetterBytes", settledTally],
    [-gone, -goneBytes, gone + mended],
  )
  return gone + mended
}

async function removed(sql: Sql, tenant: number, changes: readonly WireLetterChange[]) {
  const those = changes.filter(([, , , , fault]) => fault === null)
  if (those.length === 0) return []
  const row = await sql.row<[gone: number, bytes: number]>(
    `WITH gone AS (
       DELETE FROM dead_letter d USING source s, ${named}
       WHERE s.tenant = $1 AND s.name = w.source AND ${isNamed}
       RETURNING octet_length(d.bytes) AS bytes)
     SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM gone`,
    tenant,
    ...namesOf(those),
  )
  return row ?? []
}

async function mend(sql: Sql, tenant: number, changes: readonly WireLetterChange[]) {
  const those = changes.flatMap(([, , , , fault]) => (fault === null ? [] : [fault]))
  if (those.length === 0) return 0
  const rows = await sql.rows(
    `UPDATE dead_letter d SET reason = f.reason, detail = f.detail, fingerprint = f.fingerprint
     FROM source s, ${named}
       JOIN unnest($6::text[], $7::text[], $8::text[]) WITH ORDINALITY
         AS f(reason, detail, fingerprint, n) ON f.n = w.n
     WHERE s.tenant = $1 AND s.name = w.source AND ${isNamed} RETURNING d.id`,
    tenant,
    ...namesOf(changes.filter(([, , , , fault]) => fault !== null)),
    those.map(([reason]) => reason),
    those.map(([, detail]) => detail),
    those.map(([, , fingerprint]) => fingerprint),
  )
  return rows.length
}

const named = `unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) WITH ORDINALITY
  AS w(source, epoch, count, ordinal, n)`

const isNamed = `d.tenant = $1 AND d.source = s.id AND d.run_epoch = w.epoch
  AND d.run_count = w.count AND d.ordinal = w.ordinal`

const namesOf = (changes: readonly WireLetterChange[]) => [
  changes.map(([source]) => source),
  changes.map(([, epoch]) => epoch),
  changes.map(([, , count]) => count),
  changes.map(([, , , ordinal]) => ordinal),
]
