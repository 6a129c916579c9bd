/** `intelgraph actor get`: one actor, wherever it is. */
import * as Effect from "effect/Effect"
import { formatAddress, parseAddress } from "../../protocols/address.ts"
import { NotFound } from "../../protocols/errors.ts"
import { actorTextLengthMax } from "../../protocols/limits.ts"
import type { ActorRow } from "../cluster/actor-rows.ts"
import { reachCluster } from "../cluster/client.ts"
import { tellSilent } from "../cluster/told.ts"
import { figure, printable } from "../text-table.ts"
import { attemptInvalid, exit, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const [word = ""] = given.words
    const asked = yield* attemptInvalid(() => parseAddress(word))
    const address = formatAddress(asked)
    const cluster = yield* reachCluster(given, io)
    const seen = yield* cluster.actorsOf(asked.tenant)
    const found = seen.actors.filter((row) => row.address === address.slice(0, actorTextLengthMax))
    if (found.length === 0) return yield* Effect.fail(nobody(address, seen.silent.length))
    if (isOn(given, "json")) io.out(JSON.stringify({ actors: found, silent: seen.silent }))
    else {
      for (const row of found) io.out(`${textOf(row)}\n`)
      tellSilent(io, seen.silent)
    }
    return exit.done
  })

const nobody = (address: string, silent: number) =>
  new NotFound({
    what: "actor",
    message:
      `There is no actor ${printable(address)} in memory` +
      `${silent === 0 ? "" : ` of the nodes that answer; ${silent} do not`}.`,
    next: "`intelgraph actor ls` lists them; virtual ones of a kind are one, with the key *.",
  })

const textOf = (row: ActorRow): string =>
  [
    `${printable(row.address)} on ${printable(row.node)}: ${row.state}`,
    `  restarts ${figure(row.restarts)}`,
    `  waiting ${figure(row.depth)}, in turn ${figure(row.inTurn)}, parked ${figure(row.parked)}`,
    `  handled ${figure(row.handled)}, refused ${figure(row.refused)}, ` +
      `dead-lettered ${figure(row.deadLettered)}, expired ${figure(row.expired)}, ` +
      `shed ${figure(row.shed)}`,
    ...(row.lastError === null ? [] : [`  last error: ${printable(row.lastError)}`]),
  ].join("\n")
