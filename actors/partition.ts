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
import * as Exit from "effect/Exit"
import { fnv1a32, type Partition, parseAddress } from "../protocols/address.ts"
import { type Block, decodeBlock } from "../protocols/block.ts"
import { Fenced, InvariantBroken } from "../protocols/errors.ts"
import type { SourceEvent } from "../protocols/event.ts"
import type { RecordEffect } from "../protocols/graph.ts"
import { dispatchBudgetMax, poisonFailuresMax, shardCount } from "../protocols/limits.ts"
import type { ActorContext, ActorRef, ActorType, Behavior, Delivery } from "../runtime/index.ts"
import type { PartitionMessage, ShardMessage, SinkMessage } from "./messages.ts"
import { deadLetterOf, effectOfEvent } from "./pipeline/effect-of-event.ts"
import { decodeRecipe } from "./recipes.ts"
import { recipePath } from "./run-record.ts"
import { errorOf } from "./shard.ts"
import type { Recipe } from "./source.ts"
import type { World } from "./world.ts"

/** Failures per record of the block at the head, and the count of lives: they outlive a restart. */
export class PartitionMemory {
  life = 0
  readonly failures = new Map<string, { count: number; error: string }>()
}

export interface PartitionArgument {
  readonly world: World
  readonly partition: Partition
  readonly shard: number
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
    reader.tell({ kind: "attach", partition, ref: context.self, life: this.#life }, "control")
    sink.tell({ kind: "attach", ref: context.self, life: this.#life }, "control")
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
    for (let i = 0; i < blocks; i++) reader.tell({ kind: "want", partition, life: this.#life })
  }

  #committed(message: PartitionMessage & { readonly kind: "committed" }): void {
    const { sequence, outcome } = message
    const { partition, reader, shard } = this.#argument
    if (outcome.kind === "fenced") {
      const { epoch } = this.#world.ownerOf(shard)
      const told = `Another owner has taken over shard ${shard}.`
      return this.#world.fail(new Fenced({ shard, epoch, current: outcome.current, message: told }))
    }
    reader.tell({ kind: "done", partition, sequence })
    this.#argument.memory.failures.clear()
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
    this.#context.pipe(read, (exit): PartitionMessage => ({ kind: "recipe", digest, exit }))
  }

  #learn(message: PartitionMessage & { readonly kind: "recipe" }): void {
    const { digest, exit } = message
    this.#recipeAsked = undefined
    if (Exit.isFailure(exit)) {
      const error = errorOf(exit.cause)
      if (error._tag !== "Unavailable") return this.#world.fail(error)
    } else if (exit.value === undefined) {
      const told = `The recipe ${digest} of a block in the log is missing.`
      return this.#world.fail(new InvariantBroken({ message: told }))
    } else {
      this.#world.recipes.put(digest, decodeRecipe(exit.value))
    }
    this.#work()
  }

  #pass(delivery: Delivery, block: Block, recipe: Recipe): void {
    const { partition, shard, sink } = this.#argument
    const records = block.events.map((event) => this.#effectOf(delivery, block, event, recipe))
    this.#world.latency.handed({
      sender: block.header.sender,
      partition: partition.partition,
      senderSequence: block.header.senderSequence,
      records: records.length,
      nowMillis: this.#context.host.nowMillis(),
    })
    const effects = {
      ...partition,
      shard,
      epoch: this.#world.ownerOf(shard).epoch,
      sequence: delivery.sequence,
      source: block.source,
      run: block.run,
      file: block.file,
      records,
    }
    const request = { effects, life: this.#life, from: this.#context.self }
    sink.tell({ kind: "commit", request }, "bulk")
  }

  #effectOf(delivery: Delivery, block: Block, event: SourceEvent, recipe: Recipe): RecordEffect {
    const { failures } = this.#argument.memory
    const key = `${delivery.sequence}/${event.ordinal}`
    const before = failures.get(key)
    if (before !== undefined && before.count >= poisonFailuresMax) {
      return deadLetterOf(
        event,
        { reason: "poison", detail: before.error },
        block.header.mappingDigest,
      )
    }
    try {
      return effectOfEvent(event, recipe, block.header.mappingDigest)
    } catch (error) {
      const told = error instanceof Error ? error.message : String(error)
      failures.set(key, { count: (before?.count ?? 0) + 1, error: told })
      throw error
    }
  }
}

/** The shard that owns a connector, and keeps its runs, position and recipes. */
export function shardOfConnector(sender: string): number {
  const { tenant, kind, key } = parseAddress(sender)
  return fnv1a32(`${tenant}/${kind}/${key}`) % shardCount
}
