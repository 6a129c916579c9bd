/**
 * Takes writes to the sources that this node has, and reads each as a file of its source.
 *
 * Promises: what is taken is on stable storage, its bytes in the spool and its receipt with the
 * keeper; writes to one source are read in the order in which they were taken here. What is not
 * over goes on at the next start. Where its source has gone to another node, that one is given the
 * write, one of a source after the other in the order of their numbers: its bytes go from here when
 * that node has them on stable storage, the write is over, or it was given up. While a write
 * is on its way out this node says of no copy that it has it, so two that give to each other cannot
 * both let go; and of none before its receipt names this node. It is not read again where another
 * node has read it. What may fail beneath: the spool (nothing is taken), the keeper (whether it
 * was taken is unknown), a connector (the write stays pending until the node starts anew, and says
 * why).
 */
import { hash } from "node:crypto"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { formatAddress, shardOfAddress } from "../../protocols/address.ts"
import { canonicalJson, type Json } from "../../protocols/canonical.ts"
import { type IntelGraphError, MailboxFull, Unavailable } from "../../protocols/errors.ts"
import type { Run } from "../../protocols/event.ts"
import {
  retryMillisMax,
  spoolWritesPerSourceMax,
  writeGiveMillisMax,
} from "../../protocols/limits.ts"
import type { IngestReport, IngestRequest } from "../api.ts"
import type { InterruptedFiles } from "../interrupted-files.ts"
import type { Standing, StoredReceipt } from "../receipt.ts"
import { writeIncarnation } from "../run-record.ts"
import type { Arriving, SpoolShape } from "../spool.ts"
import type { World } from "../world.ts"
import type { WriteRequest } from "../writes.ts"
import { type BetweenNodes, sourceOf } from "./between.ts"
import { holderOfBytes, otherContent, type WriteKeeper } from "./keeper.ts"
import { type LiveWrite, LiveWrites, type WaitingWrite } from "./live.ts"
import type { RecordMessage, SettleMessage } from "./messages.ts"

export interface TakerParts {
  readonly world: World
  readonly spool: SpoolShape
  readonly ingest: (request: IngestRequest) => Effect.Effect<IngestReport>
  readonly interrupted: InterruptedFiles
  readonly ensureTenant: (tenant: string) => Effect.Effect<void, IntelGraphError>
  readonly keeper: WriteKeeper
  /** Missing where the node has no others to talk to. */
  readonly between: BetweenNodes | undefined
}

export class WriteTaker {
  readonly #parts: TakerParts
  readonly #scope: Scope.Scope
  readonly #live = new LiveWrites()

  constructor(parts: TakerParts, scope: Scope.Scope) {
    this.#parts = parts
    this.#scope = scope
  }

  /** Where its source is: takes it for good, or finds that it was taken. */
  take(request: WriteRequest, arrived: Arriving): Effect.Effect<void, IntelGraphError> {
    const { tenant } = request
    const taken = this.#live.inTurn(tenant, this.#takeInTurn(request, arrived))
    // Before the turn: a tenant that is new may wait long for the node that makes it.
    return Effect.andThen(this.#parts.ensureTenant(tenant), taken)
  }

  /** What it was known as; refused where it would not be taken, whatever its bytes are. */
  mayBring(
    tenant: string,
    source: string,
    key: string,
  ): Effect.Effect<StoredReceipt | undefined, IntelGraphError> {
    const { world, keeper } = this.#parts
    return Effect.gen({ self: this }, function* () {
      const here = this.#live.get(tenant, key)
      if (here?.isOnItsWay === true) return yield* Effect.fail(onItsWay())
      const known = here?.stored ?? (yield* keeper.known(tenant, key))
      if (here !== undefined || (known !== undefined && known.end !== null)) return known
      yield* world.owning(shardOfAddress(sourceOf(tenant, source)))
      const waiting = this.#live.count(tenant, source)
      if (waiting >= spoolWritesPerSourceMax) return yield* Effect.fail(sourceFull(tenant, source))
      return known
    })
  }

  /** How far it is here; `undefined` where its bytes are not here. */
  standing(tenant: string, key: string): Standing | undefined {
    return this.#live.get(tenant, key)?.standing
  }

  /** Over here, or not to go on; `undefined` where that was so already. */
  rests(tenant: string, key: string): Effect.Effect<void> | undefined {
    const live = this.#live.get(tenant, key)
    if (live === undefined || Deferred.isDoneUnsafe(live.rests)) return undefined
    return Deferred.await(live.rests)
  }

  /** What has no receipt that waits for it was never acknowledged, or is over. */
  resume(): Effect.Effect<void, IntelGraphError> {
    const { world, spool, keeper, ensureTenant } = this.#parts
    return Effect.forEach(
      spool.kept(),
      (kept) =>
        world.patiently(
          Effect.gen({ self: this }, function* () {
            const { tenant, number } = kept
            const pending = yield* keeper.numbered(tenant, number)
            if (pending === undefined) return yield* spool.remove(kept)
            yield* ensureTenant(tenant)
            yield* this.#begin({ tenant, ...pending })
          }),
        ),
      { discard: true },
    )
  }

  #takeInTurn(request: WriteRequest, arrived: Arriving): Effect.Effect<void, IntelGraphError> {
    const { tenant, source, idempotencyKey: key } = request
    const { spool } = this.#parts
    const content = contentHash(request, arrived.hash())
    const asked = this.#recordOf(request, content)
    return Effect.gen({ self: this }, function* () {
      const known = yield* this.mayBring(tenant, source, key)
      const here = this.#live.get(tenant, key)
      if (here !== undefined || (known !== undefined && known.end !== null)) {
        if (known?.hash !== content) return yield* Effect.fail(otherContent(key))
        const isOurs = here === undefined || (yield* this.#isOurs(here, asked))
        return isOurs ? undefined : yield* Effect.fail(onItsWay())
      }
      const isKept = known !== undefined && spool.has({ tenant, number: known.number })
      yield* arrived.flush()
      const stored = yield* this.#record(tenant, { ...asked, holds: isKept ? known.number : null })
      if (stored.end !== null) return
      const write = { tenant, key, stored, recipe: asked.recipe }
      yield* arrived.keep(stored.number)
      // Where the answer is missing the receipt may name this node: its copy stays.
      const isOurs =
        holderOfBytes(stored) === asked.node ||
        (yield* Effect.tapError(this.#isOurs(write, asked), () => this.#begin(write)))
      if (isOurs) return yield* this.#begin(write)
      yield* spool.remove({ tenant, number: stored.number })
      return yield* Effect.fail(onItsWay())
    })
  }

  /**
   * Has the receipt say that the bytes are here. Another node may have taken the write since, which
   * does not have its source any more, or is gone: it lets its bytes go when this one has them, and
   * who has none is not to be named.
   */
  #isOurs(write: Pick<WaitingWrite, "tenant" | "stored">, asked: RecordMessage) {
    const { number } = write.stored
    if (this.#parts.between === undefined) return Effect.succeed(true)
    return Effect.map(
      this.#record(write.tenant, { ...asked, holds: number }),
      (now) => now.number === number && (now.end !== null || holderOfBytes(now) === asked.node),
    )
  }

  #recordOf(request: WriteRequest, content: string): RecordMessage {
    const { source, format, mapping, idempotencyKey: key, given } = request
    return {
      say: "record",
      key,
      source,
      hash: content,
      given: given ?? null,
      recipe: { format, mapping: mapping ?? null },
      node: this.#parts.world.node ?? null,
      holds: null,
    }
  }

  #record(tenant: string, asked: RecordMessage): Effect.Effect<StoredReceipt, IntelGraphError> {
    return (this.#parts.between ?? this.#parts.keeper).record(tenant, asked)
  }

  /** Reads in the background; begun at once, so that writes of a source keep their order. */
  #begin(write: WaitingWrite): Effect.Effect<void> {
    return Effect.suspend(() => {
      const driven = this.#drive(this.#live.add(write))
      return Effect.asVoid(Effect.forkIn(driven, this.#scope, { startImmediately: true }))
    })
  }

  /** Until it is over, gone, or cannot go on. */
  #drive(live: LiveWrite): Effect.Effect<void> {
    const { interrupted } = this.#parts
    const request = this.#requestOf(live)
    const again: Effect.Effect<void> = Effect.suspend(() => {
      if (!this.#live.has(live)) return Effect.void
      const isElsewhere = this.#isElsewhere(live)
      const before = this.#live.before(live, isElsewhere)
      if (before !== undefined) {
        const gone = Effect.timeoutOption(Deferred.await(before.rests), retryMillisMax)
        return Effect.andThen(gone, again)
      }
      if (isElsewhere) return Effect.andThen(this.#leave(live), again)
      live.isBeingRead = true
      return Effect.flatMap(
        Effect.andThen(interrupted.wait(request), this.#read(live)),
        (goesOn) => (goesOn ? Effect.andThen(Effect.sleep(retryMillisMax), again) : Effect.void),
      )
    })
    return again
  }

  /** Whether it is to be tried again. */
  #read(live: LiveWrite): Effect.Effect<boolean> {
    return Effect.flatMap(this.#parts.ingest(this.#requestOf(live)), ({ phase, error }) => {
      live.isBeingRead = false
      if (!this.#live.has(live)) return Effect.succeed(false)
      // Too many ingests of the tenant wait: commands brought them, and there will be room.
      if (error?._tag === "LimitExceeded") return Effect.succeed(true)
      if (error?._tag === "Unavailable" && this.#parts.world.node !== undefined) {
        return Effect.succeed(true)
      }
      if (phase === "skipped") return Effect.as(this.#leave(live), true)
      live.standing = { ...live.standing, trouble: troubleOf(error) }
      return Effect.as(Deferred.succeed(live.rests, undefined), false)
    })
  }

  #isElsewhere({ tenant, stored: { source } }: LiveWrite): boolean {
    const { world } = this.#parts
    return (
      world.node !== undefined &&
      world.ownerOf(shardOfAddress(sourceOf(tenant, source))) === undefined
    )
  }

  /** Lets it go where it is over or another node has it; else it stays, and is asked for again. */
  #leave(live: LiveWrite): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const isFirst = this.#live.before(live, true) === undefined
      const mayGo = (yield* this.#isOver(live)) || (isFirst && (yield* this.#isGivenAway(live)))
      // In the turn of its tenant, so that nobody takes it anew meanwhile.
      if (mayGo) yield* this.#live.inTurn(live.tenant, this.#drop(live))
      return mayGo
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          live.isOnItsWay = false
        }),
      ),
      Effect.flatMap((isGone) => (isGone ? Effect.void : Effect.sleep(retryMillisMax))),
      // The next time all its bytes go again.
      Effect.catch(() => {
        const pause = Effect.sleep(live.giveMillis)
        live.giveMillis = Math.min(2 * live.giveMillis, writeGiveMillisMax)
        return pause
      }),
    )
  }

  /** Somebody has read it, or its key is another write's by now. */
  #isOver({ tenant, stored: { number } }: LiveWrite): Effect.Effect<boolean, IntelGraphError> {
    return Effect.map(
      this.#parts.keeper.numbered(tenant, number),
      (pending) => pending === undefined,
    )
  }

  #isGivenAway(live: LiveWrite): Effect.Effect<boolean, IntelGraphError> {
    const { tenant, key, stored, recipe } = live
    const { between, spool, world } = this.#parts
    const { source, number, given } = stored
    if (between === undefined) return Effect.succeed(false)
    const passed = { key, given, recipe, bytesHash: null }
    return Effect.scoped(
      Effect.gen({ self: this }, function* () {
        const holder = yield* between.holderOf(tenant, source)
        if (holder === undefined) return false
        yield* this.#live.inTurn(
          tenant,
          Effect.sync(() => {
            live.isOnItsWay = true
          }),
        )
        const bytes = yield* spool.bytesOf({ tenant, number })
        const { node } = yield* between.take({ tenant, source }, passed, bytes)
        return node !== world.node
      }),
    )
  }

  #drop(live: LiveWrite) {
    const { tenant, stored, rests } = live
    return Effect.gen({ self: this }, function* () {
      if (!this.#live.has(live)) return
      this.#live.remove(live)
      // A file that stays is looked at when the node starts anew.
      yield* Effect.ignore(this.#parts.spool.remove({ tenant, number: stored.number }))
      yield* Deferred.succeed(rests, undefined)
    })
  }

  #requestOf(live: LiveWrite): IngestRequest {
    const { tenant, key, stored, recipe } = live
    const { number, source, hash: content } = stored
    const { spool, world } = this.#parts
    return {
      tenant,
      source,
      format: recipe.format,
      mapping: recipe.mapping ?? undefined,
      file: `write:${key}`,
      write: {
        path: spool.pathOf({ tenant, number }),
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
        // Alone, nobody else reads it.
        ...(world.node === undefined ? {} : { isOver: this.#isOver(live) }),
      },
    }
  }

  #settle(live: LiveWrite, report: IngestReport, run: Run | undefined) {
    const { tenant, key, stored } = live
    const { between, keeper } = this.#parts
    return Effect.gen({ self: this }, function* () {
      if (!this.#live.has(live)) return
      const { counters, error, phase } = report
      const state = phase === "failed" ? ("failed" as const) : ("committed" as const)
      const end = { state, counters, run: run ?? null, error: error?.message ?? null }
      const said: SettleMessage = { say: "settle", key, number: stored.number, end }
      yield* between === undefined
        ? keeper.settle(tenant, said)
        : Effect.mapError(between.settle(tenant, said), saidAgain)
      yield* this.#drop(live)
    })
  }
}

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

const onItsWay = () =>
  new Unavailable({
    message: "The write is on its way to another node.",
    retryAfterMillis: retryMillisMax,
  })

/** A keeper that cannot say it now can later; the write is over all the same. */
const saidAgain = ({ message }: IntelGraphError) =>
  new Unavailable({ message, retryAfterMillis: retryMillisMax })

const sourceFull = (tenant: string, source: string) =>
  new MailboxFull({
    mailbox: formatAddress(sourceOf(tenant, source)),
    limit: "depth",
    retryAfterMillis: retryMillisMax,
    message: `${spoolWritesPerSourceMax} writes to the source ${source} wait already.`,
  })

/** Why a write waits for the next start; what is the node's own business stays in its log. */
function troubleOf(error: IntelGraphError | undefined): string {
  const goesOn = "It goes on when the node starts anew."
  return error?.family === "Refused" ? `${error.message} ${goesOn}` : goesOn
}
