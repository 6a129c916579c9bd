/** `intelgraph dlq ls`: the records that were set aside, newest run first, a page at a time. */
import * as Effect from "effect/Effect"
import { deadLettersShownDefault, pageSizeMax } from "../../protocols/limits.ts"
import { openDataDirectoryReadOnly } from "../../runtime/index.ts"
import { loadSettings } from "../configuration.ts"
import { plainDeadLetter, reasonOf } from "../dead-letter.ts"
import { openViewOf } from "../open-ports.ts"
import { wholeNumber } from "../readers.ts"
import { noSuchTenant } from "../tenants.ts"
import { textTable } from "../text-table.ts"
import { attemptInvalid, exit, isOn, type RunVerb, textFlag } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const source = textFlag(given, "source")
    const reason = yield* attemptInvalid(() => reasonOf(textFlag(given, "reason")))
    const after = textFlag(given, "after")
    const first = yield* attemptInvalid(() =>
      wholeNumber(1, pageSizeMax)(
        textFlag(given, "first") ?? `${deadLettersShownDefault}`,
        "--first",
      ),
    )
    const directory = yield* openDataDirectoryReadOnly(settings.dataDir.value)
    const { reads } = yield* openViewOf(settings, directory)
    const page = yield* reads.deadLetters(
      settings.tenant.value,
      { ...(source === undefined ? {} : { source }), ...(reason === undefined ? {} : { reason }) },
      { first, ...(after === undefined ? {} : { after }) },
    )
    const letters = page.items.map(plainDeadLetter)
    const unknown = noSuchTenant(settings.tenant.value, yield* reads.tenants)
    if (unknown !== undefined) io.tell(`intelgraph: ${unknown}`)
    if (isOn(given, "json")) {
      io.out(JSON.stringify({ deadLetters: letters, end: page.end ?? null, hasMore: page.hasMore }))
      return exit.done
    }
    if (letters.length > 0) io.out(textTable(header, letters.map(rowOf)))
    else if (unknown === undefined) io.tell("intelgraph: No record was set aside.")
    if (page.hasMore) io.tell(`intelgraph: There are more; add --after ${page.end}.`)
    return exit.done
  })

const header = ["id", "source", "file", "offset", "bytes", "reason", "fingerprint", "detail"]

/** Characters of a fingerprint that tell one from another; commands take the beginning of one. */
const fingerprintShown = 12

const rowOf = (letter: ReturnType<typeof plainDeadLetter>) => [
  letter.id,
  letter.source,
  letter.file,
  letter.offset,
  letter.lengthBytes,
  letter.reason,
  letter.fingerprint.slice(0, fingerprintShown),
  letter.detail,
]
