/**
 * A process with one actor's durable state, which counts on until it is killed or fenced: over a
 * data directory, or over a log on JetStream. Its events say how far the count was, so that one
 * that is missing or doubled ends it. Says on stderr `found N` and, after each answer, `has N`.
 */
import { writeSync } from "node:fs"
import * as Effect from "effect/Effect"
import {
  type ActorStateShape,
  type DurableKind,
  openDataDirectory,
  openDurable,
  openEmbeddedLog,
  openJetStream,
} from "../../runtime/index.ts"
import { insisting } from "./log-flow.ts"
import { run } from "./run.ts"

const [where = "", name = ""] = process.argv.slice(2)
const shard = 7

const counting: DurableKind<{ readonly count: number }, number> = {
  kind: "count",
  version: 1,
  initial: { count: 0 },
  apply: ({ count }, from) => {
    if (from !== count) throw new Error(`an event at ${from}, and the count is ${count}`)
    return { count: count + 1 }
  },
  eventsPerSnapshotMax: 5,
}

const say = (line: string) => Effect.sync(() => writeSync(2, `${line}\n`))

const countOn = (state: ActorStateShape) =>
  Effect.gen(function* () {
    const address = { tenant: "demo", kind: "count", key: "a" }
    const [owner] = yield* insisting(state.claim([shard]))
    if (owner === undefined) return
    const durable = yield* insisting(openDurable(state, owner, address, counting))
    yield* say(`found ${durable.state.count}`)
    while (true) {
      const { count } = durable.state
      const events = Array.from({ length: 1 + (count % 3) }, (_, i) => count + i)
      yield* insisting(durable.persist(events))
      yield* say(`has ${durable.state.count}`)
    }
  })

const main = Effect.gen(function* () {
  const { state } = where.startsWith("nats://")
    ? yield* openJetStream({ servers: where, name })
    : yield* openEmbeddedLog(yield* openDataDirectory(where))
  yield* Effect.catchTag(countOn(state), "Fenced", () => say("ended Fenced"))
})

await run(Effect.scoped(main))
