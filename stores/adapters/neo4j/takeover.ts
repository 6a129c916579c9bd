/**
 * Ends transactions of owners that have lost their shard: one that is paused in the middle holds
 * its guards, and the new owner would wait for as long as the server lets a transaction live.
 *
 * Each writing transaction says in its metadata which guards it holds, and under which epochs.
 */
import { neo4jStandMillisMin } from "../../../protocols/limits.ts"
import type { Guard } from "../../graph/port.ts"
import type { Cypher } from "./connection.ts"

export const metadataOf = (
  store: string,
  guards: readonly Guard[],
): Readonly<Record<string, string>> => ({
  intelgraphStore: store,
  intelgraphGuards: JSON.stringify(guards.map(({ shard, epoch }) => [shard, epoch])),
})

/**
 * Those that have lasted long and none of whose guards are their owner's any more, whoever has the
 * shards now. A former owner that was paused a second time, before it heard that it is too late,
 * may hold tenants besides its guards. One that has a guard of its own left goes on by itself.
 */
export async function endPassed(cypher: Cypher, store: string): Promise<void> {
  const guards = await cypher.rows<[shard: number, epoch: number]>(
    "MATCH (g:_Guard {store: $store}) RETURN g.shard, coalesce(g.epoch, 0)",
    { store },
  )
  const passed = guards.map(([shard, epoch]) => ({ shard, epoch }))
  const isPassed = isOlderThan(passed)
  await endThose(cypher, store, neo4jStandMillisMin, (held) => {
    return held.length > 0 && held.every(isPassed)
  })
}

/** Those that hold one of the guards under a lower epoch. */
export function endOlder(cypher: Cypher, store: string, guards: readonly Guard[]): Promise<void> {
  const isOlder = isOlderThan(guards)
  return endThose(cypher, store, 0, (held) => held.some(isOlder))
}

type Held = readonly [shard: number, epoch: number]

function isOlderThan(guards: readonly Guard[]): (held: Held) => boolean {
  const mine = new Map<number, number>()
  for (const { shard, epoch } of guards) mine.set(shard, Math.max(epoch, mine.get(shard) ?? 0))
  return ([shard, epoch]) => epoch < (mine.get(shard) ?? 0)
}

async function endThose(
  cypher: Cypher,
  store: string,
  standMillisMin: number,
  isOver: (held: readonly Held[]) => boolean,
): Promise<void> {
  const running = await cypher.command<[id: string, held: string]>(
    `SHOW TRANSACTIONS YIELD transactionId, metaData, elapsedTime
     WHERE metaData.intelgraphStore = $store AND elapsedTime.milliseconds >= $standMillisMin
     RETURN transactionId, metaData.intelgraphGuards`,
    { store, standMillisMin },
  )
  const over = running.filter(([, held]) => isOver(JSON.parse(held) as readonly Held[]))
  const ids = over.map(([id]) => id)
  if (ids.length > 0) await cypher.command("TERMINATE TRANSACTIONS $ids", { ids })
}
