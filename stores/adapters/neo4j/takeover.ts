/**
 * Ends transactions of owners that have lost their shard: one that is paused in the middle holds
 * its guards, and the new owner would wait for as long as the server lets a transaction live.
 *
 * Each writing transaction says in its metadata which guards it holds, and under which epochs.
 */
import type { Guard } from "../../graph/port.ts"
import type { Cypher } from "./connection.ts"

export const metadataOf = (
  store: string,
  guards: readonly Guard[],
): Readonly<Record<string, string>> => ({
  intelgraphStore: store,
  intelgraphGuards: JSON.stringify(guards.map(({ shard, epoch }) => [shard, epoch])),
})

/** Those that hold one of the guards under a lower epoch. */
export async function endOlder(
  cypher: Cypher,
  store: string,
  guards: readonly Guard[],
): Promise<void> {
  const mine = new Map<number, number>()
  for (const { shard, epoch } of guards) mine.set(shard, Math.max(epoch, mine.get(shard) ?? 0))
  const running = await cypher.command<[id: string, held: string]>(
    `SHOW TRANSACTIONS YIELD transactionId, metaData
     WHERE metaData.intelgraphStore = $store
     RETURN transactionId, metaData.intelgraphGuards`,
    { store },
  )
  const older = running.filter(([, held]) =>
    (JSON.parse(held) as [number, number][]).some(
      ([shard, epoch]) => epoch < (mine.get(shard) ?? 0),
    ),
  )
  const ids = older.map(([id]) => id)
  if (ids.length > 0) await cypher.command("TERMINATE TRANSACTIONS $ids", { ids })
}
