/**
 * A node for tests that kill and pause processes: it answers others over real servers. It tells on
 * stderr, a line of JSON each, what it begins and how that ends.
 */
import * as Effect from "effect/Effect"
import { openBroker } from "../../runtime/adapters/jetstream/connection.ts"
import { makeNodeHost, openPeers, type PeerHandlers } from "../../runtime/index.ts"
import { runMain } from "./run-main.ts"

const [servers = "", name = "", node = ""] = process.argv.slice(2)

const tell = (told: object) => process.stderr.write(`${JSON.stringify(told)}\n`)

/** What is told of a request: that it was begun, and how it ended. */
const watched = <A, E>(what: string, payload: unknown, work: Effect.Effect<A, E>) =>
  Effect.suspend(() => {
    tell({ event: "begun", what, payload })
    return Effect.onExit(work, ({ _tag }) =>
      Effect.sync(() => tell({ event: "ended", what, payload, how: _tag })),
    )
  })

const handlers: PeerHandlers = {
  pid: () => Effect.succeed(process.pid),
  work: (payload) => watched("work", payload, Effect.never),
  count: (payload, { emit }) => {
    let n = 0
    return watched("count", payload, Effect.forever(Effect.suspend(() => emit(n++))))
  },
}

runMain(
  Effect.gen(function* () {
    const { broker } = yield* openBroker({ servers })
    const own = { node, incarnation: `i${process.pid}` }
    const peers = yield* openPeers(broker, { own, name, host: makeNodeHost() })
    yield* peers.serve(handlers)
    tell({ event: "ready" })
    return yield* Effect.never
  }),
)
