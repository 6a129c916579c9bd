/** Tokens as commands make and show them: by the node that runs, or by this process. */
import * as Effect from "effect/Effect"
import type { IngestRequest } from "../actors/index.ts"
import { type AccessControl, checkedGrant, type TokenRecord } from "../gateway/index.ts"
import {
  type DataDirectoryRefused,
  type IntelGraphError,
  Invalid,
  isIntelGraphError,
  NotFound,
} from "../protocols/errors.ts"
import { formatRun } from "../protocols/event.ts"
import { auditLettersNamedMax } from "../protocols/limits.ts"
import type { DeadLetter } from "../stores/index.ts"
import type { Outcome } from "./run-sources.ts"
import type { SocketRequest } from "./socket-frames.ts"

/** What is said of a token; never its secret. */
export interface ShownToken {
  readonly id: string
  readonly tenant: string
  readonly scopes: readonly string[]
  readonly label: string
  readonly created: string
  readonly expires: string
  readonly revoked: string | null
  readonly state: "good" | "expired" | "revoked"
}

export interface MadeToken extends ShownToken {
  /** The token itself. */
  readonly token: string
}

export function shownToken(token: TokenRecord, nowMillis: number): ShownToken {
  const { id, tenant, scopes, label, revokedMillis } = token
  const isExpired = token.expiresMillis <= nowMillis
  return {
    id,
    tenant,
    scopes,
    label,
    created: isoOf(token.createdMillis),
    expires: isoOf(token.expiresMillis),
    revoked: revokedMillis === undefined ? null : isoOf(revokedMillis),
    state: revokedMillis !== undefined ? "revoked" : isExpired ? "expired" : "good",
  }
}

export const isoOf = (millis: number): string =>
  new Date(millis).toISOString().replace(/\.\d+Z$/, "Z")

/** Commands of the machine's owner are `local` in rows of audit. */
const by = "local"

export const createToken = (
  control: AccessControl,
  request: SocketRequest,
): Effect.Effect<MadeToken, IntelGraphError> =>
  attempt(() => {
    const { text, token } = control.create(by, grantOf(request))
    return { token: text, ...shownToken(token, token.createdMillis) }
  })

export const revokeToken = (
  control: AccessControl,
  { id }: SocketRequest,
): Effect.Effect<ShownToken, IntelGraphError> =>
  attempt(() => {
    const token = control.revoke(by, String(id))
    if (token !== undefined) return shownToken(token, Date.now())
    const message = `There is no token with the id ${JSON.stringify(String(id).slice(0, 80))}.`
    throw new NotFound({ what: "token", message, next: "See `intelgraph token list`." })
  })

/** An ingest or a retraction by a command is told of like one over the edge. */
export function auditIngest(
  control: AccessControl,
  { tenant, source, format }: Pick<IngestRequest, "tenant" | "source" | "format">,
  { error, interrupted }: Outcome,
): void {
  const isDone = error === undefined && !interrupted
  const action = format === "retract" ? "retract" : "ingest"
  const outcome = isDone ? "done" : "failed"
  control.audit({ access: { by, tenant }, action, what: source, outcome })
}

/** Letters that are gone: each by its place where they are few, else how many of each source. */
export function auditLetters(
  control: AccessControl,
  tenant: string,
  action: "redrive" | "drop",
  letters: readonly DeadLetter[],
): void {
  const note = (what: string) =>
    control.audit({ access: { by, tenant }, action, what, outcome: "done" })
  if (letters.length <= auditLettersNamedMax) {
    for (const { source, run, ordinal, reason } of letters) {
      note(`${source}: record ${ordinal} of run ${formatRun(run)}, ${reason}`)
    }
    return
  }
  const bySource = Map.groupBy(letters, ({ source }) => source)
  for (const [source, { length }] of bySource) note(`${source}: ${length} dead letters`)
}

/** An order to a node, given here, for whatever node it is. */
export const auditOrder = <A>(
  control: AccessControl,
  { node, order }: SocketRequest,
  obeyed: Effect.Effect<A, IntelGraphError>,
): Effect.Effect<A, IntelGraphError> => {
  const told = (outcome: "done" | "failed") =>
    Effect.sync(() => {
      const what = `${String(order)} ${String(node)}`
      control.audit({ access: { by, tenant: "*" }, action: "node order", what, outcome })
    })
  return obeyed.pipe(
    Effect.tap(() => told("done")),
    Effect.tapError(() => told("failed")),
  )
}

/** Throws `Invalid`. */
export function grantOf({ tenant, scopes, label, lastsMillis }: SocketRequest) {
  if (!Array.isArray(scopes)) throw new Invalid({ what: "token", message: "A token has scopes." })
  return checkedGrant({
    tenant: String(tenant),
    scopes: scopes.map(String),
    label: String(label),
    lastsMillis: Number(lastsMillis),
  })
}

export const isLocked = (error: IntelGraphError): error is DataDirectoryRefused =>
  error._tag === "DataDirectoryRefused" && error.reason === "locked"

export const attempt = <A>(work: () => A): Effect.Effect<A, IntelGraphError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(work())
    } catch (thrown) {
      return isIntelGraphError(thrown) ? Effect.fail(thrown) : Effect.die(thrown)
    }
  })
