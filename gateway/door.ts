/**
 * Who may speak to this node at all, checked first on every request and upgrade (contracts §10).
 *
 * A page of another site can make a browser send requests to a loopback port. It cannot choose
 * the Host header of a name that it does not own, so a name other than loopback is refused (DNS
 * rebinding); and it cannot hide its Origin, so any other than this node's own is refused.
 */
import type { IncomingMessage } from "node:http"
import { isIPv4 } from "node:net"

export type Refusal = { readonly status: number; readonly message: string }

/** `undefined`: come in. */
export function refuseAtDoor(request: IncomingMessage): Refusal | undefined {
  const host = only(request, "host")
  if (host === undefined || !isLoopbackHost(host)) {
    const message = "The Host header does not name this machine; ask http://localhost instead."
    return { status: 403, message }
  }
  const { origin } = request.headers
  if (origin === undefined) return undefined
  if (only(request, "origin") === undefined || origin.toLowerCase() !== `http://${host}`) {
    return { status: 403, message: "Pages of another origin may not speak to this node." }
  }
  return undefined
}

/** The header's value in lower case where it is there exactly once. */
function only(request: IncomingMessage, name: string): string | undefined {
  let found: string | undefined
  const { rawHeaders } = request
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== name) continue
    if (found !== undefined) return undefined
    found = rawHeaders[i + 1]?.toLowerCase()
  }
  return found
}

const hostPattern = /^(\[[0-9a-f:]+\]|[a-z0-9.-]+?)\.?(?::[0-9]{1,5})?$/

function isLoopbackHost(host: string): boolean {
  const name = hostPattern.exec(host)?.[1]
  return name !== undefined && isLoopback(name.startsWith("[") ? name.slice(1, -1) : name)
}

/** `localhost`, 127.0.0.0/8 and ::1, as they are written. */
export const isLoopback = (name: string): boolean =>
  name === "localhost" || name === "::1" || (isIPv4(name) && name.startsWith("127."))
