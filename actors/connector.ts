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
import { formatAddress } from "../protocols/address.ts"
import { noSourceCounters, type SourceCounters } from "../protocols/counters.ts"
import type { IntelGraphError } from "../protocols/errors.ts"
import { countMillis, followMillis } from "../protocols/limits.ts"
import type { ActorContext, ActorType, Behavior, Ownership } from "../runtime/index.ts"
import type { ConnectorPhase, ConnectorProgress, IngestReport, IngestRequest } from "./api.ts"
import { judgeBadShare } from "./bad-share.ts"
import type { ConnectorBoard } from "./connector-board.ts"
import { Steps } from "./connector-steps.ts"
import { Follower } from "./follower.ts"
import { KeptRun } from "./kept-run.ts"
import type { ConnectorMessage } from "./messages.ts"
import { Outbox } from "./outbox.ts"
import { type OvertakenRun, withOvertaken } from "./overtaken.ts"
import { shardOfConnector } from "./partition.ts"
import { ReadAhead } from "./read-ahead.ts"
import { beginningOfSource, beginRun, hexDigestOf, placeToRead } from "./run-beginning.ts"
import {
  decodeRun,
  type FileRead,
  fileReadBy,
  type RunRecord,
  type RunState,
  runPath,
} from "./run-record.ts"
import { Sending } from "./sending.ts"
import { errorOf } from "./shard.ts"
import type { OpenSource } from "./source.ts"
import { TokenBucket } from "./token-bucket.ts"
import type { World } from "./world.ts"

export interface ConnectorArgument {
  readonly world: World
  readonly request: IngestRequest
  /** Of the source's shard; `undefined` where another node has it. */
  readonly owner: Ownership | undefined
  readonly partitions: number
  readonly report: (report: IngestReport) => void
  /** Where the tenant looks for progress. */
  readonly board: ConnectorBoard
}

export const connectorType: ActorType<ConnectorMessage, ConnectorArgument> = {
  kind: "connector",
  restart: "transient",
  start: (context, argument) => new Connector(context, argument),
}

class Connector implements Behavior<ConnectorMessage> {
  readonly #context: ActorContext<ConnectorMessage>
  readonly #argument: ConnectorArgument
  readonly #world: World
  readonly #sender: string
  readonly #owner: Ownership | undefined
  readonly #follower: Follower
  readonly #steps: Steps
  readonly #sending: Sending
  readonly #bucket: TokenBucket | undefined
  #phase: ConnectorPhase = "waiting"
  #source: OpenSource | undefined
  #record: RunRecord | undefined
  /** The run that is read here. */
  #kept: KeptRun | undefined
  #outbox: Outbox | undefined
  readonly #ahead = new ReadAhead(beginningOfSource)
  #reading = false
  #failure: IntelGraphError | undefined
  #counters: SourceCounters = noSourceCounters
  #isLooking = false

  constructor(context: ActorContext<ConnectorMessage>, argument: ConnectorArgument) {
    this.#context = context
    this.#argument = argument
    this.#world = argument.world
    this.#sender = formatAddress(context.address)
    this.#owner = argument.owner
    this.#follower = new Follower(argument.world, argument.request, this.#sender)
    this.#steps = new Steps(context, (error) => argument.world.fail(error))
    this.#sending = new Sending({
      world: argument.world,
      tenant: argument.request.tenant,
      sender: this.#sender,
      board: argument.board,
      host: context.host,
      steps: this.#steps,
      admitted: (partition, sequence) => this.#admitted(partition, sequence),
    })
    const { ratePerSecondMax } = argument.request
    const now = context.host.nowMillis()
    argument.board.startedAtMillis ??= now
    if (ratePerSecondMax !== undefined) this.#bucket = new TokenBucket(ratePerSecondMax, now)
    this.#enter("hashing")
    this.#readRun((before) => this.#open(before))
  }

  receive(message: ConnectorMessage): void {
    if (message.kind === "step") return this.#steps.take(message)
    this.#argument.board.interrupted = true
    if (this.#outbox === undefined) return this.#end("interrupted")
    this.#advance()
  }

  // Beginning: the record of the run before, the content's hash, the record of this run.

  #readRun(then: (record: RunRecord | undefined) => void): void {
    const { tenant, source } = this.#argument.request
    const shard = shardOfConnector(this.#sender)
    const read = this.#world.ports.state.read(shard, runPath(tenant, source))
    this.#steps.whenDone(read, (bytes) => then(bytes === undefined ? undefined : decodeRun(bytes)))
  }

  #open(before: RunRecord | undefined): void {
    const { request } = this.#argument
    const open = this.#world.ports.sources.open(request, (content) => placeToRead(before, content))
    const failed = (error: IntelGraphError) => {
      this.#failure = error
      this.#settle("failed", () => this.#end("failed"))
    }
    this.#steps.hold(open, (source) => this.#begin(source, before), failed)
  }

  #begin(source: OpenSource, before: RunRecord | undefined): void {
    const { request } = this.#argument
    const read = fileReadBy(before)
    this.#source = source
    if (
      before !== undefined &&
      request.again === "once" &&
      read?.contentHash === source.contentHash &&
      read.recipeDigest === hexDigestOf(source.recipe)
    ) {
      return this.#skip(before, read)
    }
    const owner = this.#owner
    if (owner === undefined) return this.#follow(source, before)
    const record = () => this.#recordRun(source, before, owner)
    const { isOver } = request.watch ?? {}
    if (isOver === undefined) return record()
    this.#steps.whenDone(isOver, (over) => (over ? this.#end("skipped") : record()))
  }

  #skip(before: RunRecord, { run }: FileRead): void {
    this.#record = { ...before, run }
    this.#count(() => this.#end("skipped"))
  }

  #recordRun(source: OpenSource, before: RunRecord | undefined, owner: Ownership): void {
    const { request } = this.#argument
    const { state } = this.#world.ports
    const begun = beginRun(request, source, before, owner.epoch)
    const kept = new KeptRun(begun, { state, steps: this.#steps, of: request, owner })
    const { record } = begun
    this.#record = record
    this.#kept = kept
    this.#ahead.goTo(record.position)
    this.#world.recipes.put(record.recipeDigest, source.recipe)
    const start = () => this.#start(record, owner)
    this.#steps.whenDone(kept.begin(), () =>
      // What is committed of it is shown from the first moment on.
      begun.isKnown ? this.#count(start) : start(),
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
    this.#steps.pipe(Effect.sleep(followMillis), () =>
      this.#readRun((record) => this.#begin(source, record)),
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
    this.#isLooking = false
    this.#steps.after("look", countMillis, () => this.#tick(), { repeat: true })
    this.#advance()
  }

  // Reading: a chunk at a time, as long as the partitions take it.

  #advance(): void {
    const outbox = this.#outbox
    if (outbox === undefined || this.#phase !== "reading") return
    const now = this.#context.host.nowMillis()
    this.#feed(outbox, now)
    const everything = this.#ahead.isOver || this.#argument.board.interrupted
    for (const sealed of outbox.seal(now, { everything })) this.#sending.offer(sealed)
    // Sealing made room: what waits of the chunk may fit now.
    this.#feed(outbox, now)
    if (this.#ahead.wantsMore && !this.#argument.board.interrupted) this.#readOn()
    const linger = outbox.lingerMillis(now)
    if (linger !== undefined) this.#steps.after("linger", linger, () => this.#advance())
    if (outbox.empty && everything) this.#enter("draining")
  }

  #feed(outbox: Outbox, now: number): void {
    while (!this.#argument.board.interrupted) {
      const event = this.#ahead.peek()
      if (event === undefined) return
      const waitMillis = this.#bucket?.waitMillis(now) ?? 0
      if (waitMillis > 0) {
        this.#steps.after("rate", waitMillis, () => this.#advance())
        return
      }
      if (!outbox.add(event, now)) return
      this.#kept?.overtaken?.took(event)
      this.#bucket?.take()
      this.#ahead.take()
    }
  }

  #readOn(): void {
    if (this.#reading || this.#source === undefined) return
    this.#reading = true
    this.#steps.pipe(this.#source.next, (exit) => {
      this.#reading = false
      if (this.#ahead.ended) return this.#advance()
      if (Exit.isFailure(exit)) {
        this.#failure ??= errorOf(exit.cause)
        this.#ahead.end()
      } else if (exit.value === undefined) {
        this.#ahead.end()
      } else {
        this.#ahead.arrived(exit.value)
      }
      this.#advance()
    })
  }

  // Sending: what the log has is read for good.

  #admitted(partition: number, sequence: number): void {
    const outbox = this.#outbox
    this.#kept?.overtaken?.sent(partition, sequence)
    outbox?.answered(partition)
    if (outbox !== undefined) this.#kept?.advance(() => outbox.position(this.#ahead.next))
    this.#advance()
  }

  // Ending: when the store has counted every record of the run.

  /** One look at the store at a time, however long it is away: a look tries until it is told. */
  #tick(): void {
    if (this.#isLooking) return this.#publish()
    this.#isLooking = true
    this.#look()
  }

  #look(): void {
    const late = this.#kept?.overtaken
    if (late === undefined || this.#phase === "reading") return this.#count(() => this.#judge())
    // In this order: what the store has committed by now is in the counters that are read then.
    this.#steps.whenTold(
      this.#world.ports.sink.cursors(this.#argument.request.tenant),
      (cursors) => {
        const isCovered = late.isCovered(cursors)
        this.#count(() => (isCovered ? this.#judgeOvertaken(late) : this.#judge()))
      },
    )
  }

  /** All that was sent is committed; what is not counted is hidden by a later run. */
  #judgeOvertaken(late: OvertakenRun): void {
    const { tenant, source } = this.#argument.request
    const { isOver, next } = this.#ahead
    if (this.#counters.read >= next.ordinal || !isOver) return this.#judge()
    this.#steps.whenTold(this.#world.ports.reads.sources(tenant), (all) => {
      const known = all.find((one) => one.source === source)
      if (late.mayBeLost(known)) return this.#readAnew(late)
      this.#counters = withOvertaken(this.#counters, next.ordinal)
      this.#judge()
    })
  }

  /** As a run of its own; what was committed of it is duplicates there, or changed again. */
  #readAnew(late: OvertakenRun): void {
    const written = (this.#kept as KeptRun).write("finished", this.#ahead.next)
    this.#context.cancelTimer("look")
    this.#enter("hashing")
    this.#kept = undefined
    this.#record = undefined
    this.#source = undefined
    this.#outbox = undefined
    this.#counters = noSourceCounters
    this.#steps.whenDone(written, () => this.#open(late.recordAs("finished")))
  }

  #count(then: () => void): void {
    const { tenant, source } = this.#argument.request
    const run = (this.#record as RunRecord).run
    this.#steps.whenTold(this.#world.ports.reads.runCounters(tenant, source, run), (counters) => {
      this.#counters = counters
      then()
    })
  }

  #judge(): void {
    const complete = this.#phase === "draining" && this.#counters.read >= this.#ahead.next.ordinal
    const tooManyBad = judgeBadShare(this.#counters, this.#argument.request, { complete })
    this.#failure ??= tooManyBad
    if (tooManyBad !== undefined) this.#ahead.giveUp()
    if (!complete) {
      this.#isLooking = false
      this.#publish()
      return this.#advance()
    }
    this.#context.cancelTimer("look")
    const [state, phase] = this.#outcome()
    const kept = this.#kept as KeptRun
    this.#settle(phase, () =>
      this.#steps.whenDone(kept.write(state, this.#ahead.next), () => this.#end(phase)),
    )
  }

  #settle(phase: IngestReport["phase"], then: () => void): void {
    const { watch } = this.#argument.request
    if (watch === undefined || phase === "interrupted") return then()
    const report = { ...this.#progress(), phase }
    this.#steps.whenDone(
      Effect.suspend(() => watch.settle(report, this.#record?.run)),
      then,
    )
  }

  /** All that was cut is committed: whether that is all there is. */
  #outcome(): readonly [RunState, IngestReport["phase"]] {
    if (this.#failure !== undefined) return ["failed", "failed"]
    return this.#ahead.isOver ? ["finished", "done"] : ["open", "interrupted"]
  }

  #end(phase: IngestReport["phase"]): void {
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
      fileBytesRead: this.#ahead.fileBytesRead,
      offered: this.#ahead.next.ordinal,
      refusedBlocks: board.refusedBlocks,
      mailboxDepth: this.#world.mailboxes.depth(request.tenant),
      seconds: elapsed / 1000,
      preStorageP95Millis: this.#world.latency.p95Millis(this.#sender),
      error: this.#failure,
    }
  }
}
