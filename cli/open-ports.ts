/** Where a node keeps its log and graph: in its data directory, or on servers of its settings. */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import type { Membership } from "../actors/index.ts"
import { resumeKeyOf } from "../gateway/index.ts"
import { Invalid } from "../protocols/errors.ts"
import { nodeWeightDefault } from "../protocols/limits.ts"
import {
  type DataDirectory,
  openEmbeddedLog,
  openJetStream,
  openRegister,
  sharedFact,
} from "../runtime/index.ts"
import {
  openGraphView,
  openNeo4jGraph,
  openNeo4jView,
  openPostgresGraph,
  openPostgresView,
} from "../stores/index.ts"
import type { Settings } from "./configuration.ts"
import { openGraph } from "./open-graph.ts"
import type { ServerUrl } from "./server-url.ts"

type Servers = Pick<
  Settings,
  "node" | "nats" | "natsCredentials" | "natsCa" | "natsReplicas" | "postgres" | "neo4j"
>

/** The log and the state; on servers with the place that the node has among others. */
export const openLogOf = Effect.fnUntraced(function* (settings: Servers, directory: DataDirectory) {
  const { nats, natsCredentials, natsCa, natsReplicas } = settings
  if (nats.value === undefined) {
    const resumeKey = yield* resumeKeyOf(directory)
    return { ...(yield* openEmbeddedLog(directory)), cluster: undefined, resumeKey }
  }
  const credentials =
    natsCredentials.value === undefined
      ? credentialsIn(nats.value)
      : { credentialsFile: natsCredentials.value }
  const replicas = natsReplicas.value
  const { log, state, broker } = yield* openJetStream({
    servers: nats.value.withoutUser(),
    replicas,
    ...(credentials === undefined ? {} : { credentials }),
    ...(natsCa.value === undefined ? {} : { tls: { caFile: natsCa.value } }),
  })
  const register = yield* openRegister(broker, { replicas })
  const node = settings.node.value ?? (yield* nameOf(directory))
  const incarnation = randomBytes(8).toString("hex")
  const cluster: Membership = { node, incarnation, weight: nodeWeightDefault, register }
  const resumeKey = yield* resumeKeyOf(directory, (own) =>
    sharedFact(broker, { fact: "resume-key" }, own),
  )
  return { log, state, cluster, resumeKey }
})

/** Made once, and kept with the data directory. */
const nameOf = ({ meta }: DataDirectory) =>
  Effect.suspend(() => {
    const known = meta.get("node")
    if (known !== undefined) return Effect.succeed(known)
    const made = `node-${randomBytes(4).toString("hex")}`
    return Effect.as(meta.set("node", made), made)
  })

/** A node's data that one copy of its directory does not hold. */
export const isOnServers = ({ nats, postgres, neo4j }: Servers): boolean =>
  [nats, postgres, neo4j].some(({ value }) => value !== undefined)

export const notCopied = () =>
  new Invalid({
    what: "backup",
    message: "The log or the graph is on a server; a copy of the data directory lacks it.",
    next: "Copy it by the server's own tools: nats stream backup, pg_dump, neo4j-admin.",
  })

export const openGraphOf = ({ postgres, neo4j }: Servers, directory: DataDirectory) => {
  if (postgres.value !== undefined) return openPostgresGraph({ url: postgres.value.reveal() })
  return neo4j.value === undefined ? openGraph(directory) : openNeo4jGraph(neo4jAt(neo4j.value))
}

/** The graph for reading alone, beside a node or without one. */
export const openViewOf = (
  { postgres, neo4j }: Servers,
  { files }: Pick<DataDirectory, "files">,
) => {
  if (postgres.value !== undefined) return openPostgresView({ url: postgres.value.reveal() })
  return neo4j.value === undefined
    ? openGraphView(files.graph)
    : openNeo4jView(neo4jAt(neo4j.value))
}

const neo4jAt = (url: ServerUrl) => ({ url: url.withoutUser(), ...url.userIn() })

function credentialsIn(url: ServerUrl) {
  const { user, password } = url.userIn()
  if (user === "") return undefined
  return password === "" ? { token: user } : { user, password }
}
