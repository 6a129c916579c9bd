/**
 * Entry of the thread that writes to Neo4j. Takes guards beside the rest, which it takes in order;
 * commits that come while a transaction is under way share the next one, up to `commitRecordsMax`
 * records.
 */
import { parentPort, workerData } from "node:worker_threads"
import { invariant } from "../../../protocols/errors.ts"
import { commitRecordsMax } from "../../../protocols/limits.ts"
import { type Answer, decodeBlock, type Request } from "../../graph/write/wire.ts"
import { failureOf } from "./failure.ts"
import { GuardLine } from "./guard-line.ts"
import { Neo4jWriter, type WriterSettings } from "./writer.ts"

type Commit = Request & { readonly kind: "commit" }
type InOrder = Exclude<Request, { readonly kind: "guard" }>

const port = parentPort
invariant(port !== null, "The graph writer runs in a thread of its own.")
const writer = new Neo4jWriter(workerData as WriterSettings)
const guards = new GuardLine(new Neo4jWriter(workerData as WriterSettings), answer)
/** As many as the node's side lets through. */
const waiting: InOrder[] = []
let isWorking = false

port.on("message", (request: Request) => {
  if (request.kind === "guard") return guards.ask(request)
  waiting.push(request)
  if (!isWorking) void work()
})

async function work(): Promise<void> {
  isWorking = true
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (next.kind !== "commit") await single(next)
    else await commit(groupFrom(next))
  }
  isWorking = false
}

function groupFrom(first: Commit): readonly Commit[] {
  const group = [first]
  let records = first.records
  for (let next = waiting[0]; next?.kind === "commit"; next = waiting[0]) {
    if (records + next.records > commitRecordsMax) break
    records += next.records
    group.push(next)
    waiting.shift()
  }
  return group
}

async function commit(group: readonly Commit[]): Promise<void> {
  try {
    const blocks = group.map((request) => request.blocks.map(decodeBlock))
    const outcomes = await writer.commit(blocks.flat())
    let at = 0
    for (const [i, { id }] of group.entries()) {
      const count = blocks[i]?.length ?? 0
      const changed = i === 0 ? writer.changed : []
      answer({ id, kind: "committed", outcomes: outcomes.slice(at, at + count), changed })
      at += count
    }
  } catch (cause) {
    const failure = failureOf(cause)
    for (const { id } of group) answer({ id, kind: "failed", failure })
  }
}

async function single(request: Exclude<InOrder, Commit>): Promise<void> {
  const { id } = request
  try {
    switch (request.kind) {
      case "configure":
        await writer.configureSource(request.tenant, request.source, request.priority)
        answer({ id, kind: "done", changed: writer.changed })
        return
      case "settle": {
        const letters = await writer.settleLetters(request.tenant, request.letters)
        answer({ id, kind: "settled", letters })
        return
      }
      case "close":
        try {
          await Promise.all([writer.close(), guards.close()])
        } finally {
          port?.close()
        }
    }
  } catch (cause) {
    answer({ id, kind: "failed", failure: failureOf(cause) })
  }
}

function answer(message: Answer): void {
  port?.postMessage(message)
}
