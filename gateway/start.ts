/**
 * Starts and ends the edge. Until tokens exist it listens on loopback only and everybody who
 * reaches it reads the one open tenant; where else it may listen is decided in `bind.ts`.
 */
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { IntelNode } from "../actors/index.ts"
import { type Invalid, Unavailable } from "../protocols/errors.ts"
import {
  certificateLookMillis,
  openEndMillisMax,
  retryMillisMax,
  shutdownMillisMax,
} from "../protocols/limits.ts"
import type { MetricRegistry } from "../runtime/index.ts"
import type { GraphReadsShape } from "../stores/index.ts"
import type { Access } from "./access/access.ts"
import type { Deed } from "./access/audit.ts"
import { type CertificateFiles, readCertificate, versionOf } from "./access/certificate.ts"
import { AccessControl } from "./access/control.ts"
import { memoryAccessStore } from "./access/memory-store.ts"
import { type Bind, doorOf, refuseBind } from "./bind.ts"
import { run } from "./bridge.ts"
import type { LiveSource } from "./context.ts"
import { edgeMetrics, liveMetrics, nodeMetrics } from "./edge-metrics.ts"
import type { OnMasked } from "./errors.ts"
import { Engine } from "./execute.ts"
import { graphiqlPages } from "./graphiql.ts"
import { KeptAnswers } from "./kept-answers.ts"
import { type Listener, makeListener, type Patience } from "./listener.ts"
import { Live } from "./live/live.ts"
import { Sockets } from "./live/sockets.ts"
import { readManifest } from "./manifest.ts"
import { pageFiles } from "./page/files.ts"
import type { Page } from "./pages.ts"
import type { Manifest } from "./persisted.ts"
import { serveOn } from "./server.ts"
import { endingWrites } from "./write/ending-writes.ts"
import { Uploads, type UploadTimes } from "./write/upload.ts"

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
  /** Names by which the node is asked beside loopback, with or without a port. */
  readonly hosts?: readonly string[]
  /** Origins of pages elsewhere that may ask. */
  readonly origins?: readonly string[]
  /** Certificate and key; or `before` where a proxy ends TLS. */
  readonly tls?: CertificateFiles | "before" | undefined
  /** Who may ask. Without one the node is open, and forgets its tokens when it ends. */
  readonly control?: AccessControl | undefined
  /** How long a client may take to say what it wants. */
  readonly patience?: Patience
  readonly uploadTimes?: UploadTimes | undefined
  /** A file of documents that clients may name by id; `only`: that nothing else is executed. */
  readonly persistedQueries?: { readonly manifest: string; readonly only: boolean } | undefined
  /** Serves GraphiQL at /graphiql. */
  readonly development: boolean
  /** Whose data the open node answers with. */
  readonly tenant: string
  /** Told what the client was not told; the log's business. */
  readonly onMasked?: OnMasked
  /** Told why another certificate was not taken. */
  readonly onCertificate?: (error: unknown) => void
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
  const control =
    options.control ?? new AccessControl({ store: memoryAccessStore(), openTenant: options.tenant })
  const bind = bindOf(options, control)
  const refused = refuseBind(bind)
  if (refused !== undefined) return yield* refused
  const onMasked: OnMasked = (errorId, error) => {
    metrics.masked.add()
    options.onMasked?.(errorId, error)
  }
  const audit = (deed: Deed) => control.audit(deed)
  const isOver = (access: Access) => control.isOver(access)
  const ending = endingWrites(options.node?.writes)
  const { writes } = ending
  const manifest = yield* manifestOf(options)
  const engine = new Engine({ ...options, writes, audit, isOver }, onMasked, manifest)
  const kept = new KeptAnswers(options.reads)
  const metrics = edgeMetrics(options.metrics, { engine, kept })
  if (options.node !== undefined) nodeMetrics(options.metrics, options.node)
  const queryPages = options.development ? graphiqlPages() : new Map<string, Page>()
  const live = new Live(engine, (access, end) => control.watch(access, end))
  liveMetrics(options.metrics, live.counts)
  const uploads = new Uploads({ writes, audit, times: options.uploadTimes })
  let closing = false
  const { server, renew } = yield* listenerOf(options)
  serveOn(server, {
    engine,
    kept,
    registry: options.metrics,
    metrics,
    onMasked,
    control,
    door: doorOf(bind),
    live,
    uploads,
    sockets: new Sockets({ live, authenticate: (header) => control.authenticate(header) }),
    notReady: () => (closing ? "The node is ending." : readsAnswer(options)),
    pages: new Map([...pageFiles(), ...queryPages]),
  })
  yield* listen(server, bind.host, options.port)
  yield* renewing(options, renew)
  yield* endingOpen(control, server)
  const close = Effect.suspend(() => {
    closing = true
    live.close()
    uploads.end()
    ending.end()
    return closeServer(server)
  })
  yield* Effect.addFinalizer(() => close)
  const base = baseOf(server, bind)
  const queryPageUrl = queryPages.size > 0 ? `${base}/graphiql` : undefined
  return { url: `${base}/graphql`, pageUrl: `${base}/`, queryPageUrl, close } satisfies Gateway
}) as (options: GatewayOptions) => Effect.Effect<Gateway, Invalid | Unavailable, Scope.Scope>

const bindOf = (
  { host = "127.0.0.1", hosts = [], origins = [], tls }: GatewayOptions,
  { isOpen }: AccessControl,
): Bind => ({
  host,
  hosts,
  origins,
  tls: tls === undefined ? "nowhere" : tls === "before" ? "before" : "here",
  isOpen,
})

const manifestOf = ({
  persistedQueries,
}: GatewayOptions): Effect.Effect<Manifest | undefined, Invalid> => {
  if (persistedQueries === undefined) return Effect.succeed(undefined)
  const { manifest, only } = persistedQueries
  return Effect.try({
    try: () => ({ documents: readManifest(manifest), only }),
    catch: (error) => error as Invalid,
  })
}

const listenerOf = ({ tls, patience }: GatewayOptions): Effect.Effect<Listener, Invalid> =>
  Effect.try({
    try: () => {
      const isBehindProxy = tls === "before"
      const secure = tls === undefined || tls === "before" ? undefined : readCertificate(tls)
      return makeListener({ secure, patience, isBehindProxy })
    },
    catch: (error) => error as Invalid,
  })

/** Takes another certificate when its files change. */
const renewing = ({ tls, onCertificate }: GatewayOptions, renew: Listener["renew"]) => {
  if (tls === undefined || tls === "before") return Effect.void
  let version = versionOf(tls)
  const look = () => {
    const latest = versionOf(tls)
    if (latest === version) return
    version = latest
    try {
      renew(readCertificate(tls))
    } catch (error) {
      onCertificate?.(error)
    }
  }
  return Effect.acquireRelease(
    Effect.sync(() => setInterval(look, certificateLookMillis).unref()),
    (looking) => Effect.sync(() => clearInterval(looking)),
  )
}

/** With the first token, what was let in without one ends: at once where idle, else soon. */
const endingOpen = (control: AccessControl, server: Server) => {
  const open = control.authenticate(undefined)
  if (open === undefined) return Effect.void
  const end = () => {
    server.closeIdleConnections()
    setTimeout(() => server.closeAllConnections(), openEndMillisMax).unref()
  }
  return Effect.acquireRelease(
    Effect.sync(() => control.watch(open, end)),
    (stop) => Effect.sync(stop),
  )
}

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

function baseOf(server: Server, { host, tls }: Bind): string {
  const { port } = server.address() as AddressInfo
  return `${tls === "here" ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`
}
