/** Commits blocks of fifty records for ever and prints the sequence of each, until it is killed. */
import { writeSync } from "node:fs"
import * as Effect from "effect/Effect"
import { openGraphStore } from "../../stores/index.ts"
import { runMain } from "../support/run-main.ts"
import { block, thing } from "./records.ts"

const perBlock = 50
const path = process.argv[2] ?? ""

runMain(
  Effect.gen(function* () {
    const { sink } = yield* openGraphStore({ path })
    for (let sequence = 1; ; sequence++) {
      const firstOrdinal = (sequence - 1) * perBlock
      const records = Array.from({ length: perBlock }, (_, i) => thing(`k${firstOrdinal + i}`))
      yield* sink.commit([block(sequence, records, { firstOrdinal })])
      writeSync(1, `${sequence}\n`)
    }
  }),
)
