/** Dead letters that go, or that something else is wrong with, within the writer's transaction. */
import type { DatabaseSync } from "node:sqlite"
import { settledTally } from "../../graph/settled.ts"
import type { WireLetterChange } from "../../graph/write/wire.ts"
import { change, query } from "./statement.ts"

export type SettleLetters = (tenant: string, changes: readonly WireLetterChange[]) => number

/** Answers how many of them were there. */
export function letterSettler(db: DatabaseSync): SettleLetters {
  const tenantOf = query<[id: number]>(db, "SELECT id FROM tenant WHERE name = ?")
  const find = query<[id: number, keptBytes: number]>(
    db,
    `SELECT d.id, length(d.bytes) FROM source s JOIN dead_letter d
       ON d.source = s.id AND d.tenant = s.tenant
     WHERE s.tenant = ? AND s.name = ? AND d.run_epoch = ? AND d.run_count = ? AND d.ordinal = ?`,
  )
  const remove = change(db, "DELETE FROM dead_letter WHERE id = ? AND tenant = ?")
  const mend = change(
    db,
    `UPDATE dead_letter SET reason = ?, detail = ?, fingerprint = ? WHERE id = ? AND tenant = ?`,
  )
  const addTally = change(
    db,
    `INSERT INTO tally (tenant, what, of, count) VALUES (?, ?, 0, ?)
     ON CONFLICT DO UPDATE SET count = count + excluded.count`,
  )
  return (tenantName, changes) => {
    const [tenant] = tenantOf.get(tenantName) ?? []
    if (tenant === undefined) return 0
    const totals = { found: 0, gone: 0, goneBytes: 0 }
    for (const [source, epoch, count, ordinal, fault] of changes) {
      const [id, keptBytes] = find.get(tenant, source, epoch, count, ordinal) ?? []
      if (id === undefined || keptBytes === undefined) continue
      totals.found++
      if (fault !== null) {
        mend(...fault, id, tenant)
        continue
      }
      remove(id, tenant)
      totals.gone++
      totals.goneBytes += keptBytes
    }
    addTally(tenant, "deadLetter", -totals.gone)
    addTally(tenant, "deadLetterBytes", -totals.goneBytes)
    addTally(tenant, settledTally, totals.found)
    return totals.found
  }
}
