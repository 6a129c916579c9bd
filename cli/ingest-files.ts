/** Reads files in a node of its own, or through the one that has the data directory open. */
import * as Effect from "effect/Effect"
import type { ConnectorProgress } from "../actors/index.ts"
import type { IntelGraphError } from "../protocols/errors.ts"
import { errorOfPlain } from "../protocols/travelling-error.ts"
import { auditIngest } from "./access.ts"
import type { Settings } from "./configuration.ts"
import type { Io } from "./io.ts"
import { callNode } from "./node-socket.ts"
import { whileShown } from "./progress.ts"
import { ingestRequest, type PlainRequest } from "./request.ts"
import { type Outcome, runSources, untilInterrupted } from "./run-sources.ts"

export const ingestFiles = (
  settings: Settings,
  requests: readonly PlainRequest[],
  io: Io,
): Effect.Effect<Outcome, IntelGraphError> =>
  inOwnNode(settings, requests, io).pipe(
    Effect.catchTag("DataDirectoryRefused", (refused) =>
      refused.reason === "locked" ? throughSocket(settings, requests, io) : Effect.fail(refused),
    ),
  )

/** Files of one source follow each other: a source has one position. */
const inOwnNode = (
  settings: Settings,
  plain: readonly PlainRequest[],
  io: Io,
): Effect.Effect<Outcome, IntelGraphError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const requests = yield* Effect.forEach(plain, ingestRequest)
      const { assemble } = yield* Effect.promise(() => import("./assemble.ts"))
      const { node, ports, control } = yield* assemble(settings, { io })
      const tenant = settings.tenant.value
      const work = runSources({
        node,
        reads: ports.reads,
        tenant,
        requests,
        order: "in turn",
        question: undefined,
      })
      const outcome = yield* untilInterrupted(
        node,
        io,
        whileShown(() => node.progress(), io, work),
      )
      const [first] = plain
      if (first !== undefined) auditIngest(control, first, outcome)
      return outcome
    }),
  )

const throughSocket = (settings: Settings, requests: readonly PlainRequest[], io: Io) =>
  Effect.gen(function* () {
    let latest: readonly ConnectorProgress[] = []
    const call = callNode(settings.dataDir.value, { op: "ingest", requests }, (value) => {
      latest = value as readonly ConnectorProgress[]
    })
    const outcome = (yield* whileShown(() => latest, io, call)) as Outcome
    return { ...outcome, error: errorOfPlain(outcome.error) }
  })
