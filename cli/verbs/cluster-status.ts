/** `intelgraph cluster status`: the nodes, what each holds and does, shards without an owner. */
import * as Effect from "effect/Effect"
import { reachCluster } from "../cluster/client.ts"
import type { NodeReport } from "../cluster/member.ts"
import { type ClusterStatus, isSilent, type Silent } from "../cluster/over.ts"
import { shardsNamed, tellSilent } from "../cluster/told.ts"
import { printable, textTable } from "../text-table.ts"
import { exit, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const cluster = yield* reachCluster(given, io)
    const status = yield* cluster.status
    if (isOn(given, "json")) io.out(JSON.stringify(status))
    else {
      io.out(statusText(status))
      tellSilent(io, status.nodes.filter(isSilent))
    }
    return isWhole(status) ? exit.done : exit.failed
  })

/** Every node answers, every shard is worked on, every equation holds. */
const isWhole = ({ nodes, free }: ClusterStatus): boolean =>
  free.length === 0 &&
  nodes.every((one) => !isSilent(one) && one.brokenEquations.length === 0 && one.broken === 0)

function statusText(status: ClusterStatus): string {
  const { nodes, free, seenFrom } = status
  const held = new Map<string | null, number>()
  for (const { node } of status.shards) held.set(node, (held.get(node) ?? 0) + 1)
  const count = nodes.length === 1 ? "one node" : `${nodes.length} nodes`
  const broken = nodes.flatMap((one) =>
    isSilent(one) ? [] : one.brokenEquations.map((sentence) => `${one.node}: ${sentence}`),
  )
  return [
    `${count}, seen from ${printable(seenFrom)}`,
    "",
    textTable(
      header,
      nodes.map((one) => rowOf(one, held.get(one.node) ?? 0)),
    ),
    "",
    free.length === 0 ? "every shard has an owner" : `without an owner: shard ${shardsNamed(free)}`,
    broken.length === 0 ? "equations hold" : `equations broken: ${broken.join("; ")}`,
  ].join("\n")
}

const header = [
  "node",
  "standing",
  "release",
  "weight",
  "shards",
  "open",
  "moving",
  "broken",
  "actors",
  "waiting",
  "handled",
  "refused",
]

const rowOf = (one: NodeReport | Silent, held: number) =>
  isSilent(one)
    ? [one.node, "silent", "", one.weight, held, "", "", "", "", "", "", ""]
    : [
        one.node,
        one.standing,
        one.release,
        one.weight,
        held,
        one.open,
        one.moving,
        one.broken,
        one.actors,
        one.pending,
        one.handled,
        one.refused,
      ]
