/** `intelgraph token list`: tokens that are kept, those that ended among them; never a secret. */
import * as Effect from "effect/Effect"
import { viewAccess } from "../../gateway/index.ts"
import { openDataDirectoryReadOnly } from "../../runtime/index.ts"
import { type ShownToken, shownToken } from "../access.ts"
import { loadSettings } from "../configuration.ts"
import { textTable } from "../text-table.ts"
import { exit, isOn, type RunVerb, textFlag } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const flags = { ...given.flags, tenant: undefined }
    const settings = yield* loadSettings({ ...given, flags }, { env: io.env, folder: io.folder })
    const directory = yield* openDataDirectoryReadOnly(settings.dataDir.value)
    const { tokens } = yield* viewAccess(directory.files.meta, { first: 1 })
    const tenant = textFlag(given, "tenant")
    const nowMillis = Date.now()
    const shown = tokens
      .filter((token) => tenant === undefined || token.tenant === tenant)
      .map((token) => shownToken(token, nowMillis))
    if (isOn(given, "json")) io.out(JSON.stringify({ tokens: shown }))
    else if (shown.length > 0) io.out(textTable(header, shown.map(rowOf)))
    if (tokens.length === 0) {
      io.tell("intelgraph: No token was made here. Make one with `intelgraph token create`.")
    }
    return exit.done
  })

const header = ["id", "tenant", "scopes", "state", "created", "expires", "label"]

const rowOf = ({ id, tenant, scopes, state, created, expires, label }: ShownToken) => [
  id,
  tenant,
  scopes.join(","),
  state,
  created,
  expires,
  label,
]
