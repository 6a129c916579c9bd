/**
 * Guards that new owners ask for, beside the commits of the same thread and over connections of
 * their own: the commit under way may itself be waiting for a tenant that a paused owner holds, and
 * only a guard ends that owner's transaction.
 *
 * Promises: guards that wait for one another share a transaction, and each has the answer that it
 * would have alone. Transactions of lower epochs that hold one of them, or of those that wait
 * behind them, are ended again and again until they are through, since a former owner that still
 * runs begins the next one at once. Of two epochs of a shard the higher one goes first. Those that
 * begin after that and stand still are ended while commits are under way. Nothing is begun once it
 * is closed. What may fail beneath: as of any write; whoever shared the transaction is told.
 */
import { setTimeout as sleep } from "node:timers/promises"
import {
  neo4jClearMillis,
  neo4jEndAgainMillis,
  neo4jGuardGatherMillis,
} from "../../../protocols/limits.ts"
import type { Failure } from "../../graph/failure.ts"
import type { Guard } from "../../graph/port.ts"
import type { Answer, GuardAnswer, Request } from "../../graph/write/wire.ts"
import { failureOf } from "./failure.ts"
import type { Neo4jWriter } from "./writer.ts"

type GuardRequest = Request & { readonly kind: "guard" }

export class GuardLine {
  readonly #writer: Neo4jWriter
  readonly #answer: (answer: Answer) => void
  #waiting: GuardRequest[] = []
  #working: Promise<void> | undefined
  #isClearing = false
  readonly #closing = new AbortController()
  readonly #clearMillis: number

  /** The writer is used for nothing else. */
  constructor(
    writer: Neo4jWriter,
    answer: (answer: Answer) => void,
    clearMillis: number = neo4jClearMillis,
  ) {
    this.#writer = writer
    this.#answer = answer
    this.#clearMillis = clearMillis
  }

  ask(request: GuardRequest): void {
    if (this.#closing.signal.aborted) {
      const failure: Failure = { tag: "Unavailable", message: "The graph store is closed." }
      return this.#answer({ id: request.id, kind: "failed", failure })
    }
    this.#waiting.push(request)
    this.#working ??= this.#work()
  }

  /**
   * While commits are under way, ends transactions of former owners that stand still: these commits
   * may wait for what they hold, and no guard is asked for any more that would end them.
   */
  clearWhile(isWorking: () => boolean): void {
    if (!this.#isClearing) void this.#clear(isWorking)
  }

  /** After what was asked for is answered. */
  async close(): Promise<void> {
    await this.#working
    // A client that was closed before it was ever asked opens connections again when it is.
    this.#closing.abort()
    await this.#writer.close()
  }

  async #clear(isWorking: () => boolean): Promise<void> {
    const { signal } = this.#closing
    this.#isClearing = true
    do {
      await sleep(this.#clearMillis, undefined, { ref: false, signal }).catch(() => undefined)
      // A store that does not answer holds nobody up here.
      if (!signal.aborted) await this.#writer.endPassed().catch(() => undefined)
    } while (!signal.aborted && isWorking())
    this.#isClearing = false
  }

  async #work(): Promise<void> {
    // Shards that are free at the same time are claimed at nearly the same time.
    await sleep(neo4jGuardGatherMillis)
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      const { logId } = next
      const highest = highestOf(this.#waiting)
      const isNext = ({ logId: of, guards }: GuardRequest) =>
        of === logId && guards.every(({ shard, epoch }) => epoch === highest.get(shard))
      const group = this.#waiting.filter(isNext)
      // Two that name several shards may each be behind in one of them.
      const taken = group.length > 0 ? group : [next]
      this.#waiting = this.#waiting.filter((one) => !taken.includes(one))
      await this.#together(logId, taken)
    }
    this.#working = undefined
  }

  async #together(logId: string, group: readonly GuardRequest[]): Promise<void> {
    try {
      const all = group.flatMap(({ guards }) => guards)
      const answer = await this.#raise(logId, all)
      if (answer.kind === "fenced" && group.length > 1) return await this.#oneByOne(logId, group)
      for (const { id } of group) this.#answer({ id, kind: "guard", answer })
    } catch (cause) {
      const failure = failureOf(cause)
      for (const { id } of group) this.#answer({ id, kind: "failed", failure })
    }
  }

  /** One of them is behind, and its refusal is not that of the others. */
  async #oneByOne(logId: string, group: readonly GuardRequest[]): Promise<void> {
    for (const one of group) await this.#together(logId, [one])
  }

  async #raise(logId: string, guards: readonly Guard[]): Promise<GuardAnswer> {
    const done = new AbortController()
    void this.#endAgain(guards, done.signal)
    try {
      return await this.#writer.guard(logId, guards)
    } finally {
      done.abort()
    }
  }

  async #endAgain(guards: readonly Guard[], signal: AbortSignal): Promise<void> {
    for (await sleep(neo4jEndAgainMillis); !signal.aborted; await sleep(neo4jEndAgainMillis)) {
      const own = new Set(guards.map(({ shard }) => shard))
      const behind = this.#waiting
        .flatMap((one) => one.guards)
        .filter(({ shard }) => !own.has(shard))
      await this.#writer.endOlder([...guards, ...behind]).catch(() => undefined)
    }
  }
}

function highestOf(requests: readonly GuardRequest[]): ReadonlyMap<number, number> {
  const highest = new Map<number, number>()
  for (const { shard, epoch } of requests.flatMap(({ guards }) => guards)) {
    highest.set(shard, Math.max(epoch, highest.get(shard) ?? 0))
  }
  return highest
}
