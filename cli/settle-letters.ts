/** Works dead letters in a node of one's own, or through the one that has the data directory. */
import * as Effect from "effect/Effect"
import type { DropReport, IntelNode, RedriveReport } from "../actors/index.ts"
import { openAccessControl } from "../gateway/index.ts"
import type { IntelGraphError } from "../protocols/errors.ts"
import { progressTellMillis } from "../protocols/limits.ts"
import { openDataDirectory } from "../runtime/index.ts"
import { isLocked } from "./access.ts"
import { letLettersGo, redriveLetters } from "./answer-letters.ts"
import type { Settings } from "./configuration.ts"
import type { Io } from "./io.ts"
import type { PlainLetters } from "./letters-request.ts"
import { callNode } from "./node-socket.ts"
import { openGraphOf } from "./open-ports.ts"
import { untilInterrupted } from "./run-sources.ts"

/** What both kinds of reports have. */
interface Grows {
  readonly selected: number
}

/** Tells every while how far it has come. */
const whileTold = <Report extends Grows, E>(
  io: Io,
  work: (told: (report: Report) => void) => Effect.Effect<Report, E>,
): Effect.Effect<Report, E> =>
  Effect.suspend(() => {
    let worked = 0
    const told = Effect.sync(() => {
      if (worked > 0) io.tell(`intelgraph: ${worked} dead letters so far.`)
    })
    const again = Effect.forever(Effect.andThen(Effect.sleep(progressTellMillis), told))
    const done = work(({ selected }) => {
      worked = selected
    })
    return Effect.raceFirst(done, again)
  })

export const redriveHere = (settings: Settings, plain: PlainLetters, io: Io) =>
  orThroughNode<RedriveReport>(settings, { op: "dlq redrive", ...plain }, io, (told) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { assemble } = yield* Effect.promise(() => import("./assemble.ts"))
        const assembled = yield* assemble(settings, { io })
        return yield* untilEnded(assembled.node, io, redriveLetters(assembled, plain, told))
      }),
    ),
  )

const untilEnded = <A>(node: IntelNode, io: Io, work: Effect.Effect<A, IntelGraphError>) =>
  untilInterrupted(
    node,
    io,
    Effect.raceFirst(
      work,
      Effect.flatMap(node.failed, (error) => Effect.fail(error)),
    ),
  )

/** Needs the graph alone: nothing is sent. */
export const dropHere = (settings: Settings, plain: PlainLetters, io: Io) =>
  orThroughNode<DropReport>(settings, { op: "dlq drop", ...plain }, io, (told) =>
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* openDataDirectory(settings.dataDir.value)
        const { sink, reads } = yield* openGraphOf(settings, directory)
        const control = yield* openAccessControl(directory.files.meta, {
          openTenant: settings.tenant.value,
          onFault: () => io.tell("intelgraph: Rows of audit are lost."),
        })
        return yield* letLettersGo({ ports: { sink, reads }, control }, plain, told)
      }),
    ),
  )

function orThroughNode<Report extends Grows>(
  settings: Settings,
  request: { readonly op: string } & PlainLetters,
  io: Io,
  here: (told: (report: Report) => void) => Effect.Effect<Report, IntelGraphError>,
): Effect.Effect<Report, IntelGraphError> {
  return whileTold<Report, IntelGraphError>(io, (told) =>
    Effect.catchIf(here(told), isLocked, () =>
      Effect.map(
        callNode(settings.dataDir.value, { ...request }, (report) => told(report as Report)),
        (report) => report as Report,
      ),
    ),
  )
}
