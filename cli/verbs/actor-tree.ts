/** `intelgraph actor tree`: who has started whom, node by node. */
import * as Effect from "effect/Effect"
import { actorRowsMax, actorsShownDefault } from "../../protocols/limits.ts"
import type { ActorRow } from "../cluster/actor-rows.ts"
import { reachCluster } from "../cluster/client.ts"
import { tellSilent } from "../cluster/told.ts"
import { wholeNumber } from "../readers.ts"
import { figure, printable } from "../text-table.ts"
import { attemptInvalid, exit, isOn, type RunVerb, textFlag } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const cluster = yield* reachCluster(given, io)
    const first = yield* attemptInvalid(() =>
      wholeNumber(1, actorRowsMax)(textFlag(given, "first") ?? `${actorsShownDefault}`, "--first"),
    )
    const node = textFlag(given, "node")
    const seen = yield* cluster.actors
    const rows = seen.actors.filter((row) => node === undefined || row.node === node)
    const shown = rows.slice(0, first)
    const more = rows.length - shown.length + seen.untold
    if (isOn(given, "json")) {
      io.out(JSON.stringify({ nodes: forests(shown), more, silent: seen.silent }))
      return exit.done
    }
    let last: string | undefined
    for (const row of shown) {
      if (row.node !== last) io.out(`node ${printable(row.node)}`)
      last = row.node
      io.out(lineOf(row))
    }
    if (more > 0) io.tell(`intelgraph: ${more} more; --first shows more of them.`)
    tellSilent(io, seen.silent)
    return exit.done
  })

function lineOf(row: ActorRow): string {
  const waiting = row.depth + row.parked
  const facts = [
    row.state === "running" ? "" : row.state,
    row.restarts === 0 ? "" : `restarts ${figure(row.restarts)}`,
    waiting === 0 ? "" : `waiting ${figure(waiting)}`,
    `handled ${figure(row.handled)}`,
  ]
  const told = facts.filter((fact) => fact !== "").join(", ")
  return `${"  ".repeat(row.level + 1)}${printable(row.address)}  ${told}`
}

interface Tree extends ActorRow {
  readonly children: Tree[]
}

/** Rows in the order of the tree, as trees: a row is under the last one that is a level above. */
export function forests(
  rows: readonly ActorRow[],
): readonly { readonly node: string; readonly actors: readonly Tree[] }[] {
  const nodes = new Map<string, { readonly roots: Tree[]; readonly above: Tree[] }>()
  for (const row of rows) {
    const own = nodes.get(row.node) ?? { roots: [], above: [] }
    nodes.set(row.node, own)
    const tree = { ...row, children: [] }
    own.above.length = Math.min(row.level, own.above.length)
    const parent = own.above.at(-1)
    if (parent === undefined) own.roots.push(tree)
    else parent.children.push(tree)
    own.above.push(tree)
  }
  return [...nodes].map(([node, { roots }]) => ({ node, actors: roots }))
}
