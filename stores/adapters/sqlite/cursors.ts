/** The cursors that a store holds. */
import type { Cursor } from "../../graph/port.ts"
import type { ReadStore } from "./read-store.ts"

export function cursorsOf(store: ReadStore, tenant: string | undefined): readonly Cursor[] {
  const rows = store
    .query<[tenant: string, partition: number, sequence: number, epoch: number]>(
      `SELECT t.name, c.partition, c.sequence, c.epoch
       FROM cursor c JOIN tenant t ON t.id = c.tenant
       WHERE ?1 IS NULL OR t.name = ?1 ORDER BY t.name, c.partition`,
    )
    .all(tenant ?? null)
  return rows.map(([name, partition, sequence, epoch]) => ({
    tenant: name,
    partition,
    sequence,
    epoch,
  }))
}
