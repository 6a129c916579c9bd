/** What a new token may be: checked in one place, whoever asks for it. */
import { isToken } from "../../protocols/address.ts"
import { Invalid, LimitExceeded } from "../../protocols/errors.ts"
import {
  tokenLabelLengthMax,
  tokenMillisMax,
  tokenMillisMin,
  tokensMax,
} from "../../protocols/limits.ts"
import { type Scope, scopes } from "./access.ts"
import type { StoredToken } from "./records.ts"

/** The tenant of the node's operator. */
export const everyTenant = "*"

export interface GrantRequest {
  readonly tenant: string
  readonly scopes: readonly string[]
  readonly label: string
  readonly lastsMillis: number
}

export interface Grant extends GrantRequest {
  readonly scopes: readonly Scope[]
}

/** Throws `Invalid`. */
export function checkedGrant({ tenant, scopes: asked, label, lastsMillis }: GrantRequest): Grant {
  const granted = scopes.filter((scope) => asked.includes(scope))
  const unknown = asked.find((scope) => !scopes.some((one) => one === scope))
  if (unknown !== undefined || granted.length === 0) {
    throw invalid(`A token has at least one of the scopes ${scopes.join(", ")}, and no others.`)
  }
  if (tenant === everyTenant && (granted.length > 1 || granted[0] !== "operate")) {
    throw invalid("A token for all tenants has the scope operate and no other.")
  }
  if (tenant !== everyTenant && !isToken(tenant)) {
    throw invalid("A tenant's name is 1 to 63 of a-z, 0-9 and -, no - first; or * for the node.")
  }
  if (label.length > tokenLabelLengthMax || /\p{C}/u.test(label)) {
    throw invalid(`A label has at most ${tokenLabelLengthMax} characters that can be shown.`)
  }
  const isWhole = Number.isSafeInteger(lastsMillis)
  if (!isWhole || lastsMillis < tokenMillisMin || lastsMillis > tokenMillisMax) {
    throw invalid("A token is good for 1s to 366d.")
  }
  return { tenant, scopes: granted, label, lastsMillis }
}

/**
 * Ids to forget so that one more finds room: those that ended longest ago. Throws `LimitExceeded`
 * where all of them are good.
 */
export function makingRoom(tokens: readonly StoredToken[], nowMillis: number): readonly string[] {
  const over = tokens.length + 1 - tokensMax
  const ended = tokens
    .map(({ id, expiresMillis, revokedMillis }) => ({ id, end: revokedMillis ?? expiresMillis }))
    .filter(({ end }) => end <= nowMillis)
    .sort((a, b) => a.end - b.end)
  if (ended.length >= over) return ended.slice(0, over).map(({ id }) => id)
  throw new LimitExceeded({
    limit: "tokensMax",
    bound: tokensMax,
    value: tokens.length + 1,
    message: `There are ${tokens.length} tokens that are good; at most ${tokensMax} are kept.`,
    next: "Revoke some with `intelgraph token revoke`.",
  })
}

const invalid = (message: string) => new Invalid({ what: "token", message })
