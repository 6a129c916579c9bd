/** `intelgraph actor ls`: the actors of all nodes, by address. */
import * as Effect from "effect/Effect"
import { actorRowsMax, actorsShownDefault } from "../../protocols/limits.ts"
import type { ActorRow } from "../cluster/actor-rows.ts"
import { reachCluster } from "../cluster/client.ts"
import { byName } from "../cluster/rated.ts"
import { tellSilent } from "../cluster/told.ts"
import { wholeNumber } from "../readers.ts"
import { textTable } from "../text-table.ts"
import { attemptInvalid, exit, isOn, type RunVerb, textFlag } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const cluster = yield* reachCluster(given, io)
    const first = yield* attemptInvalid(() =>
      wholeNumber(1, actorRowsMax)(textFlag(given, "first") ?? `${actorsShownDefault}`, "--first"),
    )
    const [node, kind, state] = ["node", "kind", "state"].map((name) => textFlag(given, name))
    const seen = yield* cluster.actors
    const actors = seen.actors
      .filter(
        (row) =>
          (node === undefined || row.node === node) &&
          (kind === undefined || row.kind === kind) &&
          (state === undefined || row.state === state),
      )
      .sort(byName)
    const more = Math.max(0, actors.length - first) + seen.untold
    const shown = actors.slice(0, first)
    if (isOn(given, "json")) {
      io.out(JSON.stringify({ actors: shown, more, silent: seen.silent }))
      return exit.done
    }
    if (shown.length > 0) io.out(textTable(header, shown.map(rowOf)))
    else io.tell("intelgraph: There is no such actor.")
    if (more > 0) io.tell(`intelgraph: ${more} more; --first shows more of them.`)
    tellSilent(io, seen.silent)
    return exit.done
  })

const header = ["node", "actor", "state", "restarts", "waiting", "in turn", "handled", "refused"]

const rowOf = (row: ActorRow) => [
  row.node,
  row.address,
  row.state,
  row.restarts,
  row.depth + row.parked,
  row.inTurn,
  row.handled,
  row.refused,
]
