/**
 * A connector: reads one file of a source as one run, cuts nothing itself but offers what its
 * reader cut to the tenant's partitions, and ends when every record is committed (contracts §3, §4,
 * §7).
 *
 * Promises: the run is recorded, fenced, before its first block; the recorded position is never
 * ahead of what the log acknowledged; an offered block stays as it is until the log answers to it;
 * reading stops while a partition refuses, with at most one read buffer and two blocks per
 * partition held. After a crash the same content goes on from its position, as the same run with
 * the same counters. Where another node owns the source it reads nothing and follows that one's
 * record, until the content, or what came after it, is read to its end there. What may fail
 * beneath: the source (what came before stands, the run fails), the log or the state (unavailable:
 * tried again; broken: the node ends; fenced: so, too, or its shard is closed).
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { formatAddress, shardOf } from "../protocols/address.ts"
import { noSourceCounters, type SourceCounters } from "../protocols/counters.ts"
import { type IntelGraphError, TooManyBad } from "../protocols/errors.ts"
import type { Run } from "../protocols/event.ts"
import {
  countMillis,
  followMillis,
  maxBadJudgedFromRecords,
  retryMillisMax,
  retryMillisMin,
} from "../protocols/limits.ts"
import type { ActorContext, ActorType, Behavior, Ownership, Receipt } from "../runtime/index.ts"
import {
  type ConnectorPhase,
  type ConnectorProgress,
  type IngestReport,
  type IngestRequest,
  isWrite,
} from "./api.ts"
import { Follower } from "./follower.ts"
import type { ConnectorMessage } from "./messages.ts"
import { Outbox, type Sealed } from "./outbox.ts"
import { OvertakenRun, overtakenBy, withOvertaken } from "./overtaken.ts"
import { shardOfConnector } from "./partition.ts"
import { digestOfRecipe } from "./pipeline/digest-of-recipe.ts"
import { encodeRecipe } from "./recipes.ts"
import {
  decodeRun,
  encodeRun,
  type FileRead,
  fileReadBy,
  type RunRecord,
  type RunState,
  recipePath,
  runPath,
} from "./run-record.ts"
import { errorOf } from "./shard.ts"
import type { OpenSource, SourceChunk, SourcePlace } from "./source.ts"
import { TokenBucket } from "./token-bucket.ts"
import type { World } from "./world.ts"

export interface ConnectorArgument {
  readonly world: World
  readonly request: IngestRequest
  /** Of the source's shard; `undefined` where another node has it. */
  readonly owner: Ownership | undefined
  readonly partitions: number
  readonly report: (report: IngestReport) => void
  /** Where the tenant looks for progress; outlives a restart of the connector. */
  readonly board: ConnectorBoard
}

/** The newest progress of one connector. */
export class ConnectorBoard {
  progress: ConnectorProgress | undefined
  startedAtMillis: number | undefined
  refusedBlocks = 0
  /** Told to stop reading: an incarnation after a crash does not begin again. */
  interrupted = false
}

export const connectorType: ActorType<ConnectorMessage, ConnectorArgument> = {
  kind: "connector",
  restart: "transient",
  start: (context, argument) => new Connector(context, argument),
}

const beginning: SourcePlace = { offset: 0, ordinal: 0 }

class Connector implements Behavior<ConnectorMessage> {
  readonly #context: ActorContext<ConnectorMessage>
  readonly #argument: ConnectorArgument
  readonly #world: World
  readonly #sender: string
  readonly #owner: Ownership | undefined
  readonly #follower: Follower
  readonly #bucket: TokenBucket | undefined
  #phase: ConnectorPhase = "waiting"
  #source: OpenSource | undefined
  #record: RunRecord | undefined
  /** Where what is read here is not the source's newest run. */
  #overtaken: OvertakenRun | undefined
  #outbox: Outbox | undefined
  #chunk: SourceChunk | undefined
  #chunkAt = 0
  /** Where reading goes on after everything that the outbox has taken. */
  #next: SourcePlace = beginning
  #reading = false
  #ended = false
  #failure: IntelGraphError | undefined
  #counters: SourceCounters = noSourceCounters
  #fileBytesRead = 0
  /** Another look at the counters may be under way when one finds that all is committed. */
  #isComplete = false
  #positionWriting = false
  #positionWritten = 0
  readonly #attempts = new Map<number, number>()

  constructor(context: ActorContext<ConnectorMessage>, argument: ConnectorArgument) {
    this.#context = context
    this.#argument = argument
    this.#world = argument.world
    this.#sender = formatAddress(context.address)
    this.#owner = argument.owner
    this.#follower = new Follower(argument.world, argument.request, this.#sender)
    const { ratePerSecondMax } = argument.request
    const now = context.host.nowMillis()
    argument.board.startedAtMillis ??= now
    if (ratePerSecondMax !== undefined) this.#bucket = new TokenBucket(ratePerSecondMax, now)
    this.#enter("hashing")
    this.#readRecord()
  }

  receive(message: ConnectorMessage): void {
    if (message.kind === "step") return message.of === this ? message.step() : undefined
    this.#argument.board.interrupted = true
    if (this.#outbox === undefined) return this.#end("interrupted")
    this.#advance()
  }

  // Beginning: the record of the run before, the content's hash, the record of this run.

  #readRecord(): void {
    this.#readRun((before) => this.#open(before))
  }

  #readRun(then: (record: RunRecord | undefined) => void): void {
    const { tenant, source } = this.#argument.request
    const shard = shardOfConnector(this.#sender)
    const read = this.#world.ports.state.read(shard, runPath(tenant, source))
    this.#then(read, (bytes) => then(bytes === undefined ? undefined : decodeRun(bytes)))
  }

  #open(before: RunRecord | undefined): void {
    const { request } = this.#argument
    const open = this.#world.ports.sources.open(request, (content) => {
      const digest = Buffer.from(digestOfRecipe(content.recipe)).toString("hex")
      return goesOn(before, content.hash, digest) ? before.position : beginning
    })
    // The source stays open as long as this incarnation lives: the piped effect never ends by
    // itself.
    const held = open.pipe(
      Effect.tap((source) => {
        const step = () => this.#begin(source, before)
        return Effect.sync(() => this.#context.self.tell(this.#step(step), "control"))
      }),
      Effect.andThen(Effect.never),
      Effect.scoped,
    )
    this.#context.pipe(held, (exit) =>
      this.#step(() => {
        if (!Exit.isFailure(exit)) return
        this.#failure = errorOf(exit.cause)
        this.#settle("failed", () => this.#end("failed"))
      }),
    )
  }

  #begin(source: OpenSource, before: RunRecord | undefined): void {
    const { request } = this.#argument
    const digest = Buffer.from(digestOfRecipe(source.recipe)).toString("hex")
    const read = fileReadBy(before)
    this.#source = source
    if (
      before !== undefined &&
      request.again === "once" &&
      read?.contentHash === source.contentHash &&
      read.recipeDigest === digest
    ) {
      return this.#skip(before, read)
    }
    const owner = this.#owner
    if (owner === undefined) return this.#follow(source, before)
    const record = () => this.#recordRun(source, before, owner)
    const { isOver } = request.watch ?? {}
    if (isOver === undefined) return record()
    this.#then(isOver, (over) => (over ? this.#end("skipped") : record()))
  }

  #skip(before: RunRecord, { run }: FileRead): void {
    this.#record = { ...before, run }
    this.#count(() => this.#end("skipped"))
  }

  #recordRun(source: OpenSource, before: RunRecord | undefined, owner: Ownership): void {
    const { request } = this.#argument
    const digest = Buffer.from(digestOfRecipe(source.recipe)).toString("hex")
    const { contentHash } = source
    const resumed = goesOn(before, contentHash, digest)
    const late = resumed
      ? undefined
      : OvertakenRun.of(before, { contentHash, recipeDigest: digest })
    const record: RunRecord = {
      run: resumed ? before.run : (late?.run ?? nextRun(before, owner.epoch)),
      state: "open",
      file: request.file,
      contentHash,
      recipeDigest: digest,
      position: resumed ? before.position : beginning,
      fileRead: isWrite(request) ? fileReadBy(before) : undefined,
      overtaken: resumed ? before.overtaken : overtakenBy(before),
    }
    this.#record = record
    this.#overtaken = late
    this.#next = record.position
    this.#world.recipes.put(digest, source.recipe)
    const entries = [
      { path: recipePath(request.tenant, digest), value: encodeRecipe(source.recipe) },
      {
        path: runPath(request.tenant, request.source),
        value: encodeRun(late?.recordAs("open") ?? record),
      },
    ]
    const start = () => this.#start(record, owner)
    this.#then(this.#world.ports.state.write(owner, entries), () =>
      // What is committed of it is shown from the first moment on.
      resumed || late !== undefined ? this.#count(start) : start(),
    )
  }

  /** Looks again and again how far the owner is. */
  #follow(source: OpenSource, before: RunRecord | undefined): void {
    const { board } = this.#argument
    if (board.interrupted) return this.#end("interrupted")
    const read = this.#follower.readSince(before)
    if (before !== undefined && read !== undefined) return this.#skip(before, read)
    this.#failure = this.#follower.isInVain(source.contentHash, before)
    if (this.#failure !== undefined) return this.#end("failed")
    this.#record = before
    this.#enter("waiting")
    this.#context.pipe(Effect.sleep(followMillis), () =>
      this.#step(() => this.#readRun((record) => this.#begin(source, record))),
    )
  }

  #start(record: RunRecord, { epoch }: Ownership): void {
    const { request, partitions } = this.#argument
    this.#world.latency.clear(this.#sender)
    this.#outbox = new Outbox({
      sender: this.#sender,
      incarnation: { epoch, start: this.#world.nextStart() },
      mappingDigest: Buffer.from(record.recipeDigest, "hex"),
      source: request.source,
      run: record.run,
      file: request.file,
      partitions,
    })
    this.#enter("reading")
    this.#context.startTimer(
      "count",
      countMillis,
      this.#step(() => this.#poll()),
      { repeat: true },
    )
    this.#advance()
  }

  // Reading: a chunk at a time, as long as the partitions take it.

  #advance(): void {
    const outbox = this.#outbox
    if (outbox === undefined || this.#phase !== "reading") return
    const now = this.#context.host.nowMillis()
    this.#feed(outbox, now)
    const drained = this.#ended && this.#chunk === undefined
    const everything = drained || this.#argument.board.interrupted
    for (const sealed of outbox.seal(now, { everything })) this.#offer(sealed)
    // Sealing made room: what waits of the chunk may fit now.
    if (this.#chunk !== undefined) this.#feed(outbox, now)
    if (this.#chunk === undefined && !this.#ended && !this.#argument.board.interrupted)
      this.#readOn()
    const linger = outbox.lingerMillis(now)
    if (linger !== undefined) {
      this.#context.startTimer(
        "linger",
        linger,
        this.#step(() => this.#advance()),
      )
    }
    if (outbox.empty && everything) this.#enter("draining")
  }

  #feed(outbox: Outbox, now: number): void {
    while (this.#chunk !== undefined && !this.#argument.board.interrupted) {
      const event = this.#chunk.events[this.#chunkAt]
      if (event === undefined) {
        this.#next = this.#chunk.next
        this.#chunk = undefined
        this.#chunkAt = 0
        return
      }
      const waitMillis = this.#bucket?.waitMillis(now) ?? 0
      if (waitMillis > 0) {
        this.#context.startTimer(
          "rate",
          waitMillis,
          this.#step(() => this.#advance()),
        )
        return
      }
      if (!outbox.add(event, now)) return
      if (this.#overtaken !== undefined) this.#overtaken.hasVersions ||= event.version !== undefined
      this.#bucket?.take()
      this.#chunkAt++
      // Not the end of its bytes: those of a record that was set aside may be shortened.
      const { offset, ordinal } = this.#chunk.events[this.#chunkAt] ?? this.#chunk.next
      this.#next = { offset, ordinal }
    }
  }

  #readOn(): void {
    if (this.#reading || this.#source === undefined) return
    this.#reading = true
    this.#context.pipe(this.#source.next, (exit) =>
      this.#step(() => {
        this.#reading = false
        if (this.#ended) return this.#advance()
        if (Exit.isFailure(exit)) {
          this.#failure ??= errorOf(exit.cause)
          this.#ended = true
        } else if (exit.value === undefined) {
          this.#ended = true
        } else {
          this.#chunk = exit.value
          this.#chunkAt = 0
          this.#fileBytesRead = exit.value.fileBytesRead
        }
        this.#advance()
      }),
    )
  }

  // Sending: the same bytes until the log answers.

  #offer(sealed: Sealed): void {
    const { partition, block } = sealed
    const { tenant } = this.#argument.request
    if (this.#world.ownerOf(shardOf(tenant, partition)) !== undefined) {
      this.#world.latency.sealed(this.#sender, partition, sealed.senderSequence, sealed.cutAtMillis)
    }
    this.#context.pipe(this.#world.ports.log.append({ tenant, partition, block }), (exit) =>
      this.#step(() => this.#answered(sealed, exit)),
    )
  }

  #answered(sealed: Sealed, exit: Exit.Exit<Receipt, IntelGraphError>): void {
    const at = { tenant: this.#argument.request.tenant, partition: sealed.partition }
    if (Exit.isSuccess(exit)) {
      this.#attempts.delete(sealed.partition)
      this.#world.mailboxes.admitted(at, exit.value.sequence)
      this.#overtaken?.sent(sealed.partition, exit.value.sequence)
      this.#outbox?.answered(sealed.partition)
      this.#writePosition()
      return this.#advance()
    }
    const error = errorOf(exit.cause)
    if (error._tag === "MailboxFull" || error._tag === "LogFull") {
      this.#world.mailboxes.refused(at)
      this.#argument.board.refusedBlocks++
    } else if (error._tag !== "Unavailable") {
      return this.#world.fail(error)
    }
    const attempt = this.#attempts.get(sealed.partition) ?? 0
    this.#attempts.set(sealed.partition, attempt + 1)
    const ceiling = Math.min(retryMillisMax, retryMillisMin * 2 ** attempt)
    const waited = Effect.sleep(Math.max(retryMillisMin, ceiling * this.#context.host.random()))
    const freed = this.#world.ports.log.whenFree(at)
    const again = error._tag === "MailboxFull" ? Effect.raceFirst(freed, waited) : waited
    this.#context.pipe(again, () => this.#step(() => this.#offer(sealed)))
  }

  /** One write at a time; what advances meanwhile goes with the next. */
  #writePosition(): void {
    const [record, outbox] = [this.#record, this.#outbox]
    if (record === undefined || outbox === undefined || this.#positionWriting) return
    if (this.#overtaken !== undefined) return
    const position = outbox.position(this.#next)
    if (position.ordinal <= this.#positionWritten) return
    this.#positionWriting = true
    this.#then(this.#writeRun("open", position), () => {
      this.#positionWriting = false
      this.#positionWritten = position.ordinal
      this.#writePosition()
    })
  }

  #writeRun(state: RunState, position: SourcePlace) {
    const { tenant, source } = this.#argument.request
    const own = { ...(this.#record as RunRecord), state, position }
    const record = this.#overtaken?.recordAs(state) ?? own
    const entries = [{ path: runPath(tenant, source), value: encodeRun(record) }]
    return this.#world.ports.state.write(this.#owner as Ownership, entries)
  }

  // Ending: when the store has counted every record of the run.

  #poll(): void {
    if (this.#phase !== "reading" && this.#phase !== "draining") return
    const late = this.#overtaken
    if (late === undefined || this.#phase === "reading") return this.#count(() => this.#judge())
    // In this order: what the store has committed by now is in the counters that are read then.
    this.#then(this.#world.ports.sink.cursors(this.#argument.request.tenant), (cursors) => {
      const isCovered = late.isCovered(cursors)
      this.#count(() => (isCovered ? this.#judgeOvertaken(late) : this.#judge()))
    })
  }

  /** All that was sent is committed; what is not counted is hidden by a later run. */
  #judgeOvertaken(late: OvertakenRun): void {
    const { tenant, source } = this.#argument.request
    const isWhole = this.#ended && this.#chunk === undefined
    if (this.#counters.read >= this.#next.ordinal || !isWhole) return this.#judge()
    this.#then(this.#world.ports.reads.sources(tenant), (all) => {
      if (this.#overtaken !== late || this.#isComplete) return
      const known = all.find((one) => one.source === source)
      if (late.hasVersions || known === undefined || known.counters.deadLettered > 0) {
        return this.#readAnew(late)
      }
      this.#counters = withOvertaken(this.#counters, this.#next.ordinal)
      this.#judge()
    })
  }

  /** As a run of its own; what was committed of it is duplicates there, or changed again. */
  #readAnew(late: OvertakenRun): void {
    const written = this.#writeRun("finished", this.#next)
    this.#context.cancelTimer("count")
    this.#enter("hashing")
    this.#overtaken = undefined
    this.#record = undefined
    this.#source = undefined
    this.#outbox = undefined
    this.#ended = false
    this.#counters = noSourceCounters
    this.#then(written, () => this.#open(late.recordAs("finished")))
  }

  #count(then: () => void): void {
    const { tenant, source } = this.#argument.request
    const run = (this.#record as RunRecord).run
    this.#then(this.#world.ports.reads.runCounters(tenant, source, run), (counters) => {
      if (this.#record?.run !== run) return
      if (!this.#isComplete) this.#counters = counters
      then()
    })
  }

  #judge(): void {
    if (this.#isComplete) return
    const { maxBadShare, source } = this.#argument.request
    const { read, deadLettered } = this.#counters
    const complete = this.#phase === "draining" && read >= this.#next.ordinal
    const share = read === 0 ? 0 : deadLettered / read
    if (share > maxBadShare && (complete || read >= maxBadJudgedFromRecords)) {
      const message =
        `${deadLettered} of ${read} records of source ${source} went to the dead ` +
        `letters, more than the ${(maxBadShare * 100).toFixed(1)} % allowed.`
      this.#failure ??= new TooManyBad({ deadLettered, read, share, message })
      this.#ended = true
      this.#chunk = undefined
    }
    if (!complete) {
      this.#publish()
      return this.#advance()
    }
    const [state, phase] = this.#outcome()
    this.#isComplete = true
    this.#context.cancelTimer("count")
    this.#settle(phase, () => this.#then(this.#writeRun(state, this.#next), () => this.#end(phase)))
  }

  #settle(phase: IngestReport["phase"], then: () => void): void {
    const { watch } = this.#argument.request
    if (watch === undefined || phase === "interrupted") return then()
    const report = { ...this.#progress(), phase }
    this.#then(
      Effect.suspend(() => watch.settle(report, this.#record?.run)),
      then,
    )
  }

  /** All that was cut is committed: whether that is all there is. */
  #outcome(): readonly [RunState, IngestReport["phase"]] {
    if (this.#failure !== undefined) return ["failed", "failed"]
    const whole = this.#ended && this.#chunk === undefined
    return whole ? ["finished", "done"] : ["open", "interrupted"]
  }

  #end(phase: IngestReport["phase"]): void {
    this.#context.cancelTimer("count")
    this.#enter(phase)
    this.#world.latency.clear(this.#sender)
    const progress = this.#argument.board.progress
    if (progress !== undefined) this.#argument.report({ ...progress, phase })
    this.#context.stop(this.#context.self)
  }

  #enter(phase: ConnectorPhase): void {
    this.#phase = phase
    this.#publish()
  }

  #publish(): void {
    const { request, board } = this.#argument
    const progress = this.#progress()
    board.progress = progress
    request.watch?.seen(progress, this.#record?.run)
  }

  #progress(): ConnectorProgress {
    const { request, board } = this.#argument
    const elapsed = this.#context.host.nowMillis() - (board.startedAtMillis ?? 0)
    return {
      tenant: request.tenant,
      source: request.source,
      file: request.file,
      phase: this.#phase,
      counters: this.#counters,
      fileBytes: this.#source?.fileBytes ?? 0,
      fileBytesRead: this.#fileBytesRead,
      offered: this.#next.ordinal,
      refusedBlocks: board.refusedBlocks,
      mailboxDepth: this.#world.mailboxes.depth(request.tenant),
      seconds: elapsed / 1000,
      preStorageP95Millis: this.#world.latency.p95Millis(this.#sender),
      error: this.#failure,
    }
  }

  #step(step: () => void): ConnectorMessage {
    return { kind: "step", of: this, step }
  }

  /**
   * Runs `effect` and goes on with its value; tries again while unavailable, else ends the node.
   */
  #then<A>(effect: Effect.Effect<A, IntelGraphError>, then: (value: A) => void): void {
    this.#context.pipe(effect, (exit) =>
      this.#step(() => {
        if (Exit.isSuccess(exit)) return then(exit.value)
        const error = errorOf(exit.cause)
        if (error._tag !== "Unavailable") return this.#world.fail(error)
        const again = this.#step(() => this.#then(effect, then))
        this.#context.pipe(Effect.sleep(retryMillisMax), () => again)
      }),
    )
  }
}

/** The same content by the same recipe, not read to its end: it goes on as the same run. */
const goesOn = (
  before: RunRecord | undefined,
  contentHash: string,
  recipeDigest: string,
): before is RunRecord =>
  before?.state === "open" &&
  before.contentHash === contentHash &&
  before.recipeDigest === recipeDigest

/** Run numbers of a source rise for ever: the epoch first, then the count under it. */
const nextRun = (before: RunRecord | undefined, epoch: number): Run => ({
  epoch,
  count: before?.run.epoch === epoch ? before.run.count + 1 : 1,
})
