/** Access in a data directory of its own, with a clock that the test moves. */

import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { type AccessControl, openAccessControl } from "../../../gateway/index.ts"
import { openDataDirectory } from "../../../runtime/index.ts"
import { closeScope, openScope, run } from "../../support/run.ts"
import { runScoped, temporaryFolder } from "../../support/scoped.ts"

export interface Clock {
  nowMillis: number
}

const opened = (path: string, clock: Clock) =>
  Effect.gen(function* () {
    const { files } = yield* openDataDirectory(path)
    const nowMillis = () => clock.nowMillis
    const control = yield* openAccessControl(files.meta, { openTenant: "demo", nowMillis })
    return { control, meta: files.meta }
  })

/** Open until the test ends. */
export async function keptAccess(path = temporaryFolder()) {
  const clock: Clock = { nowMillis: Date.parse("2030-01-01T00:00:00Z") }
  return { ...(await runScoped(opened(path, clock))), clock, path }
}

/** Opens, works, and closes: as a process that starts and ends. */
export async function once<A>(path: string, clock: Clock, work: (control: AccessControl) => A) {
  const scope = openScope()
  try {
    const { control } = await run(Scope.provide(opened(path, clock), scope))
    return work(control)
  } finally {
    await closeScope(scope)
  }
}

const day = 86_400_000

/** A token for a tenant, made by the machine's owner. */
export const tokenFor = (
  control: AccessControl,
  tenant: string,
  scopes: readonly string[] = ["read", "write", "operate"],
  lastsMillis = 90 * day,
) => control.create("local", { tenant, scopes, label: "", lastsMillis })

export const bearer = (text: string) => ({ authorization: `Bearer ${text}` })
