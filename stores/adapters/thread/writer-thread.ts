/**
 * The node's end of the writer's thread: sends requests, bounded in number, and hands back answers.
 *
 * Promises: commits are worked in the order in which they were sent; at most `commitsQueuedMax`
 * are with the writer, further ones wait here. A guard waits for no commit here: there are no more
 * of them than takeovers. An interrupted request may still be worked. Nothing is sent once it is
 * closed: what waited here fails with `Unavailable`, as does what is asked until the thread has
 * ended. A thread that has not closed the store in time is ended. What may fail beneath: the thread
 * may end; every request then fails with `StoreFailed`, now and later.
 */
import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import {
  commitsQueuedMax,
  writerCloseMillisMax,
  writerYoungMebibytes,
} from "../../../protocols/limits.ts"
import { errorOfFailure, type Failure } from "../../graph/failure.ts"
import type { StoreBroken } from "../../graph/port.ts"
import type { Answer, Request } from "../../graph/write/wire.ts"

type WithoutId<A> = A extends unknown ? Omit<A, "id"> : never
export type Ask = WithoutId<Request>

export type Result = Exclude<Answer, { readonly kind: "failed" }>

type Resume = (effect: Effect.Effect<Result, StoreBroken>) => void

interface Waiting {
  readonly ask: () => Ask
  readonly resume: Resume
}

interface Limits {
  readonly youngMebibytes?: number
  readonly closeMillisMax?: number
}

/** A set of callbacks for each tenant that anybody watches. */
type Watchers = Map<string, Set<() => void>>

export class WriterThread {
  readonly #path: string
  readonly #worker: Worker
  readonly #asked = new Map<number, Resume>()
  readonly #waiting = new Set<Waiting>()
  readonly #watchers: Watchers = new Map()
  readonly #ended: Promise<void>
  readonly #closeMillisMax: number
  #arrived: () => void = () => undefined
  #lastId = 0
  #isClosed = false
  #failure: Failure | undefined

  /** `path` names the store in errors; `settings` go to the thread whose entry is at `entry`. */
  constructor(
    path: string,
    entry: URL,
    settings: unknown,
    { youngMebibytes = writerYoungMebibytes, closeMillisMax = writerCloseMillisMax }: Limits = {},
  ) {
    this.#path = path
    this.#closeMillisMax = closeMillisMax
    this.#worker = new Worker(entry, {
      workerData: settings,
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: youngMebibytes },
    })
    this.#worker.on("message", (answer: Answer) => this.#answered(answer))
    this.#worker.on("error", (error) => this.#fail(`its thread failed: ${messageOf(error)}`))
    this.#ended = new Promise((resolve) => {
      this.#worker.on("exit", () => {
        this.#fail("its thread has ended")
        resolve()
      })
    })
  }

  /** Sends at once. */
  urge(ask: Ask): Effect.Effect<Result, StoreBroken> {
    return Effect.callback((resume) => this.#post({ ask: () => ask, resume }))
  }

  /** `ask` is called once there is room, on this thread. */
  request(ask: () => Ask): Effect.Effect<Result, StoreBroken> {
    return Effect.callback((resume) => {
      const waiting: Waiting = { ask, resume }
      this.#waiting.add(waiting)
      this.#send()
      return Effect.sync(() => {
        this.#waiting.delete(waiting)
      })
    })
  }

  /** Calls `changed` after each transaction that moved the tenant's feed, until it is stopped. */
  watch(tenant: string, changed: () => void): () => void {
    const own = () => changed()
    const watchers = this.#watchers.get(tenant) ?? new Set()
    this.#watchers.set(tenant, watchers.add(own))
    return () => {
      watchers.delete(own)
      if (watchers.size === 0 && this.#watchers.get(tenant) === watchers) {
        this.#watchers.delete(tenant)
      }
    }
  }

  /** Lets what was sent finish, in `writerCloseMillisMax`, closes the store and ends the thread. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    if (this.#refusal === undefined) {
      this.#worker.postMessage({ id: ++this.#lastId, kind: "close" } satisfies Request)
      this.#isClosed = true
      this.#send()
    }
    return Effect.promise(() => this.#endsInTime())
  })

  /** What it was at beyond the time fails, and is there as a whole or not at all. */
  async #endsInTime(): Promise<void> {
    const late = setTimeout(() => void this.#worker.terminate(), this.#closeMillisMax)
    await this.#ended
    clearTimeout(late)
  }

  /** Why nothing more is sent. */
  get #refusal(): Failure | undefined {
    return this.#failure ?? (this.#isClosed ? closed : undefined)
  }

  #send(): void {
    for (const waiting of this.#waiting) {
      if (this.#refusal === undefined && this.#asked.size >= commitsQueuedMax) return
      this.#waiting.delete(waiting)
      this.#post(waiting)
    }
  }

  #post({ ask, resume }: Waiting): void {
    if (this.#refusal !== undefined) {
      return resume(Effect.fail(errorOfFailure(this.#refusal, this.#path)))
    }
    const id = ++this.#lastId
    try {
      const request = { id, ...ask() } as Request
      this.#worker.postMessage(request)
      this.#asked.set(id, resume)
    } catch (defect) {
      resume(Effect.die(defect))
    }
  }

  /** Calls `arrived` when an answer has come, before anybody is told of it. */
  beforeAnswers(arrived: () => void): void {
    this.#arrived = arrived
  }

  #answered(answer: Answer): void {
    this.#arrived()
    const resume = this.#asked.get(answer.id)
    this.#asked.delete(answer.id)
    this.#send()
    if (answer.kind !== "failed") resume?.(Effect.succeed(answer))
    else resume?.(Effect.fail(errorOfFailure(answer.failure, this.#path)))
    if ("changed" in answer) this.tell(answer.changed)
  }

  /** Calls back who watches these tenants: others have committed, or this thread has. */
  tell(tenants: readonly string[]): void {
    for (const tenant of tenants) {
      for (const changed of [...(this.#watchers.get(tenant) ?? [])]) changed()
    }
  }

  /** Somebody may have committed for any of them. */
  tellAll(): void {
    this.tell([...this.#watchers.keys()])
  }

  #fail(why: string): void {
    this.#failure ??= { tag: "StoreFailed", message: `The graph store failed: ${why}.` }
    const error = errorOfFailure(this.#failure, this.#path)
    for (const resume of this.#asked.values()) resume(Effect.fail(error))
    this.#asked.clear()
    this.#send()
  }
}

const closed: Failure = { tag: "Unavailable", message: "The graph store is closed." }

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
