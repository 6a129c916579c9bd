/**
 * How a command that fails says so: one sentence and the next step for what is expected, from the
 * catalogue; a stack only for what should not be possible.
 */
import {
  catalogue,
  type IntelGraphError,
  isIntelGraphError,
  nextStep,
} from "../protocols/errors.ts"
import { exit } from "./verb.ts"

export interface Failure {
  readonly exitCode: number
  readonly text: string
}

export function failureOf(error: unknown): Failure {
  if (isIntelGraphError(error) && error._tag !== "InvariantBroken") {
    return { exitCode: catalogue[error._tag].exitCode, text: sentenceOf(error) }
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const { next } = catalogue.InvariantBroken
  return { exitCode: exit.failed, text: `intelgraph: This should not happen. ${next}\n${detail}` }
}

/** `intelgraph: <sentence> <next step>`, as one line. */
export function sentenceOf(error: IntelGraphError): string {
  const message = error.message.replaceAll(/\s+/g, " ").trim()
  const sentence = /[.!?)]$/.test(message) ? message : `${message}.`
  return `intelgraph: ${sentence} ${nextStep(error)}`
}
