/**
 * A process that owns a shard of a log on JetStream: takes blocks, acknowledges the first, says
 * so on stderr, and goes on pulling; then what ended that, and what came of acknowledging late.
 */
import { writeSync } from "node:fs"
import * as Effect from "effect/Effect"
import { type Delivery, openJetStream } from "../../runtime/index.ts"
import { run } from "./run.ts"

const [servers = "", name = "", shard = "", count = ""] = process.argv.slice(2)
const plenty = 2 ** 30

const say = (line: string) => Effect.sync(() => writeSync(2, `${line}\n`))

const main = Effect.gen(function* () {
  const { log, state } = yield* openJetStream({ servers, name })
  const [owner] = yield* state.claim([Number(shard)])
  if (owner === undefined) return
  yield* log.open(owner)
  yield* say("opened")
  const taken: Delivery[] = []
  while (taken.length < Number(count)) taken.push(...(yield* log.pull(owner, plenty)))
  yield* log.acknowledge(owner, taken.slice(0, 1))
  yield* say(`took ${taken.map(({ sequence }) => sequence).join(",")}`)
  yield* Effect.catch(Effect.forever(log.pull(owner, plenty)), ({ _tag }) => say(`ended ${_tag}`))
  yield* Effect.catch(log.acknowledge(owner, taken), ({ _tag }) => say(`late ${_tag}`))
})

await run(Effect.scoped(main))
