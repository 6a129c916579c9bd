/**
 * Entry of the writer's thread. Takes requests in order; commits that wait one behind the other
 * share a transaction of up to `commitRecordsMax` records, so that one flush to disk serves them
 * all.
 */
import { DatabaseSync } from "node:sqlite"
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads"
import { invariant } from "../../../protocols/errors.ts"
import { commitRecordsMax } from "../../../protocols/limits.ts"
import type { Answer, Request } from "../../graph/write/wire.ts"
import { decodeBlock } from "../../graph/write/wire.ts"
import { failureOf } from "./failure.ts"
import { GraphWriter } from "./writer.ts"
import type { WriterSettings } from "./writer-thread.ts"

type Commit = Request & { readonly kind: "commit" }

const port = parentPort
invariant(port !== null, "The graph writer runs in a thread of its own.")
const settings = workerData as WriterSettings
const db = new DatabaseSync(settings.path)
for (const pragma of settings.pragmas) db.exec(pragma)
const writer = new GraphWriter(db, settings.retention)

port.on("message", (first: Request) => {
  let next: Request | undefined = first
  while (next !== undefined) {
    if (next.kind !== "commit") {
      single(next)
      next = received()
      continue
    }
    const group: Commit[] = [next]
    let records = next.records
    next = received()
    while (next?.kind === "commit" && records + next.records <= commitRecordsMax) {
      group.push(next)
      records += next.records
      next = received()
    }
    commit(group)
  }
})

const received = (): Request | undefined =>
  port === null ? undefined : receiveMessageOnPort(port)?.message

function commit(group: readonly Commit[]): void {
  try {
    const blocks = group.map((request) => request.blocks.map(decodeBlock))
    const outcomes = writer.commit(blocks.flat())
    let at = 0
    for (let i = 0; i < group.length; i++) {
      const count = blocks[i]?.length ?? 0
      const changed = i === 0 ? writer.changed : []
      const own = outcomes.slice(at, at + count)
      answer({ id: idOf(group[i]), kind: "committed", outcomes: own, changed })
      at += count
    }
  } catch (cause) {
    const failure = failureOf(cause)
    for (const request of group) answer({ id: request.id, kind: "failed", failure })
  }
}

function single(request: Exclude<Request, Commit>): void {
  const { id } = request
  try {
    switch (request.kind) {
      case "guard":
        answer({ id, kind: "guard", answer: writer.guard(request.logId, request.guards) })
        return
      case "configure":
        writer.configureSource(request.tenant, request.source, request.priority)
        answer({ id, kind: "done", changed: writer.changed })
        return
      case "settle": {
        const letters = writer.settleLetters(request.tenant, request.letters)
        answer({ id, kind: "settled", letters })
        return
      }
      case "close":
        try {
          db.close()
        } finally {
          port?.close()
        }
    }
  } catch (cause) {
    answer({ id, kind: "failed", failure: failureOf(cause) })
  }
}

const idOf = (request: Commit | undefined): number => request?.id ?? 0

function answer(message: Answer): void {
  port?.postMessage(message)
}
