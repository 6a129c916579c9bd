/** Runs connectors to their end and makes the summary; beside a running node as well as in one. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { IngestRequest, IntelNode } from "../actors/index.ts"
import type { QuestionConfiguration } from "../protocols/configuration.ts"
import {
  catalogue,
  DeadlineExceeded,
  type IntelGraphError,
  InvariantBroken,
} from "../protocols/errors.ts"
import { connectorsMax, drainMillisMax, retryMillisMax } from "../protocols/limits.ts"
import type { Summary, SummaryAnswer } from "../protocols/summary.ts"
import type { GraphReadsShape } from "../stores/index.ts"
import type { Io } from "./io.ts"
import { errorOfAll } from "./source-files.ts"
import { summaryOf } from "./summary.ts"
import { exit } from "./verb.ts"
import { answered, type Patience } from "./when-answered.ts"

export interface Outcome {
  readonly summary: Summary
  /** What went wrong, of the first connector that failed; all files that cannot be read. */
  readonly error: IntelGraphError | undefined
  readonly interrupted: boolean
}

interface Work {
  readonly node: IntelNode
  readonly reads: GraphReadsShape
  readonly tenant: string
  readonly requests: readonly IngestRequest[]
  /** `together` for sources, `in turn` for files of one source. */
  readonly order: "together" | "in turn"
  readonly question: QuestionConfiguration | undefined
  /** For a store that is away when the summary is made. */
  readonly patience?: Patience | undefined
  /** Done when a connector has ended, unless it was told to stop. */
  readonly afterEach?: (request: IngestRequest) => Effect.Effect<void, IntelGraphError>
}

/** Never fails because of one connector; the outcome says what happened to it. */
export const runSources = (work: Work): Effect.Effect<Outcome, IntelGraphError> =>
  Effect.gen(function* () {
    const { node, reads, tenant, requests, order, question, patience, afterEach } = work
    const concurrency = order === "together" ? connectorsMax : 1
    const [elapsed, reports] = yield* Effect.timed(
      Effect.forEach(
        requests,
        (request) =>
          Effect.tap(node.ingest(request), ({ phase }) =>
            phase === "interrupted" ? Effect.void : (afterEach?.(request) ?? Effect.void),
          ),
        { concurrency },
      ),
    )
    const error = errorOfAll(reports.flatMap((report) => report.error ?? []))
    const asked = Effect.all({
      sources: reads.sources(tenant),
      counts: reads.counts(tenant),
      answer: question === undefined ? Effect.undefined : answerOf(reads, tenant, question),
    })
    const found = yield* Effect.mapError(
      answered(patience)(asked),
      // What ended the work came first, and may be why the graph cannot be asked.
      (unread) => error ?? unread,
    )
    return {
      summary: summaryOf({ reports, ...found, seconds: Duration.toSeconds(elapsed) }),
      error: error ?? brokenOf(node),
      interrupted: reports.some(({ phase }) => phase === "interrupted"),
    }
  })

const brokenOf = (node: IntelNode): IntelGraphError | undefined => {
  const [broken] = node.brokenEquations()
  if (broken === undefined) return undefined
  const message = `The counters do not add up: ${broken}.`
  return new InvariantBroken({ message })
}

export const answerOf = (
  reads: GraphReadsShape,
  tenant: string,
  question: QuestionConfiguration,
): Effect.Effect<SummaryAnswer, IntelGraphError> =>
  reads
    .rank(tenant, {
      type: question.type,
      unless: question.unless ?? [],
      steps: question.steps,
      count: question.count,
      first: question.first,
    })
    .pipe(
      Effect.map((rows) => ({
        question: question.title,
        rows: rows.map(({ entity, count }) => ({
          name: String(entity.properties.name ?? entity.key),
          count,
        })),
      })),
    )

/** At the first Ctrl-C stops reading and lets what was admitted finish, for a while. */
export const untilInterrupted = <A, E>(
  node: IntelNode,
  io: Io,
  work: Effect.Effect<A, E>,
): Effect.Effect<A, E | DeadlineExceeded> => {
  const drained = Effect.gen(function* () {
    yield* io.interrupted
    yield* Effect.sync(() => io.tell("intelgraph: Ending; Ctrl-C again ends at once."))
    const all = yield* node.drain(drainMillisMax)
    return yield* all ? Effect.never : Effect.fail(undrained())
  })
  return Effect.raceFirst(work, drained)
}

const undrained = () =>
  new DeadlineExceeded({
    retryAfterMillis: retryMillisMax,
    message: "Not everything that was read is committed; the next start goes on from there.",
    next: "Run the same command again.",
  })

export const exitOf = ({ error, interrupted }: Outcome): number => {
  if (error !== undefined) return catalogue[error._tag].exitCode
  return interrupted ? exit.failed : exit.done
}
