/**
 * Writes of records over the edge: taken for good once, whatever becomes of the node, and read by a
 * connector like a file of their source.
 *
 * Promises: what is answered is on stable storage, its bytes in the spool of the node that has the
 * source and its receipt in the actor state; a write that was taken and not finished goes on at the
 * next start, as the same run with the same counters, before anything else of its source but a file
 * that was interrupted and will be asked for; writes to one source follow each other in the order
 * in which they were taken; the same key with the same content is the same write, with other
 * content a `Conflict`. A receipt that says that a write is over was stored before the run's end
 * was, so no crash counts a record twice.
 *
 * Any node of a cluster takes any write: it passes it on to the node that has the source, which
 * records it with the keeper of the tenant's receipts, wherever that is, and any node tells of it.
 * Where the source goes to another node before the write was read, that one is given it, as soon as
 * the node with the bytes is there; those that are given keep their order, and have none among
 * those that the other takes meanwhile or is given by a third. A client that repeats it brings the
 * bytes again, and it goes on with these.
 *
 * What may fail beneath: the spool (the write is refused), the state or another node (the outcome
 * is unknown; the client asks again under the same key), a connector (the write stays pending until
 * the node starts anew, and says why). Does not promise receipts beyond `receiptsKeptMillisMax` and
 * `receiptsKeptMax`, nor in a backup the bytes of a write that was pending: after a restore its key
 * is new. One that waits for longer than `receiptsWaitMillisMax` while `receiptsKeptMax` newer ones
 * are taken is given up.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { type IntelGraphError, Invalid } from "../protocols/errors.ts"
import { receiptProblemsMax, writeLookMillisMax, writeLookMillisMin } from "../protocols/limits.ts"
import type { Mapping } from "../protocols/mapping.ts"
import type { OfferedKind } from "../runtime/index.ts"
import {
  notBegun,
  receiptOf,
  type Standing,
  type StoredReceipt,
  type WriteReceipt,
} from "./receipt.ts"
import type { SourceFormat } from "./source.ts"
import type { Arriving, SpooledBytes, SpoolShape } from "./spool.ts"
import { BetweenNodes, type BetweenParts } from "./write/between.ts"
import { cutShort } from "./write/bytes.ts"
import { holderOfBytes, WriteKeeper } from "./write/keeper.ts"
import { readToKeeper, readToTaker, type TakeMessage } from "./write/messages.ts"
import { type TakerParts, WriteTaker } from "./write/taker.ts"

export interface WriteRequest {
  readonly tenant: string
  readonly source: string
  readonly format: SourceFormat
  readonly mapping: Mapping | undefined
  /** Chosen by the client. */
  readonly idempotencyKey: string
  /** Records, where their number is known. */
  readonly given: number | undefined
}

export interface WritesShape {
  /** Where the bytes go before they are taken. */
  readonly receive: SpoolShape["receive"]
  /** Takes what has arrived for good; answers when that is on stable storage. */
  readonly take: (request: WriteRequest, arrived: Arriving) => Effect.Effect<void, IntelGraphError>
  /** As soon as the write is over or cannot go on, else as it is after `waitMillis`. */
  readonly receipt: (
    tenant: string,
    key: string,
    waitMillis: number,
  ) => Effect.Effect<WriteReceipt | undefined, IntelGraphError>
}

/** What a node gives to its writes. */
export interface WritesParts extends Omit<TakerParts, "keeper" | "between"> {
  /** Its way to the other nodes of its cluster. */
  readonly others: BetweenParts | undefined
}

/** Opens the writes of a node and begins again with those that were not finished. */
export const openWrites = (
  parts: WritesParts,
): Effect.Effect<WritesShape, IntelGraphError, Scope.Scope> =>
  Effect.gen(function* () {
    const { others } = parts
    const between = others === undefined ? undefined : new BetweenNodes(others)
    const keeper = new WriteKeeper(parts.world)
    const taker = new WriteTaker({ ...parts, keeper, between }, yield* Scope.Scope)
    const writes = new Writes({ ...parts, keeper, between }, taker)
    // Others are answered when it is known which bytes are here.
    yield* taker.resume()
    if (between !== undefined) yield* between.open(writes)
    return writes
  })

class Writes implements WritesShape {
  readonly #parts: TakerParts
  readonly #taker: WriteTaker

  constructor(parts: TakerParts, taker: WriteTaker) {
    this.#parts = parts
    this.#taker = taker
  }

  receive(tenant: string) {
    return this.#parts.spool.receive(tenant)
  }

  take(request: WriteRequest, arrived: Arriving): Effect.Effect<void, IntelGraphError> {
    const { tenant, source, format, mapping, idempotencyKey: key, given } = request
    const { between } = this.#parts
    if (between === undefined) return this.#taker.take(request, arrived)
    const recipe = { format, mapping: mapping ?? null }
    const passed = { key, given: given ?? null, recipe, bytesHash: arrived.hash() }
    const bytes: SpooledBytes = {
      length: arrived.bytes(),
      read: (offset, length) => arrived.read(offset, length),
    }
    return Effect.flatMap(between.isHere(tenant, source), (isHere) =>
      isHere
        ? this.#taker.take(request, arrived)
        : Effect.asVoid(between.take({ tenant, source }, passed, bytes)),
    )
  }

  receipt(tenant: string, key: string, waitMillis: number) {
    const { host } = this.#parts.world.ports
    return Effect.gen({ self: this }, function* () {
      const beganMillis = host.nowMillis()
      // Whoever its receipt names may have got it just now: it is looked for twice.
      const leastMillis = this.#parts.between === undefined ? 0 : writeLookMillisMin
      for (let pause = writeLookMillisMin; ; pause = Math.min(2 * pause, writeLookMillisMax)) {
        const told = yield* this.#told(tenant, key)
        const receipt = told === "nowhere" ? undefined : told
        const millis = told === "nowhere" ? Math.max(waitMillis, leastMillis) : waitMillis
        const leftMillis = beganMillis + millis - host.nowMillis()
        const isLast = receipt !== undefined && isOverOrHeldUp(receipt)
        if (told === undefined || isLast || leftMillis <= 0) return receipt
        const rests = this.#taker.rests(tenant, key)
        if (rests !== undefined) yield* Effect.timeoutOption(rests, leftMillis)
        else if (this.#parts.between === undefined) return receipt
        else yield* Effect.sleep(Math.min(leftMillis, pause))
      }
    })
  }

  /**
   * `nowhere`: it is not over, and its bytes are not where its receipt says. They are gone, or its
   * receipt says so from this moment on and who has them does not work on it yet.
   */
  #told(
    tenant: string,
    key: string,
  ): Effect.Effect<WriteReceipt | "nowhere" | undefined, IntelGraphError> {
    return Effect.gen({ self: this }, function* () {
      const { keeper } = this.#parts
      const stored = yield* keeper.known(tenant, key)
      if (stored === undefined) return undefined
      const standing = stored.end === null ? yield* this.#standing(tenant, key, stored) : notBegun
      if (standing !== undefined) return yield* this.#receipt(tenant, key, stored, standing)
      // It may have come to its end just now, or gone to another node.
      const now = yield* keeper.known(tenant, key)
      if (now === undefined) return undefined
      const hasMoved = holderOfBytes(now) !== holderOfBytes(stored)
      if (now.end === null && !hasMoved) return "nowhere"
      return yield* this.#receipt(tenant, key, now, notBegun)
    })
  }

  /** How far it is where its source is; `undefined` where its bytes should be there and are not. */
  #standing(tenant: string, key: string, stored: StoredReceipt) {
    const { between, world } = this.#parts
    const here = () => this.#taker.standing(tenant, key)
    const from = (standing: Standing | undefined, node: string | undefined) =>
      standing ?? (holderOfBytes(stored) === (node ?? null) ? undefined : notBegun)
    if (between === undefined) return Effect.sync(() => from(here(), world.node))
    return Effect.gen(function* () {
      const holder = yield* between.holderOf(tenant, stored.source)
      if (holder === undefined) return from(here(), world.node)
      const looked = between.look(tenant, stored.source, key)
      // Nobody there says it now: it is pending, as its receipt has it.
      const known = Effect.map(looked, (standing) => from(standing, holder))
      return yield* Effect.catch(known, () => Effect.sync(() => here() ?? notBegun))
    })
  }

  #receipt(tenant: string, key: string, stored: StoredReceipt, standing: Standing) {
    const { reads } = this.#parts.world.ports
    const run = stored.end === null ? standing.run : (stored.end.run ?? undefined)
    const { deadLettered } = stored.end?.counters ?? standing.counters
    const problems =
      run === undefined || deadLettered === 0
        ? Effect.succeed([])
        : reads.deadLettersOfRun(tenant, stored.source, run, receiptProblemsMax)
    return Effect.map(problems, (named) => receiptOf(key, stored, standing, named))
  }

  // What other nodes ask of this one.

  readonly keeper: OfferedKind = {
    tell: () => onlyAnswered(),
    ask: (tenant, _key, message) =>
      Effect.flatMap(readToKeeper(message), (said) =>
        said.say === "record"
          ? this.#parts.keeper.record(tenant, said)
          : Effect.as(this.#parts.keeper.settle(tenant, said), null),
      ),
  }

  readonly source: OfferedKind = {
    tell: () => onlyAnswered(),
    ask: (tenant, source, message) => this.#answer(tenant, source, message),
    stream: (tenant, source, message) => this.#answer(tenant, source, message),
  }

  #answer(
    tenant: string,
    source: string,
    message: unknown,
  ): Effect.Effect<unknown, IntelGraphError> {
    return Effect.flatMap(readToTaker(message), (said): Effect.Effect<unknown, IntelGraphError> => {
      if (said.say === "take") return this.#takeFor(tenant, source, said)
      const standing = this.#taker.standing(tenant, said.key)
      if (standing === undefined) return Effect.succeed({ standing: null })
      const { run, trouble } = standing
      return Effect.succeed({
        standing: { ...standing, run: run ?? null, trouble: trouble ?? null },
      })
    })
  }

  /** Takes a write that came over the edge of another node, or whose bytes are there. */
  #takeFor(tenant: string, source: string, said: TakeMessage) {
    const { spool, between, world } = this.#parts
    const { key, given, recipe, bytes, bytesHash, length } = said
    const { format, mapping } = recipe
    const request: WriteRequest = {
      tenant,
      source,
      format,
      mapping: mapping ?? undefined,
      idempotencyKey: key,
      given: given ?? undefined,
    }
    return Effect.scoped(
      Effect.gen({ self: this }, function* () {
        yield* this.#taker.mayBring(tenant, source, key)
        const arriving = yield* spool.receive(tenant)
        if ("here" in bytes) yield* arriving.append(bytes.here)
        else yield* between?.transfers.fetch(bytes.node, bytes.transfer, arriving) ?? Effect.void
        const isSame = bytesHash === null || bytesHash === arriving.hash()
        if (!isSame || arriving.bytes() !== length) return yield* Effect.fail(cutShort())
        yield* this.#taker.take(request, arriving)
        return { node: world.node ?? null }
      }),
    )
  }
}

const isOverOrHeldUp = ({ state, error }: WriteReceipt): boolean =>
  state !== "pending" || error !== undefined

const onlyAnswered = () =>
  new Invalid({ what: "message", message: "Writes are asked, not told: their answer counts." })
