/**
 * Entry of the thread that writes to Neo4j. Takes guards beside the rest, which it takes in order;
 * commits that come while a transaction is under way share the next one, up to `commitRecordsMax`
 * records. The next one is decided while the server is still at work on the one before, where that
 * needs nothing of the server but numbers of new types (`foresight.ts`).
 */
import { setImmediate as breath } from "node:timers/promises"
import { parentPort, workerData } from "node:worker_threads"
import { invariant } from "../../../protocols/errors.ts"
import { commitRecordsMax, foreseenRecordsMin } from "../../../protocols/limits.ts"
import { type Answer, decodeBlock, type Request, type WireBlock } from "../../graph/write/wire.ts"
import { failureOf } from "./failure.ts"
import type { Foreseen } from "./foresight.ts"
import { gatherWrites } from "./gathered-writes.ts"
import { GuardLine } from "./guard-line.ts"
import { Neo4jWriter, type WriterSettings } from "./writer.ts"

type Commit = Request & { readonly kind: "commit" }
type InOrder = Exclude<Request, { readonly kind: "guard" }>

const port = parentPort
invariant(port !== null, "The graph writer runs in a thread of its own.")
gatherWrites()
const writer = new Neo4jWriter(workerData as WriterSettings)
const guards = new GuardLine(new Neo4jWriter(workerData as WriterSettings), answer)
/** As many as the node's side lets through. */
const waiting: InOrder[] = []
let isWorking = false
/** All of the commit under way is on its way to the server. */
let isSent = false
/** Commits that are begun with already, and come next. */
let coming: Promise<Group> | undefined

/** Commits of one transaction. */
interface Group {
  readonly requests: readonly Commit[]
  readonly blocks?: readonly (readonly WireBlock[])[]
  readonly foreseen?: Foreseen | undefined
}

port.on("message", (request: Request) => {
  if (request.kind === "guard") return guards.ask(request)
  guards.clearWhile(() => isWorking)
  waiting.push(request)
  if (isWorking) lookAhead()
  else void work()
})

async function work(): Promise<void> {
  isWorking = true
  while (coming !== undefined || waiting.length > 0) {
    const group = await coming
    coming = undefined
    if (group !== undefined) await commit(group)
    else await next()
  }
  isWorking = false
  writer.rest()
}

async function next(): Promise<void> {
  const first = waiting.shift()
  if (first?.kind === "commit") await commit({ requests: groupFrom(first) })
  else if (first !== undefined) await single(first)
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

/** Begins with what comes next while the server is at work, where that is worth a share of it. */
function lookAhead(): void {
  const [first] = waiting
  if (!isSent || coming !== undefined || first?.kind !== "commit") return
  let records = 0
  for (const request of waiting) if (request.kind === "commit") records += request.records
  if (records < foreseenRecordsMin) return
  waiting.shift()
  coming = ahead(groupFrom(first))
}

async function ahead(requests: readonly Commit[]): Promise<Group> {
  try {
    // What is on its way leaves first.
    await breath()
    const blocks: WireBlock[][] = []
    for (const request of requests) {
      const own: WireBlock[] = []
      for (const bytes of request.blocks) {
        own.push(decodeBlock(bytes))
        await breath()
      }
      blocks.push(own)
    }
    return { requests, blocks, foreseen: await writer.foresee(blocks.flat()) }
  } catch {
    // It is done again when its turn comes, and told then.
    return { requests }
  }
}

async function commit({ requests, blocks: early, foreseen }: Group): Promise<void> {
  try {
    const blocks = early ?? requests.map((request) => request.blocks.map(decodeBlock))
    const outcomes = await writer.commit(blocks.flat(), foreseen, () => {
      isSent = true
      lookAhead()
    })
    isSent = false
    let at = 0
    for (const [i, { id }] of requests.entries()) {
      const count = blocks[i]?.length ?? 0
      const changed = i === 0 ? writer.changed : []
      answer({ id, kind: "committed", outcomes: outcomes.slice(at, at + count), changed })
      at += count
    }
  } catch (cause) {
    isSent = false
    const failure = failureOf(cause)
    for (const { id } of requests) answer({ id, kind: "failed", failure })
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
