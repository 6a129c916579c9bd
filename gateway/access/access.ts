/**
 * Who asks, and how far that reaches (contracts §10). Everything behind the door is given one of
 * these and nothing else of the caller: the tenant of a read or a write comes from here alone.
 */
import { Forbidden } from "../../protocols/errors.ts"

/** `operate`: actors and dead letters of one's own tenant. */
export const scopes = ["read", "write", "operate"] as const
export type Scope = (typeof scopes)[number]

export interface Access {
  /** Whose data it reaches; `undefined` for the node's operator who has not named a tenant. */
  readonly tenant: string | undefined
  readonly scopes: ReadonlySet<Scope>
  /** The node's operator: `/metrics`, and the actors of all tenants. */
  readonly isOperator: boolean
  /** Who it is in audit rows: the id of a token, `open` without tokens, `local` on the machine. */
  readonly by: string
}

const allScopes: ReadonlySet<Scope> = new Set(scopes)

/** Before the first token is made: whoever reaches the loopback address, for one tenant. */
export const openAccess = (tenant: string): Access => ({
  tenant,
  scopes: allScopes,
  isOperator: true,
  by: "open",
})

/** The owner of the data directory, who needs no token to read it. */
export const localAccess = (tenant: string): Access => ({ ...openAccess(tenant), by: "local" })

/** Equal for accesses that see the same: what one execution may be shared by. */
export const reachOf = ({ tenant, scopes: held, isOperator }: Access): string =>
  `${tenant ?? "*"} ${scopes.filter((scope) => held.has(scope)).join(",")} ${isOperator ? 1 : 0}`

/** Throws where the scope is not held. */
export function requireScope(access: Access, scope: Scope, what: string): void {
  if (access.scopes.has(scope)) return
  throw new Forbidden({ scope, message: `${what} needs a token with scope ${scope}.` })
}

/** The tenant that is reached; the node's operator must have named one. */
export function tenantOf(access: Access): string {
  if (access.tenant !== undefined) return access.tenant
  const message = "The node's operator names the tenant by the header Intelgraph-Tenant."
  throw new Forbidden({ scope: "read", message })
}
