/** Operations of the writer as effects. */
import * as Effect from "effect/Effect"
import type { LogBroken } from "../../core/log.ts"
import type { LogWriter } from "./log-writer.ts"
import type { Operation, Result } from "./wire.ts"

export const isBroken = (outcome: Result | LogBroken): outcome is LogBroken => "_tag" in outcome

/** Ends when the operation is on stable storage. Interrupting it does not take it back. */
export const submitted = (writer: LogWriter, operation: Operation) =>
  Effect.callback<Result, LogBroken>((resume) => {
    writer.submit(operation, (outcome) => {
      resume(isBroken(outcome) ? Effect.fail(outcome) : Effect.succeed(outcome))
    })
  })
