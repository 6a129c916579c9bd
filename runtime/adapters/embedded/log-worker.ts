/**
 * The thread that writes `log.db`. It takes one batch at a time, answers it as a whole, and ends at
 * the first error that is not a block's own: what comes after would stand on something that is not
 * there.
 */
import { parentPort, workerData } from "node:worker_threads"
import { Damaged, type LogTables, openLogTables, sqliteCorrupt } from "./log-tables.ts"
import type { FromWriter, Result, ToWriter, WireError, WriterOptions } from "./wire.ts"

const port = parentPort
if (port !== null)
  serve(workerData as WriterOptions, (message, transfer) => port.postMessage(message, transfer))

type Send = (message: FromWriter, transfer: ArrayBuffer[]) => void

function serve(options: WriterOptions, send: Send): void {
  const tables = guarded(send, () => openLogTables(options))
  if (tables === undefined) return
  send({ kind: "opened", log: tables.opened }, [])
  port?.on("message", (message: ToWriter) => {
    if (message.kind === "close") {
      guarded(send, () => tables.close())
      send({ kind: "closed" }, [])
      port.close()
      return
    }
    const results = guarded(send, () => tables.apply(message.operations))
    if (results !== undefined) send({ kind: "batch", results }, results.flatMap(buffersOf))
    else end(tables)
  })
}

function end(tables: LogTables): void {
  tables.close()
  port?.close()
}

function guarded<A>(send: Send, work: () => A): A | undefined {
  try {
    return work()
  } catch (error) {
    send({ kind: "failed", error: wireErrorOf(error) }, [])
    return undefined
  }
}

function buffersOf(result: Result): readonly ArrayBuffer[] {
  return result.kind === "block" && result.block.buffer instanceof ArrayBuffer
    ? [result.block.buffer]
    : []
}

function wireErrorOf(error: unknown): WireError {
  if (error instanceof Damaged) {
    const { partition, sequence, message } = error
    return { code: sqliteCorrupt, message, damaged: { partition, sequence } }
  }
  const code = error instanceof Error && "errcode" in error ? Number(error.errcode) : 1
  return { code, message: error instanceof Error ? error.message : String(error) }
}
