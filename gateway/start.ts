/**
 * Starts and ends the edge. Until tokens exist it listens on loopback only and everybody who
 * reaches it reads the one open tenant; any other bind is refused.
 */
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { IntelNode } from "../actors/index.ts"
import { Invalid, Unavailable } from "../protocols/errors.ts"
import { retryMillisMax, shutdownMillisMax } from "../protocols/limits.ts"
import type { MetricRegistry } from "../runtime/index.ts"
import type { GraphReadsShape } from "../stores/index.ts"
import { openAccess } from "./access/access.ts"
import { run } from "./bridge.ts"
import type { LiveSource } from "./context.ts"
import { isLoopback } from "./door.ts"
import { edgeMetrics, liveMetrics, nodeMetrics } from "./edge-metrics.ts"
import type { OnMasked } from "./errors.ts"
import { Engine } from "./execute.ts"
import { graphiqlPages } from "./graphiql.ts"
import { Live } from "./live/live.ts"
import { Sockets } from "./live/sockets.ts"
import { pageFiles } from "./page/files.ts"
import type { Page } from "./pages.ts"
import { makeServer } from "./server.ts"

export interface GatewayOptions {
  readonly reads: GraphReadsShape
  /** Without one there are no actors to show, and the graph is only read. */
  readonly node?: IntelNode | undefined
  /** Without one nothing can be subscribed to, and pages have no token to go on from. */
  readonly live?: LiveSource | undefined
  readonly metrics: MetricRegistry
  /** 0 takes any free port. */
  readonly port: number
  readonly host?: string
  /** Serves GraphiQL at /graphiql. */
  readonly development: boolean
  /** Whose data the open node answers with. */
  readonly tenant: string
  /** Told what the client was not told; the log's business. */
  readonly onMasked?: OnMasked
}

export interface Gateway {
  /** Where GraphQL is asked. */
  readonly url: string
  /** Where a person looks. */
  readonly pageUrl: string
  /** Where a person asks by hand; `undefined` in production. */
  readonly queryPageUrl: string | undefined
  /** Takes no new requests and lets those under way finish. Also done when the scope closes. */
  readonly close: Effect.Effect<void>
}

export const startGateway = Effect.fn("gateway.start")(function* (options: GatewayOptions) {
  const host = options.host ?? "127.0.0.1"
  if (!isLoopback(host)) return yield* Effect.fail(refuseHost(host))
  const onMasked: OnMasked = (errorId, error) => {
    metrics.masked.add()
    options.onMasked?.(errorId, error)
  }
  const engine = new Engine(options, onMasked)
  const metrics = edgeMetrics(options.metrics, engine.documents)
  if (options.node !== undefined) nodeMetrics(options.metrics, options.node)
  const queryPages = options.development ? graphiqlPages() : new Map<string, Page>()
  const open = openAccess(options.tenant)
  const live = new Live(engine, () => () => undefined)
  liveMetrics(options.metrics, live.counts)
  let closing = false
  const server = makeServer({
    engine,
    registry: options.metrics,
    metrics,
    onMasked,
    accessOf: () => open,
    live,
    sockets: new Sockets({ live, authenticate: () => open }),
    notReady: () => (closing ? "The node is ending." : readsAnswer(options)),
    pages: new Map([...pageFiles(), ...queryPages]),
  })
  yield* listen(server, host, options.port)
  const close = Effect.suspend(() => {
    closing = true
    live.close()
    return closeServer(server)
  })
  yield* Effect.addFinalizer(() => close)
  const base = baseOf(server, host)
  const queryPageUrl = queryPages.size > 0 ? `${base}/graphiql` : undefined
  return { url: `${base}/graphql`, pageUrl: `${base}/`, queryPageUrl, close } satisfies Gateway
}) as (options: GatewayOptions) => Effect.Effect<Gateway, Invalid | Unavailable, Scope.Scope>

const refuseHost = (host: string) =>
  new Invalid({
    what: "host",
    message:
      `The node does not listen on ${JSON.stringify(host)}: without tokens it serves this ` +
      "machine only. Use 127.0.0.1, and from elsewhere an SSH tunnel: ssh -L 4000:127.0.0.1:4000.",
  })

/** One read that finds nothing: the store can be asked. */
async function readsAnswer(options: GatewayOptions): Promise<string | undefined> {
  try {
    await run(options.reads.entity(options.tenant, "readiness", "readiness"))
    return undefined
  } catch {
    return "The graph cannot be read."
  }
}

const listen = (server: Server, host: string, port: number): Effect.Effect<void, Unavailable> =>
  Effect.callback((resume) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(cannotListen(error, host, port))),
    )
    server.listen({ host, port }, () => {
      server.removeAllListeners("error")
      resume(Effect.void)
    })
  })

const cannotListen = (error: NodeJS.ErrnoException, host: string, port: number) =>
  new Unavailable({
    retryAfterMillis: retryMillisMax,
    message:
      error.code === "EADDRINUSE"
        ? `Port ${port} on ${host} is in use, perhaps by a node of yours.`
        : `The node cannot listen on ${host}, port ${port} (${error.code ?? "unknown reason"}).`,
    next: "Name another with --port; 0 takes any free one.",
  })

/** Waits for requests under way, then for no longer than `shutdownMillisMax`. */
const closeServer = (server: Server): Effect.Effect<void> =>
  server.listening ? endServer(server) : Effect.void

const endServer = (server: Server): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const cut = setTimeout(() => server.closeAllConnections(), shutdownMillisMax)
    server.close(() => {
      clearTimeout(cut)
      resume(Effect.void)
    })
    server.closeIdleConnections()
  })

function baseOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`
}
