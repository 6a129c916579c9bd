/** `intelgraph token revoke`: ends a token at once, and the sockets that it opened. */
import * as Effect from "effect/Effect"
import { openAccessControl } from "../../gateway/index.ts"
import type { IntelGraphError } from "../../protocols/errors.ts"
import { openDataDirectory, openDataDirectoryReadOnly } from "../../runtime/index.ts"
import { isLocked, revokeToken, type ShownToken } from "../access.ts"
import { loadSettings, type Settings } from "../configuration.ts"
import { callNode } from "../node-socket.ts"
import type { SocketRequest } from "../socket-frames.ts"
import { exit, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const dataDir = settings.dataDir.value
    const request = { op: "token revoke", id: given.words[0] ?? "" }
    // Nothing is made where there is nothing to revoke.
    yield* Effect.scoped(openDataDirectoryReadOnly(dataDir))
    const token = yield* inOwnDirectory(settings, request).pipe(
      Effect.catchIf(isLocked, () =>
        Effect.map(callNode(dataDir, request), (value) => value as ShownToken),
      ),
    )
    if (isOn(given, "json")) io.out(JSON.stringify(token))
    else io.out(`${token.id} is revoked since ${token.revoked}.`)
    return exit.done
  })

const inOwnDirectory = (
  settings: Settings,
  request: SocketRequest,
): Effect.Effect<ShownToken, IntelGraphError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { files } = yield* openDataDirectory(settings.dataDir.value)
      const options = { openTenant: settings.tenant.value }
      return yield* revokeToken(yield* openAccessControl(files.meta, options), request)
    }),
  )
