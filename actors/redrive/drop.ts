/** Lets dead letters go for good. */
import * as Effect from "effect/Effect"
import type { IntelGraphError } from "../../protocols/errors.ts"
import type { LetterParts, LetterWatch } from "./redrive.ts"
import { eachPage, type LetterSelection } from "./selection.ts"

export interface DropRequest {
  readonly tenant: string
  readonly selection: LetterSelection
  /** Nothing is written; the report says what would be. */
  readonly dryRun: boolean
}

export interface DropReport {
  readonly selected: number
  readonly dropped: number
}

export const dropLetters = (
  { reads, sink }: Pick<LetterParts["ports"], "reads" | "sink">,
  { tenant, selection, dryRun }: DropRequest,
  watch: LetterWatch<DropReport>,
): Effect.Effect<DropReport, IntelGraphError> =>
  Effect.gen(function* () {
    let report: DropReport = { selected: 0, dropped: 0 }
    yield* eachPage(reads, tenant, selection, (letters) =>
      Effect.gen(function* () {
        const changes = letters.map(({ source, run, ordinal }) => ({
          source,
          run,
          ordinal,
          fault: undefined,
        }))
        const gone = dryRun ? 0 : yield* sink.settleDeadLetters(tenant, changes)
        const { selected, dropped } = report
        report = { selected: selected + letters.length, dropped: dropped + gone }
        if (!dryRun) watch.gone(letters)
        watch.told(report)
      }),
    )
    return report
  })
