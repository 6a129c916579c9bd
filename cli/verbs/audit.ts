/** `intelgraph audit`: who did what, the newest first. */
import * as Effect from "effect/Effect"
import { viewAccess } from "../../gateway/index.ts"
import { auditShownDefault, auditShownMax } from "../../protocols/limits.ts"
import { openDataDirectoryReadOnly } from "../../runtime/index.ts"
import { isoOf } from "../access.ts"
import { loadSettings } from "../configuration.ts"
import { wholeNumber } from "../readers.ts"
import { textTable } from "../text-table.ts"
import { attemptInvalid, exit, isOn, type RunVerb, textFlag } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const flags = { ...given.flags, tenant: undefined }
    const settings = yield* loadSettings({ ...given, flags }, { env: io.env, folder: io.folder })
    const asked = textFlag(given, "first") ?? String(auditShownDefault)
    const first = yield* attemptInvalid(() => wholeNumber(1, auditShownMax)(asked, "--first"))
    const directory = yield* openDataDirectoryReadOnly(settings.dataDir.value)
    const query = { tenant: textFlag(given, "tenant"), first }
    const { audit } = yield* viewAccess(directory.files.meta, query)
    const rows = audit.map(({ atMillis, ...row }) => ({ at: isoOf(atMillis), ...row }))
    if (isOn(given, "json")) io.out(JSON.stringify({ rows }))
    else if (rows.length > 0) io.out(textTable(header, rows.map(cellsOf)))
    else io.tell("intelgraph: Nothing is kept of anybody's deeds here.")
    return exit.done
  })

const header = ["at", "by", "tenant", "action", "outcome", "what"]

const cellsOf = (row: { readonly [name: string]: string }) => header.map((name) => row[name] ?? "")
