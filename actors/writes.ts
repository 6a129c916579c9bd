/**
 * Writes of records over the edge: taken for good once, whatever becomes of the node, and read by a
 * connector like a file of their source.
 *
 * Promises: what is answered is on stable storage, its bytes in the spool and its receipt in the
 * actor state; a write that was taken and not finished goes on at the next start, as the same run
 * with the same counters, before anything else of its source but a file that was interrupted and
 * will be asked for; writes to one source follow each other in the order in which they were taken;
 * the same key with the same content is the same write, with other content a `Conflict`. A receipt
 * that says that a write is over was stored before the run's end was, so no crash counts a record
 * twice. In a cluster a write is taken where both the tenant's writes and the source are; where
 * these go to another node before it was read it waits until the source is back, and has no order
 * among the writes that the other takes meanwhile. What may fail beneath: the spool (the write is
 * refused), the state (the outcome is unknown; the client asks again under the same key), a
 * connector (the write stays pending until the node starts anew, and says why). Does not promise
 * receipts beyond `receiptsKeptMillisMax` and `receiptsKeptMax`, nor in a backup the bytes of a
 * write that was pending: after a restore its key is new.
 */
import { hash } from "node:crypto"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { formatAddress } from "../protocols/address.ts"
import { canonicalJson, type Json } from "../protocols/canonical.ts"
import {
  Conflict,
  type Fenced,
  type IntelGraphError,
  MailboxFull,
  Unavailable,
} from "../protocols/errors.ts"
import type { Run } from "../protocols/event.ts"
import {
  receiptProblemsMax,
  receiptsKeptMax,
  receiptsKeptMillisMax,
  receiptsTrimmedPerWrite,
  retryMillisMax,
  spoolWritesPerSourceMax,
} from "../protocols/limits.ts"
import type { Mapping } from "../protocols/mapping.ts"
import type { Ownership, StateEntry, StatePath } from "../runtime/index.ts"
import type { IngestReport, IngestRequest } from "./api.ts"
import type { InterruptedFiles } from "./interrupted-files.ts"
import { shardOfConnector } from "./partition.ts"
import {
  decodeStored,
  encodeStored,
  notBegun,
  numbersPath,
  receiptOf,
  receiptPath,
  type Standing,
  type StoredReceipt,
  type StoredWrite,
  type WriteNumbers,
  type WriteReceipt,
  writePath,
} from "./receipt.ts"
import { writeIncarnation } from "./run-record.ts"
import type { SourceFormat } from "./source.ts"
import type { Arriving, SpoolShape } from "./spool.ts"
import type { World } from "./world.ts"

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
export interface WritesParts {
  readonly world: World
  readonly spool: SpoolShape
  readonly ingest: (request: IngestRequest) => Effect.Effect<IngestReport>
  readonly interrupted: InterruptedFiles
  readonly ensureTenant: (tenant: string) => Effect.Effect<void, IntelGraphError>
}

/** Opens the writes of a node and begins again with those that were not finished. */
export const openWrites = (
  parts: WritesParts,
): Effect.Effect<WritesShape, IntelGraphError, Scope.Scope> =>
  Effect.gen(function* () {
    const writes = new Writes(parts, yield* Scope.Scope)
    yield* writes.resume()
    return writes
  })

/** A write that is not over. */
interface Live {
  readonly tenant: string
  readonly key: string
  readonly stored: StoredReceipt
  readonly recipe: NonNullable<StoredWrite["recipe"]>
  /** Over, or not to go on before the node starts anew. */
  readonly rests: Deferred.Deferred<void>
  standing: Standing
}

interface TenantWrites {
  readonly turn: Semaphore.Semaphore
  readonly live: Map<string, Live>
  /** How many of them each source has. */
  readonly bySource: Map<string, number>
  /** As they were written last, under this epoch of the shard. */
  numbers: (WriteNumbers & { readonly epoch: number }) | undefined
}

class Writes implements WritesShape {
  readonly #parts: WritesParts
  readonly #scope: Scope.Scope
  readonly #tenants = new Map<string, TenantWrites>()

  constructor(parts: WritesParts, scope: Scope.Scope) {
    this.#parts = parts
    this.#scope = scope
  }

  receive(tenant: string) {
    return this.#parts.spool.receive(tenant)
  }

  take(request: WriteRequest, arrived: Arriving): Effect.Effect<void, IntelGraphError> {
    const { turn } = this.#of(request.tenant)
    return Effect.uninterruptible(turn.withPermits(1)(this.#takeInTurn(request, arrived)))
  }

  receipt(tenant: string, key: string, waitMillis: number) {
    return Effect.suspend(() => {
      const live = this.#of(tenant).live.get(key)
      if (live === undefined || waitMillis <= 0) return this.#receipt(tenant, key)
      const waited = Effect.timeoutOption(Deferred.await(live.rests), waitMillis)
      return Effect.andThen(waited, this.#receipt(tenant, key))
    })
  }

  /** What has no receipt that waits for it was never acknowledged, or is over. */
  resume(): Effect.Effect<void, IntelGraphError> {
    const { world, spool, ensureTenant } = this.#parts
    return Effect.forEach(
      spool.kept(),
      (kept) =>
        world.patiently(
          Effect.gen({ self: this }, function* () {
            const { tenant, number } = kept
            const write = yield* this.#read<StoredWrite>(tenant, writePath(tenant, number))
            const key = write?.idempotencyKey ?? ""
            const stored = yield* this.#read<StoredReceipt>(tenant, receiptPath(tenant, key))
            const recipe = write?.recipe ?? null
            if (recipe === null || stored?.number !== number || stored.end !== null) {
              return yield* spool.remove(kept)
            }
            yield* ensureTenant(tenant)
            yield* this.#begin(tenant, key, stored, recipe)
          }),
        ),
      { discard: true },
    )
  }

  #takeInTurn(request: WriteRequest, arrived: Arriving): Effect.Effect<void, IntelGraphError> {
    const { tenant, source, format, mapping, idempotencyKey: key } = request
    const { world, spool, ensureTenant } = this.#parts
    const own = this.#of(tenant)
    return Effect.gen({ self: this }, function* () {
      const content = contentHash(request, arrived.hash())
      const known = yield* this.#known(tenant, key)
      if (known !== undefined) {
        return known.hash === content ? undefined : yield* Effect.fail(otherContent(key))
      }
      const owner = yield* this.#isHere(request)
      const waiting = own.bySource.get(source) ?? 0
      if (waiting >= spoolWritesPerSourceMax) return yield* Effect.fail(sourceFull(tenant, source))
      yield* ensureTenant(tenant)
      const numbers = yield* this.#numbers(tenant, owner)
      const number = numbers.next
      const takenAtMillis = world.ports.host.nowMillis()
      const trimmed = yield* this.#trim(request, numbers, takenAtMillis)
      const given = request.given ?? null
      const node = world.node ?? null
      const stored = { number, source, hash: content, takenAtMillis, given, end: null, node }
      const recipe = { format, mapping: mapping ?? null }
      const next = { next: number + 1, oldest: trimmed.oldest }
      yield* arrived.keep(number)
      const entries = [
        ...trimmed.entries,
        entry(receiptPath(tenant, key), stored),
        entry(writePath(tenant, number), { idempotencyKey: key, recipe }),
        entry(numbersPath(tenant), next),
      ]
      // Where it is unknown what became of this the write is not acknowledged; without its bytes
      // a receipt that was stored all the same counts as none.
      own.numbers = undefined
      yield* Effect.onError(this.#writeAs(owner, entries), () =>
        Effect.ignore(spool.remove({ tenant, number })),
      )
      own.numbers = { ...next, epoch: owner.epoch }
      yield* this.#begin(tenant, key, stored, recipe)
    })
  }

  /** A write is kept by one node, and read by the one that has the source: this one is both. */
  #isHere({ tenant, source }: WriteRequest): Effect.Effect<Ownership, Unavailable> {
    const { world } = this.#parts
    const connector = formatAddress({ tenant, kind: "connector", key: source })
    return Effect.andThen(
      world.owning(shardOfConnector(connector)),
      world.owning(shardOfWrites(tenant)),
    )
  }

  /** Reads in the background; begun at once, so that writes of a source keep their order. */
  #begin(tenant: string, key: string, stored: StoredReceipt, recipe: Live["recipe"]) {
    return Effect.gen({ self: this }, function* () {
      const rests = yield* Deferred.make<void>()
      const live: Live = { tenant, key, stored, recipe, rests, standing: notBegun }
      const { live: all, bySource } = this.#of(tenant)
      all.set(key, live)
      bySource.set(stored.source, (bySource.get(stored.source) ?? 0) + 1)
      yield* Effect.forkIn(this.#drive(live), this.#scope, { startImmediately: true })
    })
  }

  #drive(live: Live): Effect.Effect<void> {
    const { ingest, interrupted } = this.#parts
    const request = this.#requestOf(live)
    const again: Effect.Effect<void> = Effect.flatMap(ingest(request), ({ error }) => {
      // Too many ingests of the tenant wait: commands brought them, and there will be room.
      if (error?._tag === "LimitExceeded" && this.#isLive(live)) {
        return Effect.andThen(Effect.sleep(retryMillisMax), again)
      }
      if (this.#isLive(live)) live.standing = { ...live.standing, trouble: troubleOf(error) }
      return Deferred.succeed(live.rests, undefined)
    })
    return Effect.andThen(interrupted.wait(request), again)
  }

  #isLive(live: Live): boolean {
    return this.#of(live.tenant).live.get(live.key) === live
  }

  #requestOf(live: Live): IngestRequest {
    const { tenant, key, stored, recipe } = live
    const { number, source, hash: content } = stored
    return {
      tenant,
      source,
      format: recipe.format,
      mapping: recipe.mapping ?? undefined,
      file: `write:${key}`,
      write: {
        path: this.#parts.spool.pathOf({ tenant, number }),
        incarnation: `${writeIncarnation}${number}:${content}`,
      },
      again: "once",
      // A record that is wrong is told of in the receipt; it does not fail the others.
      maxBadShare: 1,
      watch: {
        seen: ({ counters, offered, fileBytes, fileBytesRead }, run) => {
          live.standing = { counters, offered, fileBytes, fileBytesRead, run, trouble: undefined }
        },
        settle: (report, run) => this.#settle(live, report, run),
      },
    }
  }

  #settle(live: Live, report: IngestReport, run: Run | undefined) {
    const { tenant, key, stored, rests } = live
    const { number } = stored
    return Effect.gen({ self: this }, function* () {
      if (!this.#isLive(live)) return
      const { counters, error } = report
      const end = {
        state: report.phase === "failed" ? ("failed" as const) : ("committed" as const),
        counters,
        run: run ?? null,
        error: error?.message ?? null,
      }
      yield* this.#write(tenant, [
        entry(receiptPath(tenant, key), { ...stored, end }),
        entry(writePath(tenant, number), { idempotencyKey: key, recipe: null }),
      ])
      this.#forget(live)
      // A file that stays is removed at the next start.
      yield* Effect.ignore(this.#parts.spool.remove({ tenant, number }))
      yield* Deferred.succeed(rests, undefined)
    })
  }

  #forget({ tenant, key, stored: { source } }: Live): void {
    const { live, bySource } = this.#of(tenant)
    live.delete(key)
    const left = (bySource.get(source) ?? 1) - 1
    if (left > 0) bySource.set(source, left)
    else bySource.delete(source)
  }

  #receipt(tenant: string, key: string): Effect.Effect<WriteReceipt | undefined, IntelGraphError> {
    const { reads } = this.#parts.world.ports
    return Effect.gen({ self: this }, function* () {
      const stored = yield* this.#known(tenant, key)
      if (stored === undefined) return undefined
      const standing = this.#of(tenant).live.get(key)?.standing ?? notBegun
      const run = stored.end === null ? standing.run : (stored.end.run ?? undefined)
      const { deadLettered } = stored.end?.counters ?? standing.counters
      const problems =
        run === undefined || deadLettered === 0
          ? []
          : yield* reads.deadLettersOfRun(tenant, stored.source, run, receiptProblemsMax)
      return receiptOf(key, stored, standing, problems)
    })
  }

  /** Neither one that is kept no longer nor one whose bytes are gone. */
  #known(tenant: string, key: string): Effect.Effect<StoredReceipt | undefined, IntelGraphError> {
    return Effect.gen({ self: this }, function* () {
      const { live } = this.#of(tenant)
      const now = live.get(key)
      if (now !== undefined) return now.stored
      const stored = yield* this.#read<StoredReceipt>(tenant, receiptPath(tenant, key))
      if (stored === undefined) return live.get(key)?.stored
      if (stored.end === null) return live.get(key)?.stored ?? this.#pendingElsewhere(stored)
      return this.#isOld(stored, this.#parts.world.ports.host.nowMillis()) ? undefined : stored
    })
  }

  /** Another node has the bytes, and goes on with them when the source is there again. */
  #pendingElsewhere(stored: StoredReceipt): StoredReceipt | undefined {
    const node = stored.node ?? undefined
    return node === undefined || node === this.#parts.world.node ? undefined : stored
  }

  #isOld({ takenAtMillis }: StoredReceipt, nowMillis: number): boolean {
    return nowMillis - takenAtMillis > receiptsKeptMillisMax
  }

  /** Another node may have counted on while the shard was its. */
  #numbers(tenant: string, { epoch }: Ownership): Effect.Effect<WriteNumbers, IntelGraphError> {
    const { numbers } = this.#of(tenant)
    if (numbers?.epoch === epoch) return Effect.succeed(numbers)
    const read = this.#read<WriteNumbers>(tenant, numbersPath(tenant))
    return Effect.map(read, (kept) => kept ?? { next: 1, oldest: 1 })
  }

  /** Lets the oldest receipts go, a few each time. */
  #trim(coming: WriteRequest, { next, oldest: from }: WriteNumbers, nowMillis: number) {
    const { tenant, idempotencyKey } = coming
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
        if (isOwn && this.#of(tenant).live.has(write.idempotencyKey)) break
        if (isOwn && stored.end === null && this.#pendingElsewhere(stored) !== undefined) break
        const tooMany = next - oldest >= receiptsKeptMax
        if (isOwn && !tooMany && !this.#isOld(stored, nowMillis)) break
        entries.push({ path, value: undefined })
        const comesAgain = write.idempotencyKey === idempotencyKey
        if (isOwn && !comesAgain) entries.push({ path: of, value: undefined })
      }
      return { entries, oldest }
    })
  }

  #of(tenant: string): TenantWrites {
    const known = this.#tenants.get(tenant)
    if (known !== undefined) return known
    const maps = { live: new Map(), bySource: new Map() }
    const own = { turn: Semaphore.makeUnsafe(1), ...maps, numbers: undefined }
    this.#tenants.set(tenant, own)
    return own
  }

  #read<A>(tenant: string, path: StatePath): Effect.Effect<A | undefined, IntelGraphError> {
    const read = this.#parts.world.ports.state.read(shardOfWrites(tenant), path)
    return Effect.flatMap(read, (bytes) =>
      bytes === undefined ? Effect.undefined : decodeStored<A>(bytes),
    )
  }

  #write(tenant: string, entries: readonly StateEntry[]): Effect.Effect<void, IntelGraphError> {
    const { world } = this.#parts
    return Effect.flatMap(world.owning(shardOfWrites(tenant)), (owner) =>
      this.#writeAs(owner, entries),
    )
  }

  #writeAs(owner: Ownership, entries: readonly StateEntry[]): Effect.Effect<void, IntelGraphError> {
    const { world } = this.#parts
    return Effect.catchTag(world.ports.state.write(owner, entries), "Fenced", (error) =>
      Effect.fail(takenOver(world, error)),
    )
  }
}

const shardOfWrites = (tenant: string): number =>
  shardOfConnector(formatAddress({ tenant, kind: "writes", key: "" }))

const entry = (path: StatePath, value: Parameters<typeof encodeStored>[0]): StateEntry => ({
  path,
  value: encodeStored(value),
})

/** Equal for the same bytes that mean the same. */
function contentHash(request: WriteRequest, bytesHash: string): string {
  const { source, format, mapping } = request
  const json: Json = {
    source,
    format,
    mapping: (mapping ?? null) as unknown as Json,
    bytes: bytesHash,
  }
  return hash("sha256", canonicalJson(json), "hex")
}

const otherContent = (key: string) =>
  new Conflict({
    message: `The idempotency key ${JSON.stringify(key)} was used for another write.`,
  })

/** Whether it was written is not known; the owner of now answers under the same key. */
const takenOver = (world: World, error: Fenced): Unavailable => {
  world.fail(error)
  const message = "Another node has taken over what keeps this write."
  return new Unavailable({ message, retryAfterMillis: retryMillisMax })
}

const sourceFull = (tenant: string, source: string) =>
  new MailboxFull({
    mailbox: formatAddress({ tenant, kind: "connector", key: source }),
    limit: "depth",
    retryAfterMillis: retryMillisMax,
    message: `${spoolWritesPerSourceMax} writes to the source ${source} wait already.`,
  })

/** Why a write waits for the next start; what is the node's own business stays in its log. */
function troubleOf(error: IntelGraphError | undefined): string {
  const goesOn = "It goes on when the node starts anew."
  return error?.family === "Refused" ? `${error.message} ${goesOn}` : goesOn
}
