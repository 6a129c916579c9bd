/**
 * A partition of a tenant: turns blocks of raw records into effects, in order, and passes them to
 * the tenant's sinks (contracts §3, §7).
 *
 * Promises: blocks are worked in the order of the log; a block is begun only with credit of the
 * sink; a record that cannot be read becomes a dead letter and the rest of its block goes on. A
 * record on which the code itself fails crashes the actor; after `poisonFailuresMax` such failures
 * the record is a dead letter with the error, and the actor goes on. Keeps nothing that a restart
 * may not forget but the count of failures, which its tenant keeps for it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { fnv1a32, type Partition, parseAddress } from "../protocols/address.ts"
import { type Block, decodeBlock } from "../protocols/block.ts"
import { Fenced, InvariantBroken, invariant } from "../protocols/errors.ts"
import type { SourceEvent } from "../protocols/event.ts"
import type { RecordEffect } from "../protocols/graph.ts"
import {
  dispatchBudgetMax,
  poisonFailuresMax,
  poisonRestartsMax,
  restartPeriodMillisDefault,
  retryMillisMax,
  shardCount,
} from "../protocols/limits.ts"
import type {
  ActorContext,
  ActorRef,
  ActorType,
  Behavior,
  Delivery,
  Ownership,
} from "../runtime/index.ts"
import type { PreparedBlock } from "../stores/index.ts"
import type { PartitionMessage, ShardMessage, SinkMessage } from "./messages.ts"
import { deadLetterOf } from "./pipeline/effect-of-event.ts"
import { decodeRecipe } from "./recipes.ts"
import { recipePath } from "./run-record.ts"
import { errorOf } from "./shard.ts"
import type { Recipe } from "./source.ts"
import type { World } from "./world.ts"

/** What outlives a restart: the count of lives, and failures in blocks not yet committed. */
export class PartitionMemory {
  life = 0
  /** Per block, by its sequence: failures per record, by its ordinal. */
  readonly #failures = new Map<number, Map<number, number>>()
  /** Blocks whose records are tried with the sink one by one. */
  readonly #suspects = new Set<number>()
  #restarts: readonly number[] = []

  /** Counts one more failure of this record, and answers how many there were. */
  failed(sequence: number, ordinal: number): number {
    const ofBlock = this.#failures.get(sequence) ?? new Map<number, number>()
    this.#failures.set(sequence, ofBlock)
    const count = (ofBlock.get(ordinal) ?? 0) + 1
    ofBlock.set(ordinal, count)
    return count
  }

  /** Some record of this block cannot be passed to the sink. */
  suspect(sequence: number): void {
    this.#suspects.add(sequence)
  }

  suspects(sequence: number): boolean {
    return this.#suspects.has(sequence)
  }

  /** The block is committed, and with it all before it. */
  forget(sequence: number): void {
    for (const known of this.#failures.keys()) if (known <= sequence) this.#failures.delete(known)
    for (const known of this.#suspects) if (known <= sequence) this.#suspects.delete(known)
  }

  /** Whether one more restart for records is fine now; it counts it. */
  mayRestart(nowMillis: number): boolean {
    const since = nowMillis - restartPeriodMillisDefault
    const recent = this.#restarts.filter((instant) => instant > since)
    const may = recent.length < poisonRestartsMax
    this.#restarts = may ? [...recent, nowMillis] : recent
    return may
  }
}

export interface PartitionArgument {
  readonly world: World
  readonly partition: Partition
  readonly owner: Ownership
  readonly reader: ActorRef<ShardMessage>
  readonly sink: ActorRef<SinkMessage>
  readonly memory: PartitionMemory
}

export const partitionType: ActorType<PartitionMessage, PartitionArgument> = {
  kind: "partition",
  restart: "permanent",
  // A block takes milliseconds: the host gets its turn after each.
  turnWeight: dispatchBudgetMax,
  start: (context, argument) => new PartitionActor(context, argument),
}

class PartitionActor implements Behavior<PartitionMessage> {
  readonly #context: ActorContext<PartitionMessage>
  readonly #argument: PartitionArgument
  readonly #world: World
  readonly #life: number
  /** Blocks that wait for a recipe, in order. */
  readonly #waiting: Delivery[] = []
  #recipeAsked: string | undefined

  constructor(context: ActorContext<PartitionMessage>, argument: PartitionArgument) {
    this.#context = context
    this.#argument = argument
    this.#world = argument.world
    this.#life = ++argument.memory.life
    const { partition, reader, sink } = argument
    tell(reader, { kind: "attach", partition, ref: context.self, life: this.#life })
    const at = { partition: partition.partition, ref: context.self, life: this.#life }
    tell(sink, { kind: "attach", ...at })
  }

  receive(message: PartitionMessage): void {
    switch (message.kind) {
      case "credit":
        if (message.life === this.#life) this.#want(message.blocks)
        return
      case "deliver":
        if (message.life !== this.#life) return
        this.#waiting.push(message.delivery)
        return this.#work()
      case "recipe":
        return this.#learn(message)
      case "committed":
        return this.#committed(message)
    }
  }

  #want(blocks: number): void {
    const { partition, reader } = this.#argument
    tell(reader, { kind: "want", partition, blocks, life: this.#life })
  }

  #committed(message: PartitionMessage & { readonly kind: "committed" }): void {
    const { sequence, outcome } = message
    const { partition, reader, owner } = this.#argument
    if (outcome.kind === "fenced") {
      const { shard, epoch } = owner
      const told = `Another owner has taken over shard ${shard}.`
      return this.#world.fail(new Fenced({ shard, epoch, current: outcome.current, message: told }))
    }
    tell(reader, { kind: "done", partition, sequence })
    this.#argument.memory.forget(sequence)
    if (message.life === this.#life) this.#want(1)
  }

  #work(): void {
    while (this.#recipeAsked === undefined) {
      const delivery = this.#waiting[0]
      if (delivery === undefined) return
      const block = decodeBlock(delivery.block)
      const digest = Buffer.from(block.header.mappingDigest).toString("hex")
      const recipe = this.#world.recipes.get(digest)
      if (recipe === undefined) return this.#askRecipe(block, digest)
      this.#waiting.shift()
      this.#pass(delivery, block, recipe)
    }
  }

  #askRecipe(block: Block, digest: string): void {
    this.#recipeAsked = digest
    const { tenant } = this.#argument.partition
    const shard = shardOfConnector(block.header.sender)
    const read = this.#world.ports.state.read(shard, recipePath(tenant, digest))
    const patient = Effect.tapError(read, () => Effect.sleep(retryMillisMax))
    this.#context.pipe(patient, (exit): PartitionMessage => ({ kind: "recipe", digest, exit }))
  }

  #learn(message: PartitionMessage & { readonly kind: "recipe" }): void {
    const { digest, exit } = message
    const { owner } = this.#argument
    this.#recipeAsked = undefined
    if (Exit.isFailure(exit)) {
      const error = errorOf(exit.cause)
      if (error._tag !== "Unavailable") return this.#world.failShard(owner, error)
    } else if (exit.value === undefined) {
      const told = `The recipe ${digest} of a block in the log is missing.`
      return this.#world.failShard(owner, new InvariantBroken({ message: told }))
    } else {
      this.#world.recipes.put(digest, decodeRecipe(exit.value))
    }
    this.#work()
  }

  #pass(delivery: Delivery, block: Block, recipe: Recipe): void {
    const { partition, sink } = this.#argument
    const prepared = this.#prepared(delivery.sequence, block, recipe)
    this.#world.latency.handed({
      sender: block.header.sender,
      partition: partition.partition,
      senderSequence: block.header.senderSequence,
      records: prepared.recordCount,
      nowMillis: this.#context.host.nowMillis(),
    })
    const request = { prepared, life: this.#life, from: this.#context.self }
    tell(sink, { kind: "commit", request })
  }

  /**
   * Tries every record of the block, so that one restart counts a failure of each that fails. Where
   * restarts did not help `poisonRestartsMax` times of late, the next failures are counted here.
   */
  #prepared(sequence: number, block: Block, recipe: Recipe): PreparedBlock {
    const { memory } = this.#argument
    while (true) {
      const failures: unknown[] = []
      const records = block.events.flatMap((event) => {
        try {
          return [this.#effectOf(sequence, block, event, recipe)]
        } catch (error) {
          failures.push(error)
          return []
        }
      })
      if (failures.length === 0) {
        try {
          return this.#prepare(sequence, block, records)
        } catch (error) {
          // Which record it is shows when each is tried alone; if none, it is the block itself.
          if (memory.suspects(sequence)) throw error
          memory.suspect(sequence)
          failures.push(error)
        }
      }
      if (memory.mayRestart(this.#context.host.nowMillis())) throw failures[0]
    }
  }

  #effectOf(sequence: number, block: Block, event: SourceEvent, recipe: Recipe): RecordEffect {
    const { memory, world } = this.#argument
    const digest = block.header.mappingDigest
    try {
      const effect = world.effectOf(event, recipe, digest)
      if (memory.suspects(sequence)) this.#prepare(sequence, block, [effect])
      return effect
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      if (memory.failed(sequence, event.ordinal) < poisonFailuresMax) throw error
      return deadLetterOf(event, { reason: "poison", detail }, digest)
    }
  }

  #prepare(sequence: number, block: Block, records: readonly RecordEffect[]): PreparedBlock {
    const { partition, owner } = this.#argument
    const { source, run, file } = block
    const effects = { ...partition, ...owner, sequence, source, run, file, records }
    return this.#world.ports.sink.prepare(effects)
  }
}

/** A message that is refused here would be lost work: the actor begins anew instead. */
function tell<M>(ref: ActorRef<M>, message: M): void {
  const refused = ref.tell(message, "bulk")
  invariant(refused === undefined, `A neighbour of a partition refuses: ${refused?.message}`)
}

/** The shard that owns a connector, and keeps its runs, position and recipes. */
export function shardOfConnector(sender: string): number {
  const { tenant, kind, key } = parseAddress(sender)
  return fnv1a32(`${tenant}/${kind}/${key}`) % shardCount
}
