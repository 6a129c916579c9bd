/**
 * The keeper of a tenant's receipts: the actor `tenant/writes/`, on the node that holds its shard.
 * Numbers the tenant's writes, whichever nodes take them, and says of each key whether it is known.
 *
 * Promises: a number is given once, in the fenced group that stores its receipt, so a keeper that
 * another one has followed gives none; of a key there is one write, and of its end the first that
 * is said stands. The receipt names the node that has the bytes; it goes over to another one only
 * when that one says that it has them on stable storage. What may fail beneath: the state. The
 * outcome is unknown then, and whoever asked asks again: the same question has the same answer.
 * Lets old receipts go, a few with each new one, in the order of their numbers; one whose end is
 * not told stays, with those behind it, until there are too many.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { type Address, shardOfAddress } from "../../protocols/address.ts"
import { Conflict, type Fenced, type IntelGraphError, Unavailable } from "../../protocols/errors.ts"
import {
  receiptsKeptMax,
  receiptsKeptMillisMax,
  receiptsTrimmedPerWrite,
  retryMillisMax,
} from "../../protocols/limits.ts"
import { type Ownership, type StateEntry, type StatePath, wallMillis } from "../../runtime/index.ts"
import {
  decodeStored,
  encodeStored,
  numbersPath,
  receiptPath,
  type StoredReceipt,
  type StoredWrite,
  type WriteNumbers,
  writePath,
} from "../receipt.ts"
import type { World } from "../world.ts"
import type { RecordMessage, SettleMessage } from "./messages.ts"

export const keeperKind = "writes"

export const keeperOf = (tenant: string): Address => ({ tenant, kind: keeperKind, key: "" })

/** Up to here it was the clock of a process, as it was stored once, and no wall clock of today. */
const processClockMillisMax = 1e12

interface Kept {
  readonly turn: Semaphore.Semaphore
  /** As they were written last, under this epoch of the shard. */
  numbers: (WriteNumbers & { readonly epoch: number }) | undefined
}

export class WriteKeeper {
  readonly #world: World
  readonly #tenants = new Map<string, Kept>()

  constructor(world: World) {
    this.#world = world
  }

  /** The receipt that stands for this write now. `Conflict` where its key is another write's. */
  record(tenant: string, asked: RecordMessage): Effect.Effect<StoredReceipt, IntelGraphError> {
    const { key, hash, node, holds } = asked
    return this.#inTurn(tenant, (owner) =>
      Effect.gen({ self: this }, function* () {
        const stored = yield* this.known(tenant, key)
        if (stored === undefined || isWithoutBytes(stored, asked)) {
          return yield* this.#begin(tenant, asked, owner)
        }
        if (stored.hash !== hash) return yield* Effect.fail(otherContent(key))
        if (stored.end !== null || holds !== stored.number) return stored
        if (holderOfBytes(stored) === node) return stored
        const moved = { ...stored, node }
        yield* this.#write(owner, [entry(receiptPath(tenant, key), moved)])
        return moved
      }),
    )
  }

  /** The write is over; said again, or too late, it changes nothing. */
  settle(tenant: string, said: SettleMessage): Effect.Effect<void, IntelGraphError> {
    const { key, number, end } = said
    return this.#inTurn(tenant, (owner) =>
      Effect.gen({ self: this }, function* () {
        const stored = yield* this.#read<StoredReceipt>(tenant, receiptPath(tenant, key))
        if (stored?.number !== number || stored.end !== null) return
        yield* this.#write(owner, [
          entry(receiptPath(tenant, key), { ...stored, end }),
          entry(writePath(tenant, number), { idempotencyKey: key, recipe: null }),
        ])
      }),
    )
  }

  /** As it is stored, and not older than receipts are kept; any node may read it. */
  known(tenant: string, key: string): Effect.Effect<StoredReceipt | undefined, IntelGraphError> {
    return Effect.map(this.#read<StoredReceipt>(tenant, receiptPath(tenant, key)), (stored) =>
      stored === undefined || (stored.end !== null && this.#isOld(stored)) ? undefined : stored,
    )
  }

  /** What is kept under a number, with the receipt of its key. */
  numbered(tenant: string, number: number) {
    return Effect.gen({ self: this }, function* () {
      const write = yield* this.#read<StoredWrite>(tenant, writePath(tenant, number))
      if (write === undefined) return undefined
      const { idempotencyKey: key, recipe } = write
      const stored = yield* this.#read<StoredReceipt>(tenant, receiptPath(tenant, key))
      const isPending = stored?.number === number && stored.end === null
      return isPending && recipe !== null ? { key, stored, recipe } : undefined
    })
  }

  #begin(tenant: string, asked: RecordMessage, owner: Ownership) {
    const { key, source, hash, given, recipe, node } = asked
    const own = this.#of(tenant)
    return Effect.gen({ self: this }, function* () {
      const numbers = yield* this.#numbers(tenant, owner)
      const number = numbers.next
      const trimmed = yield* this.#trim(tenant, key, numbers)
      const takenAtMillis = wallMillis(this.#world.ports.host)
      const stored = { number, source, hash, takenAtMillis, given, end: null, node }
      const next = { next: number + 1, oldest: trimmed.oldest }
      // Where it is unknown what becomes of this, the numbers are read anew.
      own.numbers = undefined
      yield* this.#write(owner, [
        ...trimmed.entries,
        entry(receiptPath(tenant, key), stored),
        entry(writePath(tenant, number), { idempotencyKey: key, recipe }),
        entry(numbersPath(tenant), next),
      ])
      own.numbers = { ...next, epoch: owner.epoch }
      return stored
    })
  }

  /** Another node may have counted on while the shard was its. */
  #numbers(tenant: string, { epoch }: Ownership): Effect.Effect<WriteNumbers, IntelGraphError> {
    const { numbers } = this.#of(tenant)
    if (numbers?.epoch === epoch) return Effect.succeed(numbers)
    const read = this.#read<WriteNumbers>(tenant, numbersPath(tenant))
    return Effect.map(read, (kept) => kept ?? { next: 1, oldest: 1 })
  }

  /** Lets the oldest receipts go, a few each time. */
  #trim(tenant: string, coming: string, { next, oldest: from }: WriteNumbers) {
    return Effect.gen({ self: this }, function* () {
      const entries: StateEntry[] = []
      let oldest = from
      for (; oldest < Math.min(next, from + receiptsTrimmedPerWrite); oldest++) {
        const path = writePath(tenant, oldest)
        const write = yield* this.#read<StoredWrite>(tenant, path)
        if (write === undefined) continue
        const of = receiptPath(tenant, write.idempotencyKey)
        const stored = yield* this.#read<StoredReceipt>(tenant, of)
        // The key may have been used again, where the bytes of this write were gone.
        const isOwn = stored?.number === oldest
        const tooMany = next - oldest >= receiptsKeptMax
        // One that is not over holds up the others: passed over, it would never be let go.
        if (isOwn && !tooMany && (stored.end === null || !this.#isOld(stored))) break
        // Somebody may have its bytes.
        if (isOwn && stored.end === null) continue
        entries.push({ path, value: undefined })
        if (isOwn && write.idempotencyKey !== coming) entries.push({ path: of, value: undefined })
      }
      return { entries, oldest }
    })
  }

  /** One whose age is not known goes where there are too many. */
  #isOld({ takenAtMillis }: StoredReceipt): boolean {
    const isKnown = takenAtMillis > processClockMillisMax
    return isKnown && wallMillis(this.#world.ports.host) - takenAtMillis > receiptsKeptMillisMax
  }

  /** Whoever waits for the turn may give up; whoever has it goes through with it. */
  #inTurn<A>(
    tenant: string,
    work: (owner: Ownership) => Effect.Effect<A, IntelGraphError>,
  ): Effect.Effect<A, IntelGraphError> {
    const owned = Effect.flatMap(this.#world.owning(shardOfAddress(keeperOf(tenant))), work)
    return this.#of(tenant).turn.withPermits(1)(Effect.uninterruptible(owned))
  }

  #of(tenant: string): Kept {
    const known = this.#tenants.get(tenant)
    if (known !== undefined) return known
    const own = { turn: Semaphore.makeUnsafe(1), numbers: undefined }
    this.#tenants.set(tenant, own)
    return own
  }

  #read<A>(tenant: string, path: StatePath): Effect.Effect<A | undefined, IntelGraphError> {
    const read = this.#world.ports.state.read(shardOfAddress(keeperOf(tenant)), path)
    return Effect.flatMap(read, (bytes) =>
      bytes === undefined ? Effect.undefined : decodeStored<A>(bytes),
    )
  }

  #write(owner: Ownership, entries: readonly StateEntry[]): Effect.Effect<void, IntelGraphError> {
    return Effect.catchTag(this.#world.ports.state.write(owner, entries), "Fenced", (error) =>
      Effect.fail(takenOver(this.#world, error)),
    )
  }
}

/** The node that has the bytes of a write that is not over, as its receipt says. */
export const holderOfBytes = ({ node }: StoredReceipt): string | null => node ?? null

/** Who asks would have the bytes and has not: it was never acknowledged, or its copy is gone. */
const isWithoutBytes = (stored: StoredReceipt, { node, holds }: RecordMessage): boolean =>
  stored.end === null && holderOfBytes(stored) === node && holds !== stored.number

const entry = (path: StatePath, value: Parameters<typeof encodeStored>[0]): StateEntry => ({
  path,
  value: encodeStored(value),
})

export const otherContent = (key: string) =>
  new Conflict({
    message: `The idempotency key ${JSON.stringify(key)} was used for another write.`,
  })

/** Whether it was written is not known; the owner of now answers under the same key. */
const takenOver = (world: World, error: Fenced): Unavailable => {
  world.fail(error)
  const message = "Another node has taken over what keeps this write."
  return new Unavailable({ message, retryAfterMillis: retryMillisMax })
}
