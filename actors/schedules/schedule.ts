/**
 * The schedule of one source: a singleton beside the source's connector, so that whoever owns the
 * source keeps its timer and reads it again, and no word about it goes between nodes.
 *
 * Promises: what `plan.ts` does, since it acts only on what is stored under its owner's fence: it
 * records that the timer fired and a reading is owed, then reads, then records that it was read.
 * The reading is that of a start: a file that did not change is skipped, one that was interrupted
 * goes on. What may fail beneath: the state (unavailable: tried again; broken: the node ends;
 * fenced: so, too, or its shard is closed), the reading (told; the next one comes at its time; one
 * that goes on when this ends is withdrawn, and stays owed), a record that cannot be read (this
 * schedule ends in quarantine, the others go on).
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { IntelGraphError } from "../../protocols/errors.ts"
import { retryMillisMax } from "../../protocols/limits.ts"
import type { Schedule } from "../../protocols/schedule.ts"
import {
  type ActorContext,
  type ActorType,
  type Behavior,
  type Durable,
  type Ownership,
  openDurable,
  timersWaitMillis,
  wallMillis,
} from "../../runtime/index.ts"
import type { IngestReport, IngestRequest } from "../api.ts"
import { errorOf } from "../shard.ts"
import type { World } from "../world.ts"
import { type Plan, type PlanEvent, planKind, planNow } from "./plan.ts"

/** A source that is read again, and when. */
export interface ScheduledSource {
  readonly request: IngestRequest
  readonly schedule: Schedule
}

/** A reading that was due at this time is over. */
export interface ScheduledReading {
  readonly tenant: string
  readonly source: string
  readonly schedule: string
  readonly dueMillis: number
  readonly report: IngestReport
}

export interface ScheduleArgument {
  readonly world: World
  readonly owner: Ownership
  readonly source: ScheduledSource
  /** Withdraws the reading where it is interrupted. */
  readonly ingest: (request: IngestRequest) => Effect.Effect<IngestReport>
  readonly onRead: (reading: ScheduledReading) => void
}

/** A step of the incarnation that began it; the next one knows nothing of it. */
export interface ScheduleMessage {
  readonly of: object
  readonly step: () => void
}

export const scheduleType: ActorType<ScheduleMessage, ScheduleArgument> = {
  kind: planKind.kind,
  restart: "transient",
  start: (context, argument) => new ScheduleActor(context, argument),
}

class ScheduleActor implements Behavior<ScheduleMessage> {
  readonly #context: ActorContext<ScheduleMessage>
  readonly #argument: ScheduleArgument

  constructor(context: ActorContext<ScheduleMessage>, argument: ScheduleArgument) {
    this.#context = context
    this.#argument = argument
    const { world, owner } = argument
    const opened = openDurable(world.ports.state, owner, context.address, planKind)
    this.#then(opened, (durable) => this.#look(durable))
  }

  receive({ of, step }: ScheduleMessage): void {
    if (of === this) step()
  }

  /** Nothing is under way: records what is to be recorded, reads what is owed, or waits. */
  #look(durable: Durable<Plan, PlanEvent>): void {
    const { schedule } = this.#argument.source
    const now = wallMillis(this.#context.host)
    const events = planNow(durable.state, schedule, now)
    if (events.length > 0) return this.#record(durable, events)
    const { owedMillis, timers } = durable.state
    if (owedMillis !== null) return this.#read(durable, owedMillis)
    const wait = timersWaitMillis(timers, now)
    if (wait === undefined) return
    this.#context.startTimer(
      "look",
      wait,
      this.#step(() => this.#look(durable)),
    )
  }

  #record(durable: Durable<Plan, PlanEvent>, events: readonly PlanEvent[]): void {
    this.#then(durable.persist(events), () => this.#look(durable))
  }

  #read(durable: Durable<Plan, PlanEvent>, dueMillis: number): void {
    const { ingest, source, onRead } = this.#argument
    const { request, schedule } = source
    this.#context.pipe(ingest(request), (exit) =>
      this.#step(() => {
        if (Exit.isFailure(exit)) throw errorOf(exit.cause)
        const report = exit.value
        const { tenant, source: name } = request
        onRead({ tenant, source: name, schedule: schedule.text, dueMillis, report })
        // The node ends: the reading stays owed, and goes on where the source is next.
        if (report.phase === "interrupted") return
        const endedMillis = wallMillis(this.#context.host)
        this.#record(durable, [{ kind: "read", dueMillis, endedMillis, phase: report.phase }])
      }),
    )
  }

  #step(step: () => void): ScheduleMessage {
    return { of: this, step }
  }

  /** Tries the same again while it is unavailable: events whose outcome is unknown happen once. */
  #then<A>(effect: Effect.Effect<A, IntelGraphError>, then: (value: A) => void): void {
    this.#context.pipe(effect, (exit) =>
      this.#step(() => {
        if (Exit.isSuccess(exit)) return then(exit.value)
        const error = errorOf(exit.cause)
        if (error._tag === "Fenced" || error._tag === "StoreFailed" || error._tag === "DiskFull") {
          return this.#argument.world.fail(error)
        }
        if (error._tag !== "Unavailable") throw error
        const again = this.#step(() => this.#then(effect, then))
        this.#context.pipe(Effect.sleep(retryMillisMax), () => again)
      }),
    )
  }
}
