/**
 * `intelgraph dlq redrive`: sends records that were set aside again, and lets those go that are
 * taken.
 */
import * as Effect from "effect/Effect"
import type { RedriveReport } from "../../actors/index.ts"
import { Invalid } from "../../protocols/errors.ts"
import { loadSettings } from "../configuration.ts"
import { editedLetter } from "../edited-letter.ts"
import { plainLetters } from "../letters-request.ts"
import { redriveHere } from "../settle-letters.ts"
import { figure, textTable } from "../text-table.ts"
import { exit, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const plain = yield* plainLetters(given, settings, io)
    const isEdited = plain.edit !== undefined || isOn(given, "editor")
    if (isEdited && plain.selection.ids.length !== 1) {
      const message = "An edited record takes the place of one letter, which --id names."
      return yield* new Invalid({ what: "redrive", message })
    }
    const asked = isOn(given, "editor") ? yield* editedLetter(settings, plain, io) : plain
    const report = yield* redriveHere(settings, asked, io)
    if (isOn(given, "json")) io.out(JSON.stringify({ dryRun: plain.dryRun, ...report }))
    else io.out(textOf(report, plain.dryRun))
    return report.stayed === 0 ? exit.done : exit.failed
  })

function textOf(report: RedriveReport, dryRun: boolean): string {
  const { selected, taken, stayed, letters, counters } = report
  if (selected === 0) return "No dead letter is of that kind."
  const { accepted, duplicates } = counters
  const counted = dryRun ? "" : ` (${figure(accepted)} accepted, ${figure(duplicates)} duplicates)`
  const lines = [
    dryRun
      ? `Of ${figure(selected)} dead letters ${figure(taken)} would be taken.`
      : `Of ${figure(selected)} dead letters ${figure(taken)} are taken and gone${counted}.`,
  ]
  if (stayed > 0) {
    lines.push(`${figure(stayed)} ${dryRun ? "would stay" : "stay"}:`, "")
    const rows = letters.map(({ id, source, reason, detail }) => [id, source, reason, detail])
    lines.push(textTable(["id", "source", "reason", "detail"], rows))
    if (stayed > letters.length) lines.push(`… and ${figure(stayed - letters.length)} more.`)
  }
  return lines.join("\n")
}
