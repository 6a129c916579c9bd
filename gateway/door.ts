/**
 * Who may speak to this node at all, checked first on every request and upgrade (contracts §10).
 *
 * A page of another site can make a browser send requests to a loopback port. It cannot choose
 * the Host header of a name that it does not own, so a name other than loopback and those that are
 * configured is refused (DNS rebinding); and it cannot hide its Origin, so any other than this
 * node's own and those that are configured is refused.
 */
import type { IncomingMessage } from "node:http"
import { isIPv4 } from "node:net"

export type Refusal = { readonly status: number; readonly message: string }

export interface Door {
  /** Names, with or without a port, in lower case; loopback always is one. */
  readonly hosts: ReadonlySet<string>
  /** Origins of pages elsewhere that may ask, such as `https://app.example.org`. */
  readonly origins: ReadonlySet<string>
  /** Where TLS ends: at this node, before it, or nowhere. Says what its own origin is. */
  readonly tls: "here" | "before" | "nowhere"
}

export const loopbackDoor: Door = { hosts: new Set(), origins: new Set(), tls: "nowhere" }

/** `undefined`: come in. */
export function refuseAtDoor(request: IncomingMessage, door: Door): Refusal | undefined {
  const host = only(request, "host")
  if (host === undefined || !isHost(host, door)) {
    const message = "The Host header does not name this node; ask http://localhost instead."
    return { status: 403, message }
  }
  if (request.headers.origin === undefined) return undefined
  const origin = only(request, "origin")
  if (origin !== undefined && (isOwn(origin, host, door) || door.origins.has(origin))) {
    return undefined
  }
  return { status: 403, message: notFromElsewhere }
}

export const notFromElsewhere = "Pages of another origin may not speak to this node."

/**
 * A page elsewhere may make a browser ask without naming its origin, as for an image: it sees
 * nothing of the answer, and the node would work for it. Browsers say where such a request is from.
 */
export const isFromElsewhere = ({ headers }: IncomingMessage): boolean =>
  headers.origin === undefined && elsewhere.has(headers["sec-fetch-site"])

const elsewhere: ReadonlySet<unknown> = new Set(["cross-site", "same-site"])

/** The origin of a page elsewhere that is let in, which its browser must be told. */
export function foreignOrigin(request: IncomingMessage, door: Door): string | undefined {
  const { origin } = request.headers
  if (origin === undefined || door.origins.size === 0) return undefined
  return door.origins.has(origin.toLowerCase()) ? origin : undefined
}

function isOwn(origin: string, host: string, { tls }: Door): boolean {
  if (origin === `https://${host}`) return tls !== "nowhere"
  if (origin !== `http://${host}`) return false
  // Where TLS ends before the node, somebody on the way may have made a page without it.
  return tls === "nowhere" || (tls === "before" && isLoopback(nameOf(host)))
}

/** The header's value in lower case where it is there exactly once. */
function only(request: IncomingMessage, name: string): string | undefined {
  let found: string | undefined
  const { rawHeaders } = request
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const given = rawHeaders[i] ?? ""
    if (given.length !== name.length || given.toLowerCase() !== name) continue
    if (found !== undefined) return undefined
    found = rawHeaders[i + 1]?.toLowerCase()
  }
  return found
}

const hostPattern = /^(\[[0-9a-f:]+\]|[a-z0-9.-]+?)\.?(?::[0-9]{1,5})?$/

function isHost(host: string, { hosts }: Door): boolean {
  const name = nameOf(host)
  return isLoopback(name) || hosts.has(name) || (name !== "" && hosts.has(host))
}

/** Without port, brackets and the dot at the end; empty for what is no host. */
function nameOf(host: string): string {
  const name = hostPattern.exec(host)?.[1] ?? ""
  return name.startsWith("[") ? name.slice(1, -1) : name
}

/** `localhost`, 127.0.0.0/8 and ::1, as they are written. */
export const isLoopback = (name: string): boolean =>
  name === "localhost" || name === "::1" || (isIPv4(name) && name.startsWith("127."))
