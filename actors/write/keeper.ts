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
 * not told stays, with those behind it, until there are too many. It is passed over then, and
 * looked at by and by: let go when it is over, and given up when it has waited for too long.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { type Address, shardOfAddress } from "../../protocols/address.ts"
import { Conflict, type Fenced, type IntelGraphError, Unavailable } from "../../protocols/errors.ts"
import {
  receiptsKeptMax,
  receiptsKeptMillisMax,
  receiptsPassedMax,
  receiptsTrimmedPerWrite,
  receiptsWaitMillisMax,
  retryMillisMax,
} from "../../protocols/limits.ts"
import { type Ownership, type StateEntry, type StatePath, wallMillis } from "../../runtime/index.ts"
import {
  decodeStored,
  encodeStored,
  numbersPath,
  type PassedWrites,
  passedPath,
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
  numbers: (WriteNumbers & PassedWrites & { readonly epoch: number }) | undefined
  /** Whose turn it is of those that were passed over. */
  look: number
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
      const { passed } = trimmed
      const takenAtMillis = wallMillis(this.#world.ports.host)
      const stored = { number, source, hash, takenAtMillis, given, end: null, node }
      const next = { next: number + 1, oldest: trimmed.oldest }
      // Where it is unknown what becomes of this, the numbers are read anew.
      own.numbers = undefined
      yield* this.#write(owner, [
        ...trimmed.entries,
        ...(passed === numbers.passed ? [] : [entry(passedPath(tenant), { passed })]),
        entry(receiptPath(tenant, key), stored),
        entry(writePath(tenant, number), { idempotencyKey: key, recipe }),
        entry(numbersPath(tenant), next),
      ])
      own.numbers = { ...next, passed, epoch: owner.epoch }
      return stored
    })
  }

  /** Another node may have counted on while the shard was its. */
  #numbers(
    tenant: string,
    { epoch }: Ownership,
  ): Effect.Effect<WriteNumbers & PassedWrites, IntelGraphError> {
    const { numbers } = this.#of(tenant)
    if (numbers?.epoch === epoch) return Effect.succeed(numbers)
    return Effect.gen({ self: this }, function* () {
      const kept = yield* this.#read<WriteNumbers>(tenant, numbersPath(tenant))
      const over = yield* this.#read<PassedWrites>(tenant, passedPath(tenant))
      const { next, oldest } = kept ?? { next: 1, oldest: 1 }
      return { next, oldest, passed: over?.passed ?? [] }
    })
  }

  /** Lets the oldest receipts go, a few each time, and one of those that were passed over. */
  #trim(tenant: string, coming: string, numbers: WriteNumbers & PassedWrites) {
    const { next, oldest: from } = numbers
    return Effect.gen({ self: this }, function* () {
      const entries: StateEntry[] = []
      let { oldest, passed } = numbers
      const look = passed[this.#of(tenant).look++ % Math.max(1, passed.length)]
      if (look !== undefined) {
        const { write, own } = yield* this.#under(tenant, look)
        if (own === undefined || own.end !== null || this.#isOld(own, receiptsWaitMillisMax)) {
          entries.push(...gone(tenant, look, write, own, coming))
          passed = passed.filter((one) => one !== look)
        }
      }
      for (; oldest < Math.min(next, from + receiptsTrimmedPerWrite); oldest++) {
        const { write, own } = yield* this.#under(tenant, oldest)
        if (write === undefined) continue
        const tooMany = next - oldest >= receiptsKeptMax
        // One that is not over holds up the others until there are too many.
        if (own !== undefined && !tooMany && (own.end === null || !this.#isOld(own))) break
        if (own !== undefined && own.end === null) {
          // Somebody may have its bytes.
          if (passed.length >= receiptsPassedMax) break
          passed = [...passed, oldest]
        } else entries.push(...gone(tenant, oldest, write, own, coming))
      }
      return { entries, oldest, passed }
    })
  }

  /** What is kept under a number, and its receipt: the key may have been used again since. */
  #under(tenant: string, number: number) {
    return Effect.gen({ self: this }, function* () {
      const write = yield* this.#read<StoredWrite>(tenant, writePath(tenant, number))
      if (write === undefined) return { write, own: undefined }
      const path = receiptPath(tenant, write.idempotencyKey)
      const stored = yield* this.#read<StoredReceipt>(tenant, path)
      return { write, own: stored?.number === number ? stored : undefined }
    })
  }

  /** One whose age is not known never is: it goes where there are too many, and when it is over. */
  #isOld({ takenAtMillis }: StoredReceipt, millisMax = receiptsKeptMillisMax): boolean {
    const isKnown = takenAtMillis > processClockMillisMax
    return isKnown && wallMillis(this.#world.ports.host) - takenAtMillis > millisMax
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
    const own = { turn: Semaphore.makeUnsafe(1), numbers: undefined, look: 0 }
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

/** Without the receipt of the write that comes, which takes the place of the one before. */
const gone = (
  tenant: string,
  number: number,
  write: StoredWrite | undefined,
  own: StoredReceipt | undefined,
  coming: string,
): readonly StateEntry[] => {
  if (write === undefined) return []
  const { idempotencyKey: key } = write
  const receipt = own === undefined || key === coming ? [] : [receiptPath(tenant, key)]
  return [writePath(tenant, number), ...receipt].map((path) => ({ path, value: undefined }))
}

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
