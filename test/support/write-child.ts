/**
 * Makes writes in a process of its own, which ends itself with SIGKILL at the n-th call of a port's
 * method, or is killed from outside. Prints `took KEY` when a write is acknowledged, `committed N`
 * after each commit, and `done {…}` at its end.
 *
 *     node test/support/write-child.ts REQUEST.json
 */
import { readFileSync, writeSync } from "node:fs"
import * as Effect from "effect/Effect"
import type { Ports } from "../../actors/index.ts"
import type { SpoolShape } from "../../actors/spool.ts"
import { invariant } from "../../protocols/errors.ts"
import { openEmbeddedNode } from "./embedded-node.ts"
import { type CallPoint, watched } from "./faults.ts"
import { settled } from "./node-world.ts"
import { runMain } from "./run-main.ts"
import { receiptOf, spooled, took, type Written } from "./writes.ts"

export interface WriteChildRequest {
  readonly path: string
  readonly writes: readonly Written[]
  /** Keys that were acknowledged before: these are not sent again. */
  readonly took: readonly string[]
  readonly kill?: CallPoint
}

const request = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as WriteChildRequest
const say = (line: string) => writeSync(1, `${line}\n`)
const calls = new Map<string, number>()

const see = (point: CallPoint): void => {
  const { kill } = request
  calls.set(`${point.port}.${point.method}`, point.call)
  if (kill === undefined || kill.port !== point.port || kill.method !== point.method) return
  if (kill.when === point.when && kill.call === point.call) process.kill(process.pid, "SIGKILL")
}

let arrivals = 0

const watchedSpool = (spool: SpoolShape): SpoolShape => {
  const seen = watched("spool", spool, see)
  return {
    pathOf: (kept) => spool.pathOf(kept),
    has: (kept) => spool.has(kept),
    bytesOf: (kept) => spool.bytesOf(kept),
    kept: () => spool.kept(),
    remove: (kept) => seen.remove(kept),
    receive: (tenant) =>
      Effect.map(seen.receive(tenant), (arriving) => {
        const call = ++arrivals
        // Each has methods of its own; they are counted together.
        const at = (point: CallPoint) => see({ ...point, call })
        const { append, flush, keep } = watched("arriving", arriving, at)
        return {
          append,
          flush,
          keep,
          read: (offset, length) => arriving.read(offset, length),
          bytes: () => arriving.bytes(),
          hash: () => arriving.hash(),
        }
      }),
  }
}

function countingCommits(sink: Ports["sink"]): Ports["sink"] {
  let committed = 0
  return {
    ...sink,
    commit: (blocks) =>
      Effect.tap(sink.commit(blocks), () => Effect.sync(() => say(`committed ${++committed}`))),
  }
}

const wrap = (ports: Ports): Ports => {
  invariant(ports.spool !== undefined, "The node has a spool.")
  return {
    ...ports,
    log: watched("log", ports.log, see),
    state: watched("state", ports.state, see),
    sink: watched("sink", countingCommits(ports.sink), see),
    spool: watchedSpool(ports.spool),
  }
}

runMain(
  Effect.gen(function* () {
    const { path, writes } = request
    const running = yield* openEmbeddedNode(path, { wrap, tenants: ["demo"] })
    for (const write of writes) {
      if (request.took.includes(write.key)) continue
      yield* took(running, write)
      say(`took ${write.key}`)
    }
    const receipts = yield* Effect.forEach(writes, ({ key }) => receiptOf(running, key))
    yield* settled(running)
    const hash = yield* running.ports.reads.graphHash("demo")
    const sources = yield* running.ports.reads.sources("demo")
    const broken = running.node.brokenEquations()
    const left = spooled(path)
    const ended = { receipts, hash, sources, broken, left, calls: Object.fromEntries(calls) }
    say(`done ${JSON.stringify(ended)}`)
  }),
)
