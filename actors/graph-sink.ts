/**
 * The graph sink of a tenant: takes the effects of blocks from its partitions and commits them
 * (contracts §7).
 *
 * Promises: effects of a partition are committed in the order in which they came; a commit whose
 * outcome is unknown is repeated with the same blocks before anything later of those partitions. A
 * sink grants `sinkCreditBlocks` to each partition and one more per answer, so what it holds is
 * bounded. What may fail beneath: the store may be unavailable (tried again for ever, while
 * mailboxes fill and senders wait) or broken (the node ends).
 */
import * as Exit from "effect/Exit"
import {
  commitRecordsMax,
  retryMillisMax,
  retryMillisMin,
  sinkCreditBlocks,
} from "../protocols/limits.ts"
import type { ActorContext, ActorType, Behavior } from "../runtime/index.ts"
import type { CommitRequest, SinkMessage } from "./messages.ts"
import { errorOf } from "./shard.ts"
import type { World } from "./world.ts"

/** Calls to the store that may be unanswered: it makes one transaction of those that wait. */
const callsMax = 8

/** What a restart of the sink must not forget: its partitions wait for an answer to each. */
export class SinkMemory {
  waiting: CommitRequest[] = []
  /** Calls to the store that are not answered, in the order in which they were made. */
  readonly calls = new Set<readonly CommitRequest[]>()
}

export interface SinkArgument {
  readonly world: World
  readonly memory: SinkMemory
}

export const graphSinkType: ActorType<SinkMessage, SinkArgument> = {
  kind: "graph-sink",
  restart: "permanent",
  start: (context, argument) => new GraphSinkActor(context, argument),
}

class GraphSinkActor implements Behavior<SinkMessage> {
  readonly #context: ActorContext<SinkMessage>
  readonly #world: World
  readonly #memory: SinkMemory
  /** Partitions with a call unanswered: nothing later of theirs may overtake it. */
  readonly #busy = new Set<number>()
  #retries = 0

  constructor(context: ActorContext<SinkMessage>, argument: SinkArgument) {
    this.#context = context
    this.#world = argument.world
    this.#memory = argument.memory
    // The answers to these calls are lost: they are made again, before anything later.
    const { calls, waiting } = this.#memory
    this.#memory.waiting = [...[...calls].flat(), ...waiting]
    calls.clear()
    this.#commit()
  }

  receive(message: SinkMessage): void {
    switch (message.kind) {
      case "attach":
        return this.#attach(message)
      case "commit":
        this.#memory.waiting.push(message.request)
        return this.#commit()
      case "retry":
        return this.#commit()
      case "answered":
        return this.#answered(message)
    }
  }

  /** The partition begins anew, and passes all that is not committed again. */
  #attach({ partition, ref, life }: SinkMessage & { readonly kind: "attach" }): void {
    this.#memory.waiting = this.#memory.waiting.filter(
      (request) => request.prepared.partition !== partition || request.life === life,
    )
    ref.tell({ kind: "credit", blocks: sinkCreditBlocks, life }, "control")
  }

  #commit(): void {
    const { calls } = this.#memory
    while (calls.size < callsMax) {
      const requests = this.#nextCall()
      if (requests.length === 0) return
      calls.add(requests)
      for (const request of requests) this.#busy.add(request.prepared.partition)
      const commit = this.#world.ports.sink.commit(requests.map((request) => request.prepared))
      this.#context.pipe(commit, (exit): SinkMessage => ({ kind: "answered", requests, exit }))
    }
  }

  /** What waits of partitions that are not busy, in order, up to the size of a transaction. */
  #nextCall(): readonly CommitRequest[] {
    const call: CommitRequest[] = []
    const rest: CommitRequest[] = []
    let records = 0
    for (const request of this.#memory.waiting) {
      const { partition, recordCount } = request.prepared
      if (records >= commitRecordsMax || this.#busy.has(partition)) {
        rest.push(request)
      } else {
        call.push(request)
        records += recordCount
      }
    }
    this.#memory.waiting = rest
    return call
  }

  #answered(message: SinkMessage & { readonly kind: "answered" }): void {
    const { requests, exit } = message
    // An answer to the incarnation before: the call was made again.
    if (!this.#memory.calls.delete(requests)) return
    for (const request of requests) this.#busy.delete(request.prepared.partition)
    if (Exit.isFailure(exit)) return this.#failed(requests, errorOf(exit.cause))
    this.#retries = 0
    for (let i = 0; i < requests.length; i++) {
      const [request, outcome] = [requests[i], exit.value[i]]
      if (request === undefined || outcome === undefined) continue
      const { prepared, life, from } = request
      from.tell({ kind: "committed", sequence: prepared.sequence, life, outcome }, "control")
    }
    // Last, so that each partition has its answer whatever a release does.
    for (const { prepared } of requests) prepared.release()
    this.#commit()
  }

  #failed(requests: readonly CommitRequest[], error: ReturnType<typeof errorOf>): void {
    this.#memory.waiting = [...requests, ...this.#memory.waiting]
    if (error._tag !== "Unavailable") return this.#world.fail(error)
    // Partitions of this call are free again, but the order of `waiting` keeps them first in line.
    const ceiling = Math.min(retryMillisMax, retryMillisMin * 2 ** this.#retries++)
    const millis = ceiling * (0.5 + this.#context.host.random() / 2)
    this.#context.startTimer("retry", millis, { kind: "retry" })
  }
}
