/** From a request's headers to who asks it, and for whose data. */
import type { IncomingHttpHeaders } from "node:http"
import { isToken } from "../../protocols/address.ts"
import { Forbidden, Invalid, Unauthenticated } from "../../protocols/errors.ts"
import type { Access } from "./access.ts"
import type { AccessControl } from "./control.ts"

/** By which the node's operator names the tenant whose actors and dead letters are meant. */
export const tenantHeader = "intelgraph-tenant"

/** The same words whatever was wrong. */
export const unauthenticated = () =>
  new Unauthenticated({ message: "This node answers those who bring a token that is good." })

/** Throws `Unauthenticated`. */
export function identified(control: AccessControl, headers: IncomingHttpHeaders): Access {
  const access = control.authenticate(headers.authorization)
  if (access === undefined) throw unauthenticated()
  return access
}

/**
 * The access for the tenant that the header names: any for the node's operator, for others their
 * own only. Throws `Forbidden`, and `Invalid` for what is no tenant's name.
 */
export function withTenant(access: Access, headers: IncomingHttpHeaders): Access {
  const named = headers[tenantHeader]
  if (named === undefined || named === access.tenant) return access
  if (access.tenant !== undefined) {
    const message = "This token reaches its own tenant only."
    throw new Forbidden({ scope: "operate", message })
  }
  if (typeof named === "string" && isToken(named)) return { ...access, tenant: named }
  throw new Invalid({ what: "tenant", message: `The header ${tenantHeader} names no tenant.` })
}

/** Throws `Forbidden` for all but the node's operator. */
export function requireOperator(access: Access): void {
  if (access.isOperator) return
  const message = "Only the node's operator may see this."
  throw new Forbidden({ scope: "operate", message })
}
