/** From a request's headers to who asks it, and for whose data. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { isToken } from "../../protocols/address.ts"
import { Forbidden, Invalid, Unauthenticated } from "../../protocols/errors.ts"
import type { Access } from "./access.ts"
import type { AccessControl } from "./control.ts"

/** By which the node's operator names the tenant whose actors and dead letters are meant. */
export const tenantHeader = "intelgraph-tenant"

/** The same words whatever was wrong. */
export const unauthenticated = () =>
  new Unauthenticated({ message: "This node answers those who bring a token that is good." })

/** What a connection has shown: the header as it came, and the access that it was good for. */
interface Shown {
  readonly header: string | undefined
  readonly access: Access
}

const shown = new WeakMap<Socket, Shown>()

/**
 * Throws `Unauthenticated`. A connection that sends the same header again is not asked for its
 * secret again, which costs more than the rest of the door; whether the access has ended is asked
 * each time.
 */
export function identified(
  control: AccessControl,
  { socket, headers }: Pick<IncomingMessage, "socket" | "headers">,
): Access {
  const { authorization: header } = headers
  const before = shown.get(socket)
  if (before !== undefined && before.header === header && !control.isOver(before.access)) {
    return before.access
  }
  const access = control.authenticate(header)
  if (access === undefined) throw unauthenticated()
  shown.set(socket, { header, access })
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
