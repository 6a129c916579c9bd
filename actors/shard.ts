/**
 * The reader of a shard: pulls its blocks from the log, hands them to partitions in order and on
 * credit, and acknowledges what is committed (contracts §6, §7).
 *
 * Promises: a partition gets its blocks in sequence order, no more than it has credit for, and again
 * from the first unfinished one when its actor starts anew. A block is acknowledged only after `done`.
 * What may fail beneath: the log may be unavailable (tried again), damaged (the node ends) or owned by
 * somebody else (`Fenced`: the node ends). Holds at most `pulledBytesMax` with all other shards of the
 * node; what exceeds it goes back to the log, from above what the partition works on.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { Partition } from "../protocols/address.ts"
import { InvariantBroken, isIntelGraphError } from "../protocols/errors.ts"
import { pulledBytesMax, retryMillisMax } from "../protocols/limits.ts"
import type {
  ActorContext,
  ActorRef,
  ActorType,
  Behavior,
  Delivery,
  Ownership,
} from "../runtime/index.ts"
import type { PartitionMessage, ShardMessage } from "./messages.ts"
import type { World } from "./world.ts"

interface Lane {
  readonly partition: Partition
  /** In sequence order, acknowledged ones taken out. */
  readonly held: Delivery[]
  /** How many of `held`, from the front, the partition's actor has been given. */
  given: number
  wanted: number
  life: number
  ref: ActorRef<PartitionMessage> | undefined
}

/** Bytes that all shards of a node hold together. */
export class PulledBytes {
  held = 0
}

type Numbered = Partition & { readonly sequence: number }

/** What a restart of the reader must not forget: the log holds these blocks as delivered. */
export class ShardMemory {
  readonly lanes = new Map<string, Lane>()
  toAcknowledge: Numbered[] = []
}

export interface ShardArgument {
  readonly world: World
  readonly shard: number
  readonly pulled: PulledBytes
  readonly memory: ShardMemory
}

export const shardType: ActorType<ShardMessage, ShardArgument> = {
  kind: "shard",
  restart: "permanent",
  start: (context, argument) => new ShardReader(context, argument),
}

class ShardReader implements Behavior<ShardMessage> {
  readonly #context: ActorContext<ShardMessage>
  readonly #world: World
  readonly #owner: Ownership
  readonly #pulled: PulledBytes
  readonly #memory: ShardMemory
  #acknowledging: readonly Numbered[] = []

  constructor(context: ActorContext<ShardMessage>, argument: ShardArgument) {
    this.#context = context
    this.#world = argument.world
    this.#owner = argument.world.ownerOf(argument.shard)
    this.#pulled = argument.pulled
    this.#memory = argument.memory
    this.#pull()
    this.#acknowledge()
  }

  receive(message: ShardMessage): void {
    switch (message.kind) {
      case "pull":
        return this.#pull()
      case "pulled":
        return Exit.isSuccess(message.exit)
          ? this.#take(message.exit.value)
          : this.#failed(message.exit.cause)
      case "handed-back":
        if (Exit.isFailure(message.exit)) return this.#failed(message.exit.cause)
        this.#context.startTimer("pull", retryMillisMax, { kind: "pull" })
        return
      case "attach": {
        const lane = this.#lane(message.partition)
        this.#regive(lane)
        lane.ref = message.ref
        lane.life = message.life
        return
      }
      case "want": {
        const lane = this.#lane(message.partition)
        if (message.life !== lane.life) return
        lane.wanted++
        return this.#give(lane)
      }
      case "done":
        return this.#done(this.#lane(message.partition), message.sequence)
      case "acknowledged":
        if (Exit.isFailure(message.exit)) {
          this.stopped()
          this.#acknowledging = []
          return this.#failed(message.exit.cause)
        }
        this.#acknowledging = []
        return this.#acknowledge()
    }
  }

  /** Acknowledging twice is harmless; not at all would keep the blocks until the next takeover. */
  stopped(): void {
    this.#memory.toAcknowledge = [...this.#acknowledging, ...this.#memory.toAcknowledge]
  }

  #pull(): void {
    const room = Math.max(1, pulledBytesMax - this.#pulled.held)
    const pull = this.#world.ports.log.pull(this.#owner, room)
    this.#context.pipe(pull, (exit): ShardMessage => ({ kind: "pulled", exit }))
  }

  #take(deliveries: readonly Delivery[]): void {
    const back: Delivery[] = []
    for (const delivery of deliveries) {
      const lane = this.#lane(delivery)
      const last = lane.held.at(-1)
      if (last !== undefined && delivery.sequence <= last.sequence) continue
      const over = this.#pulled.held + delivery.block.length > pulledBytesMax
      const behindBack = back.some((other) => samePartition(other, delivery))
      if ((over && lane.held.length > 0) || behindBack) {
        back.push(delivery)
        continue
      }
      lane.held.push(delivery)
      this.#pulled.held += delivery.block.length
      this.#give(lane)
    }
    if (back.length === 0) return this.#pull()
    const handBack = this.#world.ports.log.handBack(this.#owner, back)
    this.#context.pipe(handBack, (exit): ShardMessage => ({ kind: "handed-back", exit }))
  }

  #give(lane: Lane): void {
    while (lane.wanted > 0 && lane.ref !== undefined) {
      const delivery = lane.held[lane.given]
      if (delivery === undefined) return
      if (lane.ref.tell({ kind: "deliver", delivery, life: lane.life }, "bulk") !== undefined)
        return
      lane.given++
      lane.wanted--
      this.#world.mailboxes.begun(lane.partition, 1)
    }
  }

  /** The partition's actor starts anew: what it was given and did not finish, it gets again. */
  #regive(lane: Lane): void {
    for (let i = 0; i < lane.given; i++) this.#world.mailboxes.begun(lane.partition, -1)
    lane.given = 0
    lane.wanted = 0
  }

  #done(lane: Lane, sequence: number): void {
    const at = lane.held.findIndex((delivery) => delivery.sequence === sequence)
    if (at < 0) return
    const [delivery] = lane.held.splice(at, 1)
    if (delivery === undefined) return
    if (at < lane.given) lane.given--
    else this.#world.mailboxes.begun(lane.partition, 1)
    this.#world.mailboxes.handled(lane.partition)
    this.#pulled.held -= delivery.block.length
    this.#memory.toAcknowledge.push({ ...lane.partition, sequence })
    this.#acknowledge()
  }

  /** One call at a time; what finishes meanwhile goes with the next. */
  #acknowledge(): void {
    if (this.#acknowledging.length > 0 || this.#memory.toAcknowledge.length === 0) return
    this.#acknowledging = this.#memory.toAcknowledge
    this.#memory.toAcknowledge = []
    const acknowledge = this.#world.ports.log.acknowledge(this.#owner, this.#acknowledging)
    this.#context.pipe(acknowledge, (exit): ShardMessage => ({ kind: "acknowledged", exit }))
  }

  #failed(cause: Cause.Cause<unknown>): void {
    const error = errorOf(cause)
    if (error._tag === "Unavailable") {
      this.#context.startTimer("pull", retryMillisMax, { kind: "pull" })
      return this.#acknowledge()
    }
    this.#world.fail(error)
  }

  #lane({ tenant, partition }: Partition): Lane {
    const key = `${tenant}/${partition}`
    let lane = this.#memory.lanes.get(key)
    if (lane === undefined) {
      const of = { tenant, partition }
      lane = { partition: of, held: [], given: 0, wanted: 0, life: 0, ref: undefined }
      this.#memory.lanes.set(key, lane)
    }
    return lane
  }
}

const samePartition = (a: Partition, b: Partition): boolean =>
  a.tenant === b.tenant && a.partition === b.partition

/** The typed error of a cause; anything else is a broken invariant. */
export function errorOf(cause: Cause.Cause<unknown>) {
  const error = Cause.squash(cause)
  return isIntelGraphError(error) ? error : new InvariantBroken({ message: String(error) })
}
