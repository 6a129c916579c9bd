/** What people are told beside a result over a cluster. */
import { shardsToldMax } from "../../protocols/limits.ts"
import type { Io } from "../io.ts"
import { printable } from "../text-table.ts"

export function tellSilent(
  io: Io,
  silent: readonly { readonly node: string; readonly why: string }[],
): void {
  for (const { node, why } of silent) {
    io.tell(`intelgraph: Without the node ${printable(node)}: ${printable(why)}`)
  }
}

export function shardsNamed(shards: readonly number[]): string {
  const more = shards.length - shardsToldMax
  return shards.slice(0, shardsToldMax).join(", ") + (more > 0 ? ` and ${more} more` : "")
}
