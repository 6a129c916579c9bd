/** Nodes as the verbs over a cluster see them: real actors, and shards as they are told. */

import * as Effect from "effect/Effect"
import { shardCount } from "../../protocols/limits.ts"
import type { KeeperView, Order, RunningPlacement } from "../../runtime/index.ts"

/** What is wanted of the members, and what they were told. */
export interface TestPlacement extends RunningPlacement {
  readonly orders: readonly Order[]
}

/** The shards in turn to these nodes; the first of them is free where `free` is given. */
export function viewOfShares(own: string, nodes: readonly string[], free = 0): KeeperView {
  const holders = nodes.map((node) => ({ node, incarnation: "i" }))
  return {
    standing: "serves",
    nodes: holders.map((who) => ({ kind: "node", ...who, weight: 1, standing: "serves" })),
    shards: Array.from({ length: shardCount }, (_, shard) => {
      const who = holders[shard % holders.length]
      const isFree = shard < free || who === undefined
      return {
        shard,
        holder: isFree ? undefined : { kind: "lease", ...who, shard, epoch: 1 },
        share: who?.node,
        phase: !isFree && who.node === own ? "open" : undefined,
      }
    }),
  }
}

export function placementThatShows(view: () => KeeperView): TestPlacement {
  const orders: Order[] = []
  return {
    orders,
    order: (order) => void orders.push(order),
    fenced: () => undefined,
    damaged: () => undefined,
    view,
    left: Effect.never,
    failed: Effect.never,
  }
}
