/** `intelgraph actor ls`: the actors of all nodes, by address. */
import * as Effect from "effect/Effect"
import { Invalid } from "../../protocols/errors.ts"
import { actorRowsMax, actorsShownDefault } from "../../protocols/limits.ts"
import { type ActorRow, actorStates } from "../cluster/actor-rows.ts"
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
    const [node, kind] = ["node", "kind"].map((name) => textFlag(given, name))
    const state = yield* attemptInvalid(() => stateOf(textFlag(given, "state")))
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

/** Throws `Invalid`. */
function stateOf(text: string | undefined): ActorRow["state"] | undefined {
  const state = actorStates.find((one) => one === text)
  if (text === undefined || state !== undefined) return state
  const shown = JSON.stringify(text.slice(0, 80))
  throw new Invalid({
    what: "state",
    message: `--state is ${shown}; it is one of ${actorStates.join(", ")}.`,
  })
}

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
