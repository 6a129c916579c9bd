/** Where a node keeps its log and graph: in its data directory, or on servers of its settings. */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Membership } from "../actors/index.ts"
import { resumeKeyOf } from "../gateway/index.ts"
import { Invalid } from "../protocols/errors.ts"
import { nodeWeightDefault } from "../protocols/limits.ts"
import {
  type DataDirectory,
  type Host,
  type LogBroken,
  type Logger,
  type LogInspectionShape,
  openEmbeddedInspection,
  openEmbeddedLog,
  openJetStream,
  openJetStreamInspection,
  openPeers,
  openRegister,
  sharedFact,
} from "../runtime/index.ts"
import {
  openGraphView,
  openNeo4jGraph,
  openNeo4jView,
  openPostgresGraph,
  openPostgresView,
  withBeside,
} from "../stores/index.ts"
import type { Settings } from "./configuration.ts"
import { openGraph } from "./open-graph.ts"
import type { ServerUrl } from "./server-url.ts"
import { type Patience, whenAnswered } from "./when-answered.ts"

interface OpeningLog {
  readonly host: Host
  readonly logger: Logger
  readonly isFirst: boolean
}

type Servers = Pick<
  Settings,
  "node" | "nats" | "natsCredentials" | "natsCa" | "natsReplicas" | "postgres" | "neo4j" | "redis"
>

/**
 * The log and the state; on servers with the node's place among others, and a way to them. Where it
 * is not the first attempt, servers were away, and what they knew of nodes may have expired.
 */
export const openLogOf = Effect.fnUntraced(function* (
  settings: Servers,
  directory: DataDirectory,
  { host, logger, isFirst }: OpeningLog,
) {
  const { value: nats } = settings.nats
  if (nats === undefined) {
    const resumeKey = yield* resumeKeyOf(directory)
    const { log, state } = yield* openEmbeddedLog(directory)
    return { log, state, resumeKey, cluster: undefined, peers: undefined }
  }
  const replicas = settings.natsReplicas.value
  const { log, state, broker } = yield* openJetStream({ ...jetStreamAt(nats, settings), replicas })
  const opened = yield* openRegister(broker, { replicas })
  const register = isFirst ? opened : { ...opened, isSteady: () => false }
  const node = settings.node.value ?? (yield* nameOf(directory))
  const own = { node, incarnation: randomBytes(8).toString("hex") }
  const onFault = (request: string, cause: unknown) =>
    logger.error("request of a node failed", { request, cause })
  const peers = yield* openPeers(broker, { own, host, onFault })
  const cluster: Membership = { ...own, weight: nodeWeightDefault, register, peers }
  const resumeKey = yield* resumeKeyOf(directory, (own) =>
    sharedFact(broker, { fact: "resume-key" }, own),
  )
  return { log, state, resumeKey, cluster, peers }
})

/** Made once, and kept with the data directory. */
const nameOf = ({ meta }: DataDirectory) =>
  Effect.suspend(() => {
    const known = meta.get("node")
    if (known !== undefined) return Effect.succeed(known)
    const made = `node-${randomBytes(4).toString("hex")}`
    return Effect.as(meta.set("node", made), made)
  })

/** What the log holds, for a look at it: beside nodes or without one. */
export const openInspectionOf = (
  settings: Servers,
  directory: Pick<DataDirectory, "files">,
): Effect.Effect<LogInspectionShape, LogBroken, Scope.Scope> => {
  const { value: nats } = settings.nats
  if (nats === undefined) return openEmbeddedInspection(directory)
  return openJetStreamInspection(jetStreamAt(nats, settings))
}

const jetStreamAt = (nats: ServerUrl, { natsCredentials, natsCa }: Servers) => {
  const credentials =
    natsCredentials.value === undefined
      ? credentialsIn(nats)
      : { credentialsFile: natsCredentials.value }
  return {
    servers: nats.withoutUser(),
    ...(credentials === undefined ? {} : { credentials }),
    ...(natsCa.value === undefined ? {} : { tls: { caFile: natsCa.value } }),
  }
}

/** A node's data that one copy of its directory does not hold. */
export const isOnServers = ({ nats, postgres, neo4j }: Servers): boolean =>
  [nats, postgres, neo4j].some(({ value }) => value !== undefined)

export const notCopied = () =>
  new Invalid({
    what: "backup",
    message: "The log or the graph is on a server; a copy of the data directory lacks it.",
    next: "Copy it by the server's own tools: nats stream backup, pg_dump, neo4j-admin.",
  })

/**
 * In Neo4j where it is named, and then Postgres beside it gets the same; Neo4j is asked. With
 * `patience` each server that does not answer yet is waited for.
 */
export const openGraphOf = Effect.fnUntraced(function* (
  { postgres, neo4j }: Servers,
  directory: DataDirectory,
  patience?: Patience,
) {
  const once = whenAnswered(patience)
  if (neo4j.value === undefined) {
    return postgres.value === undefined
      ? yield* openGraph(directory)
      : yield* once(openPostgresGraph({ url: postgres.value.reveal() }))
  }
  const asked = yield* once(openNeo4jGraph(neo4jAt(neo4j.value)))
  if (postgres.value === undefined) return asked
  const beside = yield* once(openPostgresGraph({ url: postgres.value.reveal() }))
  return withBeside(asked, beside.sink)
})

/** The graph for reading alone, beside a node or without one: what a node would ask. */
export const openViewOf = (
  { postgres, neo4j }: Servers,
  { files }: Pick<DataDirectory, "files">,
) => {
  if (neo4j.value !== undefined) return openNeo4jView(neo4jAt(neo4j.value))
  return postgres.value === undefined
    ? openGraphView(files.graph)
    : openPostgresView({ url: postgres.value.reveal() })
}

const neo4jAt = (url: ServerUrl) => ({ url: url.withoutUser(), ...url.userIn() })

function credentialsIn(url: ServerUrl) {
  const { user, password } = url.userIn()
  if (user === "") return undefined
  return password === "" ? { token: user } : { user, password }
}
