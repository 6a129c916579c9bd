/**
 * The connection to the servers: who may, how it is kept, and whether they are new enough. It comes
 * back by itself, to any of the servers, and forever; what was asked meanwhile ends without answer.
 */
import { readFileSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
import {
  AuthorizationError,
  connect,
  credsAuthenticator,
  type NodeConnectionOptions,
  PermissionViolationError,
} from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { StoreFailed, type Unavailable } from "../../../protocols/errors.ts"
import {
  jetStreamApiLevelMin,
  natsConnectMillisMax,
  natsMakeMillisMax,
  natsPingMillis,
  natsReconnectMillis,
  streamMakeMillisMax,
  streamRetryMillis,
} from "../../../protocols/limits.ts"
import { Broker, isDropped, NoAnswer } from "./broker.ts"
import { isPassing, unavailable } from "./failures.ts"
import { receiveWhole } from "./whole-messages.ts"

export type Credentials =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }
  /** A file as `nsc` makes it, with a user's JWT and its seed. */
  | { readonly credentialsFile: string }

export interface JetStreamServers {
  /** `nats://host:port` of some servers, separated by commas; the others are learned. */
  readonly servers: string
  readonly credentials?: Credentials
  /** TLS is used where the server asks for it, or where this is given. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string }
  /** The name that the servers show for this connection. */
  readonly clientName?: string
}

export interface ServerFacts {
  readonly version: string
  readonly apiLevel: number
  readonly cluster: string | undefined
}

/** Closed with the scope. `StoreFailed` where the server refuses us or is too old. */
export const openBroker = (
  options: JetStreamServers,
): Effect.Effect<
  { readonly broker: Broker; readonly facts: ServerFacts },
  StoreFailed | Unavailable,
  Scope.Scope
> =>
  Effect.gen(function* () {
    receiveWhole()
    const connection = yield* Effect.acquireRelease(connected(options), (of) =>
      Effect.promise(() => of.close()),
    )
    const broker = new Broker(connection)
    void follow(broker)
    return { broker, facts: yield* probed(options.servers, broker) }
  })

function connected(options: JetStreamServers) {
  return Effect.tryPromise({
    try: () => connect(connectionOptions(options)),
    catch: (error) => {
      const why = error instanceof Error ? error.message : String(error)
      const isRefused =
        error instanceof AuthorizationError ||
        (error instanceof Error && error.cause instanceof AuthorizationError)
      if (!isRefused) return unavailable(`no server at ${shown(options.servers)} answers: ${why}.`)
      return new StoreFailed({
        store: "jetstream",
        message: `The NATS server at ${shown(options.servers)} refuses these credentials.`,
        next: "Check user and password, token or credentials file, and the account's users.",
      })
    },
  })
}

function connectionOptions(options: JetStreamServers): NodeConnectionOptions {
  const { servers, tls, clientName = "intelgraph" } = options
  return {
    servers: servers.split(",").map((server) => server.trim()),
    name: clientName,
    timeout: natsConnectMillisMax,
    pingInterval: natsPingMillis,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectTimeWait: natsReconnectMillis,
    reconnectJitter: natsReconnectMillis,
    reconnectJitterTLS: natsReconnectMillis,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    ...authentication(options.credentials),
    ...(tls === undefined ? {} : { tls }),
  }
}

function authentication(credentials: Credentials | undefined): Partial<NodeConnectionOptions> {
  if (credentials === undefined) return {}
  if ("user" in credentials) return { user: credentials.user, pass: credentials.password }
  if ("token" in credentials) return { token: credentials.token }
  const { credentialsFile } = credentials
  // Read at every connection, so that a file that was renewed is used.
  return { authenticator: credsAuthenticator(() => readFileSync(credentialsFile)) }
}

/** Tells requests what happens to the connection that carries them, until it is closed. */
async function follow(broker: Broker): Promise<void> {
  for await (const status of broker.connection.status()) {
    if (status.type === "disconnect") broker.connected(false)
    if (status.type === "reconnect") broker.connected(true)
    if (status.type === "error" && status.error instanceof PermissionViolationError) {
      broker.violated(status.error)
    }
  }
}

interface AccountInfo {
  readonly api?: { readonly level?: number }
}

/**
 * Only who leads all servers answers. Asked again while they elect one, and where nobody answered
 * in time: one that stops leading drops what it is asked without a word.
 */
async function infoOf(broker: Broker): Promise<AccountInfo> {
  const untilMillis = performance.now() + natsMakeMillisMax
  while (true) {
    try {
      return await broker.api<AccountInfo>("INFO", undefined, streamMakeMillisMax)
    } catch (error) {
      if (!isDropped(error) || performance.now() >= untilMillis) throw error
    }
    await setTimeout(streamRetryMillis)
  }
}

/** What the log needs of a server, asked before anything is made on it. */
function probed(servers: string, broker: Broker) {
  const version = broker.connection.info?.version ?? "of an unknown version"
  const refused = (message: string, next: string) =>
    new StoreFailed({ store: "jetstream", message, next })
  return Effect.tryPromise({
    try: () => infoOf(broker),
    catch: (error) =>
      error instanceof Error &&
      (isPassing(error) || (error instanceof NoAnswer && !error.nobodyThere))
        ? unavailable(error.message)
        : refused(
            `The NATS server at ${shown(servers)} (${version}) has no JetStream for this account.`,
            "Start it with `jetstream {}` in its configuration, or enable it for the account.",
          ),
  }).pipe(
    Effect.flatMap(({ api }) => {
      const apiLevel = api?.level ?? 0
      if (apiLevel >= jetStreamApiLevelMin) {
        const cluster = broker.connection.info?.cluster
        return Effect.succeed<ServerFacts>({ version, apiLevel, cluster })
      }
      return Effect.fail(
        refused(
          `The NATS server at ${shown(servers)} is ${version} with level ${apiLevel} of the ` +
            `JetStream API, and level ${jetStreamApiLevelMin} is needed (nats-server 2.12).`,
          "Use nats-server 2.12 or newer on every server of the cluster.",
        ),
      )
    }),
  )
}

/** Addresses without the credentials that may stand in them. */
const shown = (servers: string): string => servers.replace(/\/\/[^@/,]*@/g, "//")
