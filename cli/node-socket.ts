/** What a running node answers on its socket, and how a command finds that socket. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { IngestRequest } from "../actors/index.ts"
import { DataDirectoryRefused, type IntelGraphError, Invalid } from "../protocols/errors.ts"
import { progressDrawMillis } from "../protocols/limits.ts"
import { backupDirectory } from "../runtime/index.ts"
import { auditIngest, auditOrder, createToken, revokeToken } from "./access.ts"
import { answerLetters } from "./answer-letters.ts"
import type { AssembledNode } from "./assemble.ts"
import { clusterAnswer } from "./cluster/asked.ts"
import { memberOf } from "./cluster/member.ts"
import { serveCluster } from "./cluster/over.ts"
import { notCopied } from "./open-ports.ts"
import { ingestRequest, type PlainRequest } from "./request.ts"
import { type Outcome, runSources } from "./run-sources.ts"
import {
  type AnswerRequest,
  callSocket,
  type Progress,
  serveSocket,
  socketPlace,
} from "./socket.ts"
import type { SocketRequest } from "./socket-frames.ts"
import { statusOf } from "./status-of.ts"

/** Opens the socket of a node, and says in the data directory where it is. */
export const openNodeSocket = (
  assembled: AssembledNode,
): Effect.Effect<void, IntelGraphError, Scope.Scope> =>
  Effect.gen(function* () {
    const member = memberOf(assembled)
    yield* serveCluster(member)
    yield* openSocket(assembled.directory.path, (request, progress) => {
      const answered = clusterAnswer(member, request)
      if (answered === undefined) return answer(assembled, request, progress)
      const isOrder = request.op === "node order"
      return isOrder ? auditOrder(assembled.control, request, answered) : answered
    })
  })

/** A socket that commands on this data directory find. */
export const openSocket = (
  dataDir: string,
  answered: AnswerRequest,
): Effect.Effect<void, IntelGraphError, Scope.Scope> =>
  Effect.gen(function* () {
    const path = yield* socketPlace(dataDir)
    yield* serveSocket(path, answered)
    const note = noteOf(dataDir)
    yield* Effect.acquireRelease(
      Effect.sync(() => writeFileSync(note, path, { mode: 0o600 })),
      () => Effect.sync(() => rmSync(note, { force: true })),
    )
  })

/** Says where the socket is; a killed node leaves it behind, a backup does not copy it. */
const noteOf = (dataDir: string) => join(dataDir, "node.socket")

/** The socket of a node that runs on this data directory, or that was killed there. */
export function socketOf(dataDir: string): string | undefined {
  const note = noteOf(dataDir)
  return existsSync(note) ? readFileSync(note, "utf8") : undefined
}

/** Says one request to the node that has this data directory open. */
export const callNode = (
  dataDir: string,
  request: SocketRequest,
  progress?: Progress,
): Effect.Effect<unknown, IntelGraphError> =>
  Effect.suspend(() => {
    const path = socketOf(dataDir)
    if (path !== undefined) return callSocket(path, request, progress)
    const message = `Another command is at work on ${dataDir} and takes no requests.`
    const next = "Try again when it has ended; beside a node that is started, all of them run."
    return new DataDirectoryRefused({ path: dataDir, reason: "locked", message, next })
  })

function answer(
  assembled: AssembledNode,
  request: SocketRequest,
  progress: Progress,
): Effect.Effect<unknown, IntelGraphError> {
  const { node, ports } = assembled
  switch (request.op) {
    case "ingest":
      return ingestFor(assembled, request.requests, progress)
    case "status":
      return statusOf(ports.reads, {
        tenant: String(request.tenant),
        graphHash: request.graphHash === true,
        node,
      })
    case "backup":
      if (assembled.isOnServers) return Effect.fail(notCopied())
      return backupDirectory({
        directory: assembled.directory,
        log: ports.log,
        graph: ports.sink.backup,
        target: String(request.target),
      })
    case "dlq redrive":
    case "dlq drop":
      return answerLetters(assembled, request, progress)
    case "token create":
      return makeToken(assembled, request)
    case "token revoke":
      return revokeToken(assembled.control, request)
    default:
      return Effect.fail(
        new Invalid({ what: "request", message: "A node answers what its own commands ask." }),
      )
  }
}

const makeToken = ({ control }: AssembledNode, request: SocketRequest) =>
  Effect.suspend(() => {
    const isFirst = control.isOpen
    return Effect.map(createToken(control, request), (made) => ({ made, isFirst }))
  })

const ingestFor = (
  { node, ports, control }: AssembledNode,
  asked: unknown,
  progress: Progress,
): Effect.Effect<Outcome, IntelGraphError> =>
  Effect.gen(function* () {
    const requests = yield* requestsOf(asked)
    const [first] = requests
    if (first === undefined) {
      return yield* new Invalid({ what: "request", message: "An ingest names at least one file." })
    }
    const files = new Set(requests.map(({ file }) => file))
    const { tenant, source } = first
    const told = Effect.sync(() =>
      progress(
        node
          .progress()
          .filter((one) => one.tenant === tenant && one.source === source && files.has(one.file)),
      ),
    )
    const outcome = yield* Effect.raceFirst(
      runSources({
        node,
        reads: ports.reads,
        tenant,
        requests,
        order: "in turn",
        question: undefined,
      }),
      Effect.forever(Effect.andThen(Effect.sleep(progressDrawMillis), told)),
    )
    auditIngest(control, first, outcome)
    return outcome
  })

function requestsOf(asked: unknown): Effect.Effect<readonly IngestRequest[], Invalid> {
  const plain = Array.isArray(asked) ? asked : []
  return plain.every(isPlainRequest)
    ? Effect.forEach(plain, ingestRequest)
    : Effect.fail(new Invalid({ what: "request", message: "An ingest request is malformed." }))
}

function isPlainRequest(value: unknown): value is PlainRequest {
  if (typeof value !== "object" || value === null) return false
  const one = value as { readonly [name: string]: unknown }
  return (
    [one.tenant, one.source, one.format, one.file].every((text) => typeof text === "string") &&
    typeof one.maxBadShare === "number" &&
    one.again === "always"
  )
}
