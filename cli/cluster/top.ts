/** `actor top` and `mailbox top`: the difference of two looks as rates, in an order. */
import * as Effect from "effect/Effect"
import {
  mailboxesShownDefault,
  pageSizeMax,
  rateMillisDefault,
  rateMillisMax,
} from "../../protocols/limits.ts"
import { millisOf } from "../duration.ts"
import type { Io } from "../io.ts"
import { wholeNumber } from "../readers.ts"
import { textTable } from "../text-table.ts"
import { attemptInvalid, exit, type Given, isOn, textFlag } from "../verb.ts"
import { reachCluster } from "./client.ts"
import type { ActorsSeen } from "./over.ts"
import { type RatedRow, rated } from "./rated.ts"
import { tellSilent } from "./told.ts"

export const top = (given: Given, io: Io, order: (a: RatedRow, b: RatedRow) => number) =>
  Effect.gen(function* () {
    const cluster = yield* reachCluster(given, io)
    const first = yield* attemptInvalid(() =>
      wholeNumber(1, pageSizeMax)(
        textFlag(given, "first") ?? `${mailboxesShownDefault}`,
        "--first",
      ),
    )
    const millis = yield* attemptInvalid(() => overOf(textFlag(given, "over")))
    let before = yield* cluster.actors
    const look = Effect.gen(function* () {
      const from = performance.now()
      yield* Effect.sleep(millis)
      const seen: ActorsSeen = yield* cluster.actors
      const rows = [...rated(before.actors, seen.actors, performance.now() - from)].sort(order)
      show(given, io, rows.slice(0, first), rows.length - first + seen.untold)
      tellSilent(io, seen.silent)
      before = seen
    })
    if (!isOn(given, "follow")) yield* look
    else yield* Effect.raceFirst(Effect.forever(look), io.interrupted)
    return exit.done
  })

function overOf(text: string | undefined): number {
  if (text === undefined) return rateMillisDefault
  return Math.min(millisOf(text, "--over"), rateMillisMax)
}

function show(given: Given, io: Io, rows: readonly RatedRow[], more: number): void {
  const untold = Math.max(0, more)
  if (isOn(given, "json")) return io.out(JSON.stringify({ actors: rows, more: untold }))
  io.out(textTable(header, rows.map(rowOf)))
  if (untold > 0) io.tell(`intelgraph: ${untold} more; --first shows more of them.`)
}

const header = [
  "node",
  "mailbox",
  "state",
  "depth",
  "in turn",
  "parked",
  "handled/s",
  "refused/s",
  "handled",
  "refused",
]

const rowOf = (row: RatedRow) => [
  row.node,
  row.address,
  row.state,
  row.depth,
  row.inTurn,
  row.parked,
  row.handledPerSecond,
  row.refusedPerSecond,
  row.handled,
  row.refused,
]
