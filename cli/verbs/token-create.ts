/** `intelgraph token create`: makes a token and shows it, once. */
import * as Effect from "effect/Effect"
import { openAccessControl } from "../../gateway/index.ts"
import { type IntelGraphError, Invalid } from "../../protocols/errors.ts"
import { tokenMillisDefault } from "../../protocols/limits.ts"
import { openDataDirectory } from "../../runtime/index.ts"
import { attempt, createToken, grantOf, isLocked, type MadeToken } from "../access.ts"
import { loadSettings, type Settings } from "../configuration.ts"
import { millisOf } from "../duration.ts"
import { callNode } from "../node-socket.ts"
import type { SocketRequest } from "../socket-frames.ts"
import { exit, type Given, isOn, type RunVerb, textFlag } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    // `*` is no tenant of a configuration: it is the node's operator.
    const flags = { ...given.flags, tenant: undefined }
    const settings = yield* loadSettings({ ...given, flags }, { env: io.env, folder: io.folder })
    const request = yield* attempt(() => requestOf(given, settings))
    const { made, isFirst } = yield* inOwnDirectory(settings, request).pipe(
      Effect.catchIf(isLocked, () =>
        Effect.map(callNode(settings.dataDir.value, request), (value) => value as Made),
      ),
    )
    if (isOn(given, "json")) io.out(JSON.stringify(made))
    else io.out(made.token)
    const { id, tenant, scopes, expires } = made
    const whose = tenant === "*" ? "the node" : `tenant ${tenant}`
    io.tell(`intelgraph: Token ${id} of ${whose} for ${scopes.join(", ")}, good until ${expires}.`)
    io.tell("intelgraph: It is shown this once. Send it as `Authorization: Bearer …`.")
    if (isFirst) {
      io.tell("intelgraph: It is the first: from now on this node answers with a token only.")
    }
    return exit.done
  })

export interface Made {
  readonly made: MadeToken
  /** The open mode ended with it. */
  readonly isFirst: boolean
}

function requestOf(given: Given, settings: Settings): SocketRequest {
  const scopes = textFlag(given, "scope")
  if (scopes === undefined) {
    const message = "A token needs --scope: read, write, operate, or several with commas."
    throw new Invalid({ what: "token", message })
  }
  const expires = textFlag(given, "expires")
  const asked = {
    tenant: textFlag(given, "tenant") ?? settings.tenant.value,
    scopes: scopes.split(",").map((scope) => scope.trim()),
    label: textFlag(given, "label") ?? "",
    lastsMillis: expires === undefined ? tokenMillisDefault : millisOf(expires, "--expires"),
  }
  return { op: "token create", ...grantOf({ op: "token create", ...asked }) }
}

/** Makes the directory where there is none: a node may begin closed. */
const inOwnDirectory = (
  settings: Settings,
  request: SocketRequest,
): Effect.Effect<Made, IntelGraphError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { files } = yield* openDataDirectory(settings.dataDir.value)
      const options = { openTenant: settings.tenant.value }
      const control = yield* openAccessControl(files.meta, options)
      const isFirst = control.isOpen
      return { made: yield* createToken(control, request), isFirst }
    }),
  )
