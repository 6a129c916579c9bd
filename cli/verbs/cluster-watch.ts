/** `intelgraph cluster watch`: nodes that come, change and go, and shards that move, as they do. */
import * as Effect from "effect/Effect"
import { changesKeptMax, clusterLookMillis } from "../../protocols/limits.ts"
import { type ClusterChange, changesOf } from "../cluster/changes.ts"
import { reachCluster } from "../cluster/client.ts"
import type { ClusterStatus } from "../cluster/over.ts"
import { sentenceOf } from "../failure.ts"
import { wholeNumber } from "../readers.ts"
import { printable } from "../text-table.ts"
import { attemptInvalid, exit, isOn, type RunVerb, textFlag } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const cluster = yield* reachCluster(given, io)
    const firstFlag = textFlag(given, "first")
    const first = yield* attemptInvalid(() =>
      firstFlag === undefined
        ? Number.POSITIVE_INFINITY
        : wholeNumber(1, changesKeptMax)(firstFlag, "--first"),
    )
    let before: ClusterStatus | undefined
    let told = 0
    let isAway = false
    const look = Effect.gen(function* () {
      const now = yield* cluster.status
      isAway = false
      for (const change of changesOf(before, now)) {
        if (told === first) break
        told += 1
        io.out(isOn(given, "json") ? JSON.stringify(change) : textOf(change))
      }
      before = now
    })
    // A node that starts anew is watched again; one that was never there is told at once.
    const patient = Effect.catchTag(look, "Unavailable", (error) => {
      if (before === undefined) return Effect.fail(error)
      if (!isAway) io.tell(sentenceOf(error))
      isAway = true
      return Effect.void
    })
    const watching = Effect.gen(function* () {
      yield* patient
      if (before !== undefined) io.tell("intelgraph: Watching; Ctrl-C ends it.")
      while (told < first) {
        yield* Effect.sleep(clusterLookMillis)
        yield* patient
      }
    })
    yield* Effect.raceFirst(watching, io.interrupted)
    return exit.done
  })

function textOf(change: ClusterChange): string {
  switch (change.kind) {
    case "node":
      return `node ${printable(change.node)}: ${change.standing}`
    case "node-gone":
      return `node ${printable(change.node)} is gone`
    case "shard": {
      const { shard, from, to, epoch } = change
      const who = (node: string | null) => (node === null ? "nobody" : printable(node))
      return `shard ${shard}: ${who(from)} -> ${who(to)}${epoch === null ? "" : `, epoch ${epoch}`}`
    }
  }
}
