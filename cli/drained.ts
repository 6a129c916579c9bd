/** The end of a node that was told to drain: others have its shards, and its writes. */
import * as Effect from "effect/Effect"
import type { IntelNode, Ports } from "../actors/index.ts"
import { drainedWritesMillisMax, writeLookMillisMax } from "../protocols/limits.ts"
import type { Io } from "./io.ts"
import { exit } from "./verb.ts"

interface Drained {
  readonly node: Pick<IntelNode, "placement">
  readonly ports: Pick<Ports, "spool">
}

/**
 * The exit code, when it may end. Shards go first: writes follow their sources, and those that
 * nobody takes, or that do not go on, are told of, since their bytes are nowhere else.
 */
export const drained = (
  { node: { placement }, ports: { spool } }: Drained,
  io: Pick<Io, "tell">,
  writesMillisMax: number = drainedWritesMillisMax,
): Effect.Effect<number> => {
  if (placement === undefined) return Effect.never
  const waiting = () => spool?.kept().length ?? 0
  const untilNone: Effect.Effect<void> = Effect.suspend(() =>
    waiting() === 0
      ? Effect.void
      : Effect.andThen(Effect.sleep(Math.min(writeLookMillisMax, writesMillisMax)), untilNone),
  )
  return Effect.gen(function* () {
    yield* placement.left
    yield* Effect.timeoutOption(untilNone, writesMillisMax)
    const count = waiting()
    if (count === 0) {
      io.tell("intelgraph: Drained: others have what this node had. It ends.")
      return exit.done
    }
    const writes = count === 1 ? "1 write" : `${count} writes`
    io.tell(`intelgraph: Others have this node's shards, and ${writes} that it took are not over.`)
    io.tell("Their bytes are in spool/ of its data directory; they go on when it starts anew.")
    return exit.failed
  })
}
