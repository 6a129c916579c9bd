/**
 * The node of the ingest bench: the one that the command line makes, in a process of its own.
 *
 *     node bench/ingest/node.ts FILE DATA_DIRECTORY [RECORDS_PER_SECOND]
 */
import { dirname } from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import * as Effect from "effect/Effect"
import { parseMapping } from "../../actors/index.ts"
import { assemble } from "../../cli/assemble.ts"
import { loadSettings } from "../../cli/configuration.ts"
import { runMain } from "../../test/support/run-main.ts"
import { mappingYaml } from "./generate.ts"

const [file = "", dataDir = "", rate] = process.argv.slice(2)

runMain(
  Effect.gen(function* () {
    const given = { words: [], flags: {} }
    const place = { env: { INTELGRAPH_DATA_DIR: dataDir }, folder: dirname(dataDir) }
    const { node } = yield* assemble(yield* loadSettings(given, place))
    const mapping = yield* parseMapping(mappingYaml)
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const started = performance.now()
    const report = yield* node.ingest({
      tenant: "bench",
      source: "cve",
      format: "ndjson",
      mapping,
      file,
      again: "always",
      maxBadShare: 0,
      ...(rate === undefined ? {} : { ratePerSecondMax: Number(rate) }),
    })
    const seconds = (performance.now() - started) / 1000
    delay.disable()
    const measured = {
      seconds,
      records: report.counters.accepted,
      phase: report.phase,
      preStorageP95Millis: report.preStorageP95Millis,
      delayP99Millis: delay.percentile(99) / 1e6,
      peakMebibytes: process.resourceUsage().maxRSS / 1024,
      broken: node.brokenEquations(),
    }
    process.stdout.write(`${JSON.stringify(measured)}\n`)
  }),
)
