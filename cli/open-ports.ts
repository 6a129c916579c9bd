/** Where a node keeps its log and graph: in its data directory, or on servers of its settings. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Invalid } from "../protocols/errors.ts"
import {
  type DataDirectory,
  type LogBroken,
  type LogInspectionShape,
  openEmbeddedInspection,
  openEmbeddedLog,
  openJetStream,
  openJetStreamInspection,
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
  "nats" | "natsCredentials" | "natsCa" | "natsReplicas" | "postgres" | "neo4j"
>

export const openLogOf = (settings: Servers, directory: DataDirectory) => {
  const { value: nats } = settings.nats
  if (nats === undefined) return openEmbeddedLog(directory)
  const { value: replicas } = settings.natsReplicas
  return openJetStream({ ...jetStreamAt(nats, settings), replicas })
}

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
