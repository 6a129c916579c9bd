/**
 * A node's sink of its own process: commits one block after the other to the store that its
 * arguments name, and prints each one's outcome.
 */
import * as Effect from "effect/Effect"
import { openPostgresGraph } from "../../stores/index.ts"
import { block, thing } from "../stores/records.ts"
import { run } from "./run.ts"

const [url = "", schema = "", epoch = "1"] = process.argv.slice(2)
const records = (n: number) => Array.from({ length: 50 }, (_, i) => thing(`k${n}-${i}`))

await run(
  Effect.scoped(
    Effect.gen(function* () {
      const { sink } = yield* openPostgresGraph({ url, schema })
      for (let n = 1; ; n++) {
        const one = block(n, records(n), { epoch: Number(epoch), firstOrdinal: n * 100 })
        const answer = yield* Effect.exit(sink.commit([one]))
        const outcome = answer._tag === "Success" ? answer.value[0]?.kind : "failed"
        process.stdout.write(`${outcome}\n`)
        if (outcome === "fenced") return
        if (outcome === "failed") n--
      }
    }),
  ),
)
