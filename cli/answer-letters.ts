/** Sends dead letters again or lets them go, and tells the audit whose they were. */
import * as Effect from "effect/Effect"
import {
  type DropReport,
  dropLetters,
  type LetterWatch,
  type RedriveReport,
  redrive,
} from "../actors/index.ts"
import type { IntelGraphError } from "../protocols/errors.ts"
import type { DeadLetter } from "../stores/index.ts"
import { auditLetters } from "./access.ts"
import type { AssembledNode } from "./assemble.ts"
import { type PlainLetters, plainLettersIn, redriveRequest } from "./letters-request.ts"
import type { Progress } from "./socket.ts"
import type { SocketRequest } from "./socket-frames.ts"
import { attemptInvalid } from "./verb.ts"

export type LettersParts = Pick<AssembledNode, "node" | "ports" | "control">

/** `told` gets the report as it grows. */
export const redriveLetters = (
  { node, ports, control }: LettersParts,
  plain: PlainLetters,
  told: (report: RedriveReport) => void,
): Effect.Effect<RedriveReport, IntelGraphError> =>
  Effect.flatMap(redriveRequest(plain), (request) =>
    redrive({ node, ports }, request, watchOf(control, plain.tenant, "redrive", told)),
  )

export const letLettersGo = (
  {
    ports,
    control,
  }: Pick<LettersParts, "control"> & {
    readonly ports: Pick<LettersParts["ports"], "reads" | "sink">
  },
  { tenant, selection, dryRun }: PlainLetters,
  told: (report: DropReport) => void,
): Effect.Effect<DropReport, IntelGraphError> =>
  dropLetters(ports, { tenant, selection, dryRun }, watchOf(control, tenant, "drop", told))

const watchOf = <Report>(
  control: LettersParts["control"],
  tenant: string,
  action: "redrive" | "drop",
  told: (report: Report) => void,
): LetterWatch<Report> => ({
  told,
  gone: (letters: readonly DeadLetter[]) => auditLetters(control, tenant, action, letters),
})

/** On the node's socket. */
export const answerLetters = (
  assembled: LettersParts,
  request: SocketRequest,
  progress: Progress,
): Effect.Effect<unknown, IntelGraphError> =>
  Effect.flatMap(
    attemptInvalid(() => plainLettersIn(request)),
    (plain): Effect.Effect<unknown, IntelGraphError> =>
      request.op === "dlq drop"
        ? letLettersGo(assembled, plain, progress)
        : redriveLetters(assembled, plain, progress),
  )
