/**
 * The main thread's side of the thread that writes `log.db`: collects what waits into one
 * transaction.
 *
 * Promises: operations are stored in the order of `submit`; `settle` is called once for each, after
 * its transaction is on stable storage. What may fail beneath: the transaction, the thread. Then
 * every operation that waits and every later one fails with the same error, because what was
 * decided after the lost one stands on it; the data directory is opened anew by a restart. One
 * batch is under way at a time, and what comes meanwhile waits for the next: a group commit without
 * a timer.
 */
import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { StoreFailed, Unavailable } from "../../../protocols/errors.ts"
import {
  logCallsWaitingMax,
  logCommitBytesMax,
  logCommitOperationsMax,
  retryMillisMax,
} from "../../../protocols/limits.ts"
import type { LogBroken } from "../../core/log.ts"
import { closed, logBrokenOf } from "./sqlite-errors.ts"
import type { FromWriter, OpenedLog, Operation, Result, WriterOptions } from "./wire.ts"

export type Settle = (outcome: Result | LogBroken) => void

interface Waiting {
  readonly operation: Operation
  readonly settle: Settle
}

export class LogWriter {
  readonly opened: OpenedLog
  readonly #path: string
  readonly #worker: Worker
  #waiting: Waiting[] = []
  #underWay: readonly Waiting[] = []
  #scheduled = false
  #failure: LogBroken | undefined
  readonly #failureListeners = new Set<(error: LogBroken) => void>()
  #onClosed: (() => void) | undefined

  constructor(path: string, worker: Worker, opened: OpenedLog) {
    this.#path = path
    this.#worker = worker
    this.opened = opened
    worker.on("message", (message: FromWriter) => this.#receive(message))
    worker.on("error", (error) => this.#fail(storeFailed(path, String(error))))
    worker.on("exit", () => this.#fail(storeFailed(path, "its writing thread ended")))
  }

  /** Why nothing can be stored any more. */
  get failure(): LogBroken | undefined {
    return this.#failure
  }

  /** Tells once, when nothing can be stored any more. */
  onFailure(listener: (error: LogBroken) => void): void {
    this.#failureListeners.add(listener)
  }

  /** Whether `submit` would take one more. */
  refusal(): LogBroken | undefined {
    if (this.#failure !== undefined) return this.#failure
    if (this.#waiting.length < logCallsWaitingMax) return undefined
    return new Unavailable({
      retryAfterMillis: retryMillisMax,
      message: `The log has ${logCallsWaitingMax} calls waiting for their transaction.`,
    })
  }

  submit(operation: Operation, settle: Settle): void {
    if (this.#failure !== undefined) {
      settle(this.#failure)
      return
    }
    this.#waiting.push({ operation, settle })
    if (this.#scheduled || this.#underWay.length > 0) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#send()
    })
  }

  /** Stores what waits, then closes the file and ends the thread. */
  close(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const ended = () => resume(Effect.void)
      if (this.#failure !== undefined) {
        this.#worker.terminate().then(ended, ended)
        return
      }
      this.#onClosed = () => {
        this.#onClosed = undefined
        this.#worker.terminate().then(ended, ended)
      }
      if (this.#waiting.length === 0 && this.#underWay.length === 0) this.#sendClose()
    })
  }

  #send(): void {
    if (this.#failure !== undefined || this.#underWay.length > 0) return
    if (this.#waiting.length === 0) {
      if (this.#onClosed !== undefined) this.#sendClose()
      return
    }
    const count = batchLength(this.#waiting)
    const batch = this.#waiting.slice(0, count)
    this.#waiting = this.#waiting.slice(count)
    this.#underWay = batch
    const transfer: ArrayBuffer[] = []
    const operations = batch.map(({ operation }) => handOver(operation, transfer))
    this.#worker.postMessage({ kind: "batch", operations }, transfer)
  }

  #sendClose(): void {
    this.#worker.postMessage({ kind: "close" })
  }

  #receive(message: FromWriter): void {
    if (message.kind === "failed") this.#fail(logBrokenOf(this.#path, message.error))
    if (message.kind === "closed") this.#fail(closed())
    if (message.kind !== "batch") return
    const settled = this.#underWay
    this.#underWay = []
    // The next transaction is written while the answers to this one are worked on.
    this.#send()
    settled.forEach(({ settle }, i) => {
      settle(message.results[i] ?? storeFailed(this.#path, "an answer is missing"))
    })
  }

  #fail(error: LogBroken): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    const lost = [...this.#underWay, ...this.#waiting]
    this.#underWay = []
    this.#waiting = []
    for (const { settle } of lost) settle(error)
    for (const listener of this.#failureListeners) listener(error)
    this.#onClosed?.()
  }
}

/** Starts the thread and opens or makes the file; both end with the scope. */
export function openLogWriter(
  options: WriterOptions,
): Effect.Effect<LogWriter, LogBroken, Scope.Scope> {
  const acquire = Effect.callback<LogWriter, LogBroken>((resume) => {
    const worker = new Worker(new URL("./log-worker.ts", import.meta.url), {
      workerData: options,
      execArgv: [],
      name: "intelgraph-log",
    })
    const end = (outcome: Effect.Effect<LogWriter, LogBroken>) => {
      worker.off("message", opened).off("error", failed).off("exit", exited)
      resume(outcome)
    }
    const fail = (error: LogBroken) => {
      worker.terminate()
      end(Effect.fail(error))
    }
    const opened = (message: FromWriter) => {
      if (message.kind === "failed") return fail(logBrokenOf(options.path, message.error))
      if (message.kind !== "opened") return fail(storeFailed(options.path, "it did not open"))
      end(Effect.succeed(new LogWriter(options.path, worker, message.log)))
    }
    const failed = (error: unknown) => fail(storeFailed(options.path, String(error)))
    const exited = () => fail(storeFailed(options.path, "its writing thread ended"))
    worker.on("message", opened).on("error", failed).on("exit", exited)
  })
  return Effect.acquireRelease(acquire, (writer) => writer.close())
}

/** How many of these fit into one transaction: at least one. */
function batchLength(waiting: readonly Waiting[]): number {
  let bytes = 0
  let count = 0
  for (const { operation } of waiting) {
    bytes += operation.kind === "append" ? operation.block.byteLength : 0
    if (count > 0 && (bytes > logCommitBytesMax || count >= logCommitOperationsMax)) break
    count++
  }
  return count
}

/**
 * The writer gets a copy of a block's bytes: the sender may offer them again and a reader has them.
 */
function handOver(operation: Operation, transfer: ArrayBuffer[]): Operation {
  if (operation.kind !== "append") return operation
  const block = new Uint8Array(operation.block)
  transfer.push(block.buffer)
  return { ...operation, block }
}

const storeFailed = (path: string, why: string): StoreFailed =>
  new StoreFailed({ store: path, message: `${path} cannot be written: ${why}.` })
