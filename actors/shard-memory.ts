/**
 * What the reader of a shard must not forget when its actor starts anew, since the log holds its
 * blocks as delivered; and the opening of it at takeover, from the sinks' cursors and the parked
 * blocks.
 */
import * as Effect from "effect/Effect"
import { type Partition, shardOf } from "../protocols/address.ts"
import { LogDamaged } from "../protocols/errors.ts"
import { parkedPageMax } from "../protocols/limits.ts"
import {
  type ActorRef,
  type ActorStateShape,
  type Delivery,
  type PulledShare,
  parkedShardPrefix,
  partitionOfParkedPath,
  ShardInbox,
  type StatePath,
  sequenceOfParkedPath,
  type Tail,
  type Taken,
} from "../runtime/index.ts"
import type { DurableMailboxes } from "./durable-mailboxes.ts"
import type { PartitionMessage, ShardMessage } from "./messages.ts"

/** Bytes of pulled blocks that all readers of a node share, and who waits for some of them. */
export class PulledBytes implements PulledShare {
  readonly bytesMax: number
  bytes = 0
  readonly #starved = new Set<string>()
  readonly #readers = new Set<ActorRef<ShardMessage>>()
  readonly #awaitRoom = new Set<ActorRef<ShardMessage>>()

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  register(reader: ActorRef<ShardMessage>): void {
    this.#readers.add(reader)
  }

  /** The reader of a shard that is given up, and the names of its partitions. */
  unregister(reader: ActorRef<ShardMessage>, partitions: Iterable<string>): void {
    this.#readers.delete(reader)
    this.#awaitRoom.delete(reader)
    for (const partition of partitions) this.#starved.delete(partition)
    this.freed()
  }

  /** Whether some partition could begin a block and has none, because it found no room. */
  get starves(): boolean {
    return this.#starved.size > 0
  }

  /** Readers are told when a partition begins to starve: they may hold what stalls. */
  note(partition: string, starves: boolean): void {
    if (!starves) {
      this.#starved.delete(partition)
      return
    }
    if (this.#starved.has(partition)) return
    this.#starved.add(partition)
    for (const reader of this.#readers) reader.tell({ kind: "look" })
  }

  /** The reader is told to pull again when there is room. */
  awaitRoom(reader: ActorRef<ShardMessage>): void {
    this.#awaitRoom.add(reader)
  }

  /** Bytes were given back. */
  freed(): void {
    if (this.#awaitRoom.size === 0 || this.bytes > 0.75 * this.bytesMax) return
    const readers = [...this.#awaitRoom]
    this.#awaitRoom.clear()
    for (const reader of readers) reader.tell({ kind: "pull" })
  }
}

export type Numbered = Partition & { readonly sequence: number }

/** `committed`: every sink has it. Otherwise it is parked. */
export type Finished = Numbered & { readonly committed: boolean }

/** What the reader knows of one partition beside its blocks. */
export interface Lane {
  readonly partition: Partition
  readonly name: string
  ref: ActorRef<PartitionMessage> | undefined
  life: number
  /** Credit in blocks. */
  wanted: number
  /** Every sink has what is at or below. */
  covered: number
  /** When a block was last done, or the first one came. */
  movedMillis: number
  /** A parked block that is started and whose bytes are being read. */
  fetching: number | undefined
}

export class ShardMemory {
  readonly pulled: PulledBytes
  readonly inbox: ShardInbox
  readonly lanes = new Map<string, Lane>()
  /** Incarnations so far. */
  life = 0
  /** Acknowledgements that wait, and those whose call is unanswered. */
  toAcknowledge: Finished[] = []
  acknowledging: readonly Finished[] = []
  /** The same for removals of parked blocks. */
  toRemove: Numbered[] = []
  removing: readonly Numbered[] = []
  /** The block that is being parked. */
  parking: Delivery | undefined

  constructor(pulled: PulledBytes) {
    this.pulled = pulled
    this.inbox = new ShardInbox(pulled)
  }

  /** The shard is given up, and its reader has stopped. */
  close(reader: ActorRef<ShardMessage>): void {
    this.inbox.close()
    this.pulled.unregister(reader, this.lanes.keys())
  }

  lane({ tenant, partition }: Partition): Lane {
    const name = `${tenant}/${partition}`
    let lane = this.lanes.get(name)
    if (lane === undefined) {
      lane = {
        partition: { tenant, partition },
        name,
        ref: undefined,
        life: 0,
        wanted: 0,
        covered: 0,
        movedMillis: 0,
        fetching: undefined,
      }
      this.lanes.set(name, lane)
    }
    return lane
  }
}

/**
 * The memories of shards just taken over. Their epochs are claimed and every sink is guarded, so
 * neither a cursor nor the list of parked blocks can change under this any more.
 */
export const openShards = Effect.fnUntraced(function* (
  taken: Taken,
  state: Pick<ActorStateShape, "list">,
  parts: { readonly mailboxes: DurableMailboxes; readonly pulled: PulledBytes },
) {
  const parked = new Map<string, number[]>()
  const memories = new Map<number, ShardMemory>()
  const carrying = new Set(taken.tails.map((tail) => shardOf(tail.tenant, tail.partition)))
  for (const { shard } of taken.owners) {
    memories.set(shard, new ShardMemory(parts.pulled))
    parts.mailboxes.owns(shard)
    // What is parked came from the log.
    if (carrying.has(shard)) yield* listParked(state, shard, parked)
  }
  const covered = coveredBy(taken)
  for (const tail of taken.tails) {
    const memory = memories.get(shardOf(tail.tenant, tail.partition))
    if (memory === undefined) continue
    const lane = memory.lane(tail)
    const sequences = parked.get(lane.name) ?? []
    yield* checkParked(lane.name, tail.lastSequence, sequences)
    lane.covered = covered.get(lane.name) ?? 0
    yield* checkCovered(lane, tail, sequences)
    const gone = memory.inbox.opened(lane.partition, lane.covered, sequences)
    for (const sequence of gone) memory.toRemove.push({ ...lane.partition, sequence })
    parts.mailboxes.opened(lane.partition, tail, sequences.slice(gone.length))
  }
  return memories as ReadonlyMap<number, ShardMemory>
})

/** Sequences of a shard's parked blocks, by the name of their partition, in order. */
const listParked = Effect.fnUntraced(function* (
  state: Pick<ActorStateShape, "list">,
  shard: number,
  into: Map<string, number[]>,
) {
  let after: StatePath | undefined
  while (true) {
    const page = yield* state.list(shard, parkedShardPrefix, { after, limit: parkedPageMax })
    for (const { path } of page) {
      const { tenant, partition } = partitionOfParkedPath(path)
      const name = `${tenant}/${partition}`
      const sequences = into.get(name) ?? []
      into.set(name, sequences)
      sequences.push(sequenceOfParkedPath(path))
    }
    after = page.at(-1)?.path
    if (page.length < parkedPageMax) return
  }
})

/** Parked blocks came from the log: one above its end means that the log lost its tail. */
const checkParked = (name: string, lastSequence: number, parked: readonly number[]) => {
  const sequence = parked.at(-1) ?? 0
  if (sequence <= lastSequence) return Effect.void
  const message = `Block ${sequence} of ${name} is parked, and the log ends at ${lastSequence}.`
  return Effect.fail(new LogDamaged({ partition: name, sequence, message }))
}

/**
 * The log gives up a block once every sink has it, or it is parked. With nothing left of a
 * partition, a sink that is behind its end is another one, or an older copy: what is missing there
 * would be missing for good, and nobody would know.
 */
const checkCovered = (
  { name, covered }: Lane,
  { lastSequence, pending }: Tail,
  parked: readonly number[],
) => {
  if (pending > 0 || parked.length > 0 || covered >= lastSequence) return Effect.void
  return Effect.fail(otherGraph(name, lastSequence, covered))
}

/** `covered`: how much of the partition the graph has. */
export const otherGraph = (name: string, sequence: number, covered: number): LogDamaged =>
  new LogDamaged({
    partition: name,
    sequence,
    message:
      `The log has given up block ${sequence} of ${name} as applied, and this graph has ` +
      `${covered === 0 ? "none of them" : `them up to ${covered}`}: it is another graph than ` +
      "the log has fed, or an older copy.",
    next: "Start with the graph that belongs to this log, or with a new log and an empty graph.",
  })

/** The lowest cursor of all sinks; a partition that one of them does not know is at 0. */
function coveredBy({ cursors }: Taken): ReadonlyMap<string, number> {
  const [first = new Map<string, number>(), ...others] = cursors.map(
    (list) => new Map(list.map((at) => [`${at.tenant}/${at.partition}`, at.sequence])),
  )
  return new Map(
    [...first].map(([name, sequence]) => [
      name,
      Math.min(sequence, ...others.map((other) => other.get(name) ?? 0)),
    ]),
  )
}
