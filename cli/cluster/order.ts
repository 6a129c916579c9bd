/** `node drain`, `node cordon` and `node serve`: an order that reaches the node wherever it is. */
import * as Effect from "effect/Effect"
import type { IntelGraphError } from "../../protocols/errors.ts"
import { clusterLookMillis } from "../../protocols/limits.ts"
import type { Io } from "../io.ts"
import { printable } from "../text-table.ts"
import { exit, type Given, isOn } from "../verb.ts"
import { type Cluster, reachCluster } from "./client.ts"

const done = {
  drain: "hands its shards over, one by one, and takes no more",
  cordon: "keeps its shards and takes no more",
  serve: "takes its share of the shards",
} as const

export const giveOrder = (given: Given, io: Io, order: keyof typeof done) =>
  Effect.gen(function* () {
    const [node = ""] = given.words
    const cluster = yield* reachCluster(given, io)
    yield* cluster.order(node, order)
    const told = { node, order }
    if (!isOn(given, "wait")) {
      io.out(isOn(given, "json") ? JSON.stringify(told) : `${printable(node)} ${done[order]}.`)
      return exit.done
    }
    io.tell(`intelgraph: ${printable(node)} ${done[order]}; waiting until it has none.`)
    yield* Effect.raceFirst(untilEmpty(cluster, node), io.interrupted)
    const left = yield* shardsOf(cluster, node)
    if (isOn(given, "json")) io.out(JSON.stringify({ ...told, shards: left }))
    else if (left === 0) io.out(`${printable(node)} has handed all its shards over.`)
    else io.out(`${printable(node)} still has ${left} shards.`)
    return left === 0 ? exit.done : exit.failed
  })

const untilEmpty = (cluster: Cluster, node: string): Effect.Effect<void, IntelGraphError> =>
  Effect.flatMap(shardsOf(cluster, node), (left) =>
    left === 0
      ? Effect.void
      : Effect.andThen(Effect.sleep(clusterLookMillis), untilEmpty(cluster, node)),
  )

/** What the node holds. It ends when it holds nothing, and with it perhaps the socket. */
const shardsOf = (cluster: Cluster, node: string): Effect.Effect<number, IntelGraphError> =>
  cluster.status.pipe(
    Effect.map(({ shards }) => shards.filter((one) => one.node === node).length),
    Effect.catchTag("Unavailable", () => Effect.succeed(0)),
  )
