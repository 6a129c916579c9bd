/** What is other in a cluster than at the look before. */
import { type ClusterStatus, isSilent } from "./over.ts"

export type ClusterChange =
  | { readonly kind: "node"; readonly node: string; readonly standing: string }
  | { readonly kind: "node-gone"; readonly node: string }
  | {
      readonly kind: "shard"
      readonly shard: number
      readonly from: string | null
      /** Nobody while it changes hands. */
      readonly to: string | null
      readonly epoch: number | null
    }

/** At the first look the nodes are new, and of the shards those without an owner. */
export function changesOf(
  before: ClusterStatus | undefined,
  now: ClusterStatus,
): readonly ClusterChange[] {
  const known = standings(before)
  const here = standings(now)
  const changes: ClusterChange[] = []
  for (const [node, standing] of here) {
    if (known.get(node) !== standing) changes.push({ kind: "node", node, standing })
  }
  for (const node of known.keys()) {
    if (!here.has(node)) changes.push({ kind: "node-gone", node })
  }
  for (const { shard, node: to, epoch } of now.shards) {
    const last = before?.shards[shard]
    const from = last?.node ?? null
    const isSame = last === undefined ? to !== null : from === to && last.epoch === epoch
    if (!isSame) changes.push({ kind: "shard", shard, from, to, epoch })
  }
  return changes
}

const standings = (status: ClusterStatus | undefined): ReadonlyMap<string, string> =>
  new Map((status?.nodes ?? []).map((one) => [one.node, isSilent(one) ? "silent" : one.standing]))
