/**
 * The listening server, plain or with TLS of at least 1.2, with bounds on what a connection may
 * take before anybody looks at what it says: connections of all and of one client, headers, time.
 */
import { createServer, type IncomingMessage, type Server } from "node:http"
import { createServer as createSecureServer } from "node:https"
import {
  httpConnectionsMax,
  httpConnectionsPerClientMax,
  httpHandshakeMillisMax,
  httpHeaderBytesMax,
  httpHeadersMax,
  httpHeadersMillisMax,
  httpIdleMillisMax,
  httpRequestMillisMax,
} from "../protocols/limits.ts"
import type { SecureOptions } from "./access/certificate.ts"
import { ClientConnections } from "./client-connections.ts"

export interface Listener {
  readonly server: Server
  /** Takes another certificate for connections from now on. */
  readonly renew: (options: SecureOptions) => void
}

/** Shorter in tests; the limits of the same names otherwise. */
export interface Patience {
  readonly headersMillis: number
  readonly requestMillis: number
}

const patienceDefault: Patience = {
  headersMillis: httpHeadersMillisMax,
  requestMillis: httpRequestMillisMax,
}

export interface ListenerOptions {
  readonly secure?: SecureOptions | undefined
  readonly patience?: Patience | undefined
  /** All clients have one address, which is then not bounded. */
  readonly isBehindProxy: boolean
}

export function makeListener({
  secure,
  patience = patienceDefault,
  isBehindProxy,
}: ListenerOptions): Listener {
  const options = {
    maxHeaderSize: httpHeaderBytesMax,
    requestTimeout: patience.requestMillis,
    headersTimeout: patience.headersMillis,
    keepAliveTimeout: httpIdleMillisMax,
    connectionsCheckingInterval: patience.headersMillis / 10,
    // Other offers to change the protocol, such as h2c, are ignored as HTTP allows.
    shouldUpgradeCallback: (request: IncomingMessage) =>
      request.headers.upgrade?.toLowerCase() === "websocket",
  }
  const perClientMax = isBehindProxy ? httpConnectionsMax : httpConnectionsPerClientMax
  if (secure === undefined) {
    return { server: bounded(createServer(options), perClientMax), renew: () => undefined }
  }
  const handshakeTimeout = httpHandshakeMillisMax
  const server = createSecureServer({ ...options, ...secure, handshakeTimeout })
  return { server: bounded(server, perClientMax), renew: (next) => server.setSecureContext(next) }
}

function bounded(server: Server, perClientMax: number): Server {
  const clients = new ClientConnections(perClientMax)
  server.maxConnections = httpConnectionsMax
  server.maxHeadersCount = httpHeadersMax
  server.on("connection", (socket) => {
    if (clients.admit(socket)) return
    server.emit("drop")
    socket.destroy()
  })
  return server
}
