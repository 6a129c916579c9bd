/**
 * Ingests in a process of its own, which a test kills: from outside, or, where it asks for it, at
 * the n-th call of a port's method. Prints `committed N` after each commit, `read N` with the
 * records that went into partitions, and `done {…}` at its end.
 *
 *     node test/support/ingest-child.ts '{"path": …, "jobs": […], "kill": {…}}'
 */
import { writeSync } from "node:fs"
import * as Effect from "effect/Effect"
import type { Ports } from "../../actors/index.ts"
import { shutdownMillisMax } from "../../protocols/limits.ts"
import { ingestAll, type Job, openEmbeddedNode } from "./embedded-node.ts"
import { type CallPoint, watched } from "./faults.ts"
import { runMain } from "./run-main.ts"

export interface ChildRequest {
  readonly path: string
  readonly jobs: readonly Job[]
  /** The process ends itself here with SIGKILL. */
  readonly kill?: CallPoint
}

const request = JSON.parse(process.argv[2] ?? "{}") as ChildRequest
const say = (line: string) => writeSync(1, `${line}\n`)
const calls = new Map<string, number>()

const see = (point: CallPoint): void => {
  const { kill } = request
  calls.set(`${point.port}.${point.method}`, point.call)
  if (kill !== undefined && same(kill, point)) process.kill(process.pid, "SIGKILL")
}

const wrap = (ports: Ports): Ports => ({
  ...ports,
  log: watched("log", ports.log, see),
  state: watched("state", ports.state, see),
  sources: watched("sources", ports.sources, see),
  sink: watched("sink", countingCommits(ports.sink), see),
  reads: ports.reads,
})

function countingCommits(sink: Ports["sink"]): Ports["sink"] {
  let committed = 0
  return {
    ...sink,
    commit: (blocks) =>
      Effect.tap(sink.commit(blocks), (outcomes) =>
        Effect.sync(() => {
          committed += outcomes.filter((outcome) => outcome.kind === "applied").length
          say(`committed ${committed}`)
        }),
      ),
  }
}

const same = (a: CallPoint, b: CallPoint): boolean =>
  a.port === b.port && a.method === b.method && a.when === b.when && a.call === b.call

runMain(
  Effect.gen(function* () {
    const running = yield* openEmbeddedNode(request.path, { wrap })
    const reports = yield* ingestAll(running, request.jobs)
    const drained = yield* running.node.drain(shutdownMillisMax)
    const hash = yield* running.ports.reads.graphHash("demo")
    const sources = yield* running.ports.reads.sources("demo")
    const tails = yield* running.ports.log.tails
    const broken = running.node.brokenEquations()
    const ended = {
      drained,
      reports,
      hash,
      sources,
      tails,
      broken,
      calls: Object.fromEntries(calls),
    }
    say(`done ${JSON.stringify(ended)}`)
  }),
)
