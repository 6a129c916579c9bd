/**
 * The reader of a shard: pulls its blocks from the log, hands them to partitions in order and on
 * credit, and acknowledges what is committed (contracts §6, §7).
 *
 * Promises: a partition gets its blocks in sequence order, no more than it has credit for, and
 * again from the first unfinished one when its actor starts anew; what may be started when is the
 * business of `ShardInbox`. A block is acknowledged only after `done`, or when it is parked; a
 * parked one is removed only after `done`. All readers of a node hold `bytesMax` together; what
 * exceeds it goes back to the log. Blocks of a partition whose sink takes none for `stalledMillis`
 * are parked while others find no room. What may fail beneath: the log and the state may be
 * unavailable (tried again), damaged (the node ends) or owned by somebody else (`Fenced`: this
 * reader does nothing more).
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { InvariantBroken, isIntelGraphError, LimitExceeded } from "../protocols/errors.ts"
import {
  pullBytesMax,
  retryMillisMax,
  stalledMillis,
  stateGroupEntriesMax,
} from "../protocols/limits.ts"
import {
  type ActorContext,
  type ActorType,
  type Behavior,
  type Delivery,
  type Ownership,
  parkedPath,
} from "../runtime/index.ts"
import type { ShardMessage } from "./messages.ts"
import type { Lane, ShardMemory } from "./shard-memory.ts"
import type { World } from "./world.ts"

export interface ShardArgument {
  readonly world: World
  readonly owner: Ownership
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
  readonly #memory: ShardMemory
  readonly #life: number
  #pulling = false
  /** The log delivers again what may have been lost on its way to the incarnation before. */
  #opened: boolean
  #watching = false

  constructor(context: ActorContext<ShardMessage>, argument: ShardArgument) {
    this.#context = context
    this.#world = argument.world
    this.#owner = argument.owner
    this.#memory = argument.memory
    this.#life = ++argument.memory.life
    this.#opened = this.#life === 1
    this.#memory.pulled.register(context.self)
    this.#goOn()
  }

  receive(message: ShardMessage): void {
    switch (message.kind) {
      case "pull":
        this.#acknowledge()
        this.#remove()
        return this.#pull()
      case "pulled":
        if (message.life === this.#life) {
          this.#pulling = false
          this.#opened ||= Exit.isSuccess(message.exit)
        }
        return Exit.isSuccess(message.exit)
          ? this.#take(message.exit.value)
          : this.#failed(message.exit.cause)
      case "handed-back":
        return this.#handedBack(message)
      case "attach":
        return this.#attach(message)
      case "want": {
        const lane = this.#memory.lane(message.partition)
        if (message.life !== lane.life) return
        lane.wanted += message.blocks
        return this.#give(lane)
      }
      case "done":
        return this.#done(this.#memory.lane(message.partition), message.sequence)
      case "acknowledged":
        return this.#acknowledged(message)
      case "fetched":
        return this.#fetched(message)
      case "parked":
        return this.#parked(message)
      case "removed":
        return this.#removed(message)
      case "look":
        this.#watching = false
        this.#watchStalls()
        return this.#look()
    }
  }

  /** What the incarnation before had begun is begun again: all of it may be done twice. */
  #goOn(): void {
    const memory = this.#memory
    memory.toAcknowledge = [...memory.acknowledging, ...memory.toAcknowledge]
    memory.acknowledging = []
    memory.toRemove = [...memory.removing, ...memory.toRemove]
    memory.removing = []
    this.#acknowledge()
    this.#remove()
    if (memory.parking !== undefined) this.#park(memory.parking)
    for (const lane of memory.lanes.values()) {
      if (lane.fetching !== undefined) this.#fetch(lane, lane.fetching)
    }
    this.#watchStalls()
    this.#pull()
  }

  // From the log.

  #pull(): void {
    if (this.#pulling) return
    this.#pulling = true
    this.#context.cancelTimer("pull")
    const { bytesMax, bytes } = this.#memory.pulled
    const { log } = this.#world.ports
    // Never nothing: what finds no room is handed back, and its partition is known to starve.
    const pull = log.pull(this.#owner, Math.max(1, Math.min(pullBytesMax, bytesMax - bytes)))
    const pulled = this.#opened ? pull : Effect.andThen(log.open(this.#owner), pull)
    const life = this.#life
    this.#context.pipe(pulled, (exit): ShardMessage => ({ kind: "pulled", life, exit }))
  }

  #take(deliveries: readonly Delivery[]): void {
    const { inbox, pulled } = this.#memory
    const back: Delivery[] = []
    let pullAgain = false
    for (const delivery of deliveries) {
      const lane = this.#memory.lane(delivery)
      const { sequence } = delivery
      this.#world.mailboxes.arrived(lane.partition, sequence)
      if (lane.life === 0) this.#world.unknownTenant(lane.partition.tenant)
      const { held, parked } = inbox.depth(lane.partition)
      if (held + parked === 0) lane.movedMillis = this.#context.host.nowMillis()
      const arrival = inbox.arrived(delivery)
      if (arrival === "hand-back") back.push(delivery)
      if (arrival === "held") {
        pullAgain = true
        this.#give(lane)
      }
      if (arrival === "acknowledge") {
        const committed = sequence <= lane.covered
        this.#memory.toAcknowledge.push({ ...lane.partition, sequence, committed })
      }
      this.#noteStarved(lane)
    }
    this.#acknowledge()
    this.#watchStalls()
    if (back.length === 0) return this.#pull()
    pulled.awaitRoom(this.#context.self)
    this.#handBack(back, pullAgain)
  }

  #handBack(back: readonly Delivery[], pullAgain: boolean, delayMillis = 0): void {
    const call = this.#world.ports.log.handBack(this.#owner, back)
    const handBack = delayMillis > 0 ? Effect.delay(call, delayMillis) : call
    this.#context.pipe(
      handBack,
      (exit): ShardMessage => ({ kind: "handed-back", back, pullAgain, exit }),
    )
  }

  /** Nothing above these blocks is begun until they are back: it is tried until the log answers. */
  #handedBack({ back, pullAgain, exit }: ShardMessage & { readonly kind: "handed-back" }): void {
    if (Exit.isSuccess(exit)) return pullAgain ? this.#pull() : this.#later()
    const error = errorOf(exit.cause)
    if (error._tag !== "Unavailable") return this.#world.failShard(this.#owner, error)
    this.#handBack(back, pullAgain, retryMillisMax)
  }

  // To the partitions.

  /** The partition's actor starts anew: what it was given and did not finish, it gets again. */
  #attach(message: ShardMessage & { readonly kind: "attach" }): void {
    const lane = this.#memory.lane(message.partition)
    this.#memory.inbox.restart(lane.partition)
    this.#world.mailboxes.restarted(lane.partition)
    lane.ref = message.ref
    lane.life = message.life
    lane.wanted = 0
    lane.fetching = undefined
    this.#noteStarved(lane)
  }

  #give(lane: Lane): void {
    while (lane.wanted > 0 && lane.ref !== undefined && lane.fetching === undefined) {
      const start = this.#memory.inbox.start(lane.partition)
      if (start === undefined) break
      if (start.kind === "parked") this.#fetch(lane, start.sequence)
      else this.#deliver(lane, start.delivery)
    }
    this.#noteStarved(lane)
  }

  #deliver(lane: Lane, delivery: Delivery): void {
    const { life } = lane
    const refused = lane.ref?.tell({ kind: "deliver", delivery, life }, "bulk")
    if (refused !== undefined) {
      // It takes nothing until it attaches again; all that is unfinished is given anew then.
      lane.ref = undefined
      return
    }
    lane.wanted--
    this.#world.mailboxes.begun(lane.partition, delivery.sequence)
  }

  #fetch(lane: Lane, sequence: number, delayMillis = 0): void {
    lane.fetching = sequence
    const path = parkedPath(lane.partition, sequence)
    const reading = this.#world.ports.state.read(this.#owner.shard, path)
    const read = delayMillis > 0 ? Effect.delay(reading, delayMillis) : reading
    this.#context.pipe(read, (exit): ShardMessage => ({ kind: "fetched", lane, sequence, exit }))
  }

  #fetched(message: ShardMessage & { readonly kind: "fetched" }): void {
    const { lane, sequence, exit } = message
    if (lane.fetching !== sequence) return
    if (Exit.isFailure(exit)) {
      const error = errorOf(exit.cause)
      if (error._tag !== "Unavailable") return this.#world.failShard(this.#owner, error)
      return this.#fetch(lane, sequence, retryMillisMax)
    }
    lane.fetching = undefined
    const block = exit.value
    if (block !== undefined) {
      this.#deliver(lane, { ...lane.partition, sequence, attempt: 1, block })
    } else if (sequence > lane.covered) {
      const told = `Block ${sequence} of ${lane.name} is parked, and its bytes are gone.`
      return this.#world.failShard(this.#owner, new InvariantBroken({ message: told }))
    }
    this.#give(lane)
  }

  #done(lane: Lane, sequence: number): void {
    const was = this.#memory.inbox.done(lane.partition, sequence)
    if (was === undefined) return
    lane.covered = Math.max(lane.covered, sequence)
    lane.movedMillis = this.#context.host.nowMillis()
    if (was === "unpark") {
      this.#memory.toRemove.push({ ...lane.partition, sequence })
      return this.#remove()
    }
    this.#memory.toAcknowledge.push({ ...lane.partition, sequence, committed: true })
    this.#acknowledge()
    this.#noteStarved(lane)
    this.#memory.pulled.freed()
  }

  // What is finished: one call at a time, and what finishes meanwhile goes with the next.

  #acknowledge(): void {
    const memory = this.#memory
    if (memory.acknowledging.length > 0 || memory.toAcknowledge.length === 0) return
    const of = memory.toAcknowledge
    memory.acknowledging = of
    memory.toAcknowledge = []
    const acknowledge = this.#world.ports.log.acknowledge(this.#owner, of)
    this.#context.pipe(acknowledge, (exit): ShardMessage => ({ kind: "acknowledged", of, exit }))
  }

  #acknowledged({ of, exit }: ShardMessage & { readonly kind: "acknowledged" }): void {
    const memory = this.#memory
    if (of !== memory.acknowledging) return
    if (Exit.isFailure(exit)) {
      memory.toAcknowledge = [...memory.acknowledging, ...memory.toAcknowledge]
      memory.acknowledging = []
      return this.#failed(exit.cause)
    }
    for (const at of memory.acknowledging) {
      if (at.committed) this.#world.mailboxes.handled(at, at.sequence)
    }
    memory.acknowledging = []
    this.#acknowledge()
  }

  #remove(): void {
    const memory = this.#memory
    if (memory.removing.length > 0 || memory.toRemove.length === 0) return
    const of = memory.toRemove.splice(0, stateGroupEntriesMax)
    memory.removing = of
    const entries = of.map((at) => ({
      path: parkedPath(at, at.sequence),
      value: undefined,
    }))
    const remove = this.#world.ports.state.write(this.#owner, entries)
    this.#context.pipe(remove, (exit): ShardMessage => ({ kind: "removed", of, exit }))
  }

  #removed({ of, exit }: ShardMessage & { readonly kind: "removed" }): void {
    const memory = this.#memory
    if (of !== memory.removing) return
    if (Exit.isFailure(exit)) {
      memory.toRemove = [...memory.removing, ...memory.toRemove]
      memory.removing = []
      return this.#failed(exit.cause)
    }
    for (const at of memory.removing) this.#world.mailboxes.handled(at, at.sequence)
    memory.removing = []
    this.#remove()
  }

  // Parking: of partitions that stall, while others have credit and find no room.

  #noteStarved(lane: Lane): void {
    const { held, away } = this.#memory.inbox.depth(lane.partition)
    this.#memory.pulled.note(lane.name, lane.wanted > 0 && held === 0 && away > 0)
  }

  #watchStalls(): void {
    if (this.#watching) return
    for (const lane of this.#memory.lanes.values()) {
      if (this.#memory.inbox.depth(lane.partition).held === 0) continue
      this.#watching = true
      return this.#context.startTimer("look", stalledMillis, { kind: "look" })
    }
  }

  #look(): void {
    const { parking, pulled, lanes, inbox } = this.#memory
    if (parking !== undefined || !pulled.starves) return
    const now = this.#context.host.nowMillis()
    for (const lane of lanes.values()) {
      if (now - lane.movedMillis < stalledMillis) continue
      const block = inbox.parkable(lane.partition)
      if (block === undefined || block instanceof LimitExceeded) continue
      return this.#park(block)
    }
  }

  #park(of: Delivery): void {
    this.#memory.parking = of
    const entry = { path: parkedPath(of, of.sequence), value: of.block }
    const write = this.#world.ports.state.write(this.#owner, [entry])
    this.#context.pipe(write, (exit): ShardMessage => ({ kind: "parked", of, exit }))
  }

  #parked({ of, exit }: ShardMessage & { readonly kind: "parked" }): void {
    const { inbox, pulled } = this.#memory
    if (of !== this.#memory.parking) return
    this.#memory.parking = undefined
    const lane = this.#memory.lane(of)
    const { sequence } = of
    if (Exit.isFailure(exit)) {
      const error = errorOf(exit.cause)
      // Whether it was written is not known; where it was, it is found and removed at takeover.
      if (error._tag !== "Unavailable" && error._tag !== "LimitExceeded")
        this.#world.failShard(this.#owner, error)
      return
    }
    if (sequence <= lane.covered) {
      this.#memory.toRemove.push({ ...lane.partition, sequence })
      return this.#remove()
    }
    inbox.parked(lane.partition, sequence)
    this.#world.mailboxes.parked(lane.partition, sequence)
    this.#memory.toAcknowledge.push({ ...lane.partition, sequence, committed: false })
    this.#acknowledge()
    pulled.freed()
    this.#look()
  }

  #failed(cause: Cause.Cause<unknown>): void {
    const error = errorOf(cause)
    if (error._tag !== "Unavailable" && error._tag !== "LimitExceeded") {
      return this.#world.failShard(this.#owner, error)
    }
    this.#later()
  }

  #later(): void {
    this.#context.startTimer("pull", retryMillisMax, { kind: "pull" })
  }
}

/** The typed error of a cause; anything else is a broken invariant. */
export function errorOf(cause: Cause.Cause<unknown>) {
  const error = Cause.squash(cause)
  return isIntelGraphError(error) ? error : new InvariantBroken({ message: String(error) })
}
