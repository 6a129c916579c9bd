/**
 * The settings of one command: flag > `INTELGRAPH_*` > `intelgraph.yaml` > default. Each remembers
 * where it came from, so that `config check` can say it. A variable or key that nobody knows is
 * refused: a setting that silently does nothing is worse than none. What is secret in an
 * address is shown nowhere.
 */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import {
  type ConfigurationDocument,
  hostPattern,
  natsReplicas,
  originPattern,
  type QuestionConfiguration,
  type SourceConfiguration,
} from "../protocols/configuration.ts"
import type { Invalid } from "../protocols/errors.ts"
import { maxBadShareDefault, recordsPerSecondMax } from "../protocols/limits.ts"
import type { LogLevel } from "../runtime/index.ts"
import type { ConfigurationFile } from "./configuration-file.ts"
import type { Io } from "./io.ts"
import {
  asBoolean,
  asLevel,
  asShare,
  asText,
  chooser,
  invalid,
  listOf,
  nodeName,
  type Read,
  type Setting,
  tenantName,
  wholeNumber,
} from "./readers.ts"
import { type ServerUrl, serverUrl, withoutPassword } from "./server-url.ts"
import { attemptInvalid, type Given, textFlag } from "./verb.ts"

export interface TenantSettings {
  readonly tenant: string
  readonly partitions: number | undefined
  readonly sources: readonly SourceConfiguration[]
  readonly question: QuestionConfiguration | undefined
}

export interface Settings {
  /** The document that was read; `undefined` where there is none. */
  readonly file: string | undefined
  readonly dataDir: Setting<string>
  readonly tenant: Setting<string>
  /** Its name in a cluster; `undefined` for the one that its data directory keeps. */
  readonly node: Setting<string | undefined>
  readonly nats: Setting<ServerUrl | undefined>
  readonly natsCredentials: Setting<string | undefined>
  readonly natsCa: Setting<string | undefined>
  /** Copies of each stream, where they are made. */
  readonly natsReplicas: Setting<number>
  readonly postgres: Setting<ServerUrl | undefined>
  readonly neo4j: Setting<ServerUrl | undefined>
  readonly redis: Setting<ServerUrl | undefined>
  readonly port: Setting<number>
  readonly host: Setting<string>
  readonly hosts: Setting<readonly string[]>
  readonly origins: Setting<readonly string[]>
  readonly tlsCert: Setting<string | undefined>
  readonly tlsKey: Setting<string | undefined>
  readonly tlsEndsBefore: Setting<boolean>
  readonly persistedManifest: Setting<string | undefined>
  readonly persistedOnly: Setting<boolean>
  readonly development: Setting<boolean>
  readonly level: Setting<LogLevel>
  readonly sampleRate: Setting<number>
  readonly spansFile: Setting<string | undefined>
  readonly maxBadShare: Setting<number>
  readonly recordsPerSecondMax: Setting<number | undefined>
  readonly tenants: readonly TenantSettings[]
}

export const configurationName = "intelgraph.yaml"

/** One variable each; `INTELGRAPH_CONFIG` names the document. */
export const variables = {
  config: "INTELGRAPH_CONFIG",
  dataDir: "INTELGRAPH_DATA_DIR",
  tenant: "INTELGRAPH_TENANT",
  node: "INTELGRAPH_NODE",
  nats: "INTELGRAPH_NATS",
  natsCredentials: "INTELGRAPH_NATS_CREDENTIALS",
  natsCa: "INTELGRAPH_NATS_CA",
  natsReplicas: "INTELGRAPH_NATS_REPLICAS",
  postgres: "INTELGRAPH_POSTGRES",
  neo4j: "INTELGRAPH_NEO4J",
  redis: "INTELGRAPH_REDIS",
  port: "INTELGRAPH_PORT",
  host: "INTELGRAPH_HOST",
  hosts: "INTELGRAPH_HOSTS",
  origins: "INTELGRAPH_ORIGINS",
  tlsCert: "INTELGRAPH_TLS_CERT",
  tlsKey: "INTELGRAPH_TLS_KEY",
  tlsEndsBefore: "INTELGRAPH_TLS_ENDS_BEFORE",
  persistedManifest: "INTELGRAPH_PERSISTED_MANIFEST",
  persistedOnly: "INTELGRAPH_PERSISTED_ONLY",
  development: "INTELGRAPH_DEVELOPMENT",
  level: "INTELGRAPH_LOG_LEVEL",
  sampleRate: "INTELGRAPH_SAMPLE_RATE",
  spansFile: "INTELGRAPH_SPANS_FILE",
  maxBadShare: "INTELGRAPH_MAX_BAD",
  recordsPerSecondMax: "INTELGRAPH_RATE",
} as const

export interface Place {
  readonly env: Io["env"]
  readonly folder: string
  /** Read where neither a flag, a variable nor the folder names a document. */
  readonly fallback?: string
}

export const loadSettings = (given: Given, place: Place): Effect.Effect<Settings, Invalid> =>
  Effect.gen(function* () {
    yield* attemptInvalid(() => refuseUnknownVariables(place.env))
    const path = yield* attemptInvalid(() => documentPath(given, place))
    if (path === undefined) return yield* attemptInvalid(() => settingsOf(given, place, undefined))
    const { readConfiguration } = yield* Effect.promise(() => import("./configuration-file.ts"))
    return yield* attemptInvalid(() => settingsOf(given, place, readConfiguration(path)))
  })

function refuseUnknownVariables(env: Io["env"]): void {
  const known = new Set<string>(Object.values(variables))
  const unknown = Object.keys(env).find((name) => /^INTELGRAPH_/.test(name) && !known.has(name))
  if (unknown === undefined) return
  throw invalid(`${unknown} is no setting; known are ${[...known].join(", ")}.`)
}

function documentPath(given: Given, { env, folder, fallback }: Place): string | undefined {
  const named = textFlag(given, "config") ?? env[variables.config]
  if (named === undefined) {
    return [resolve(folder, configurationName), fallback].find(
      (path) => path !== undefined && existsSync(path),
    )
  }
  const path = resolve(folder, named)
  if (existsSync(path)) return path
  throw invalid(`There is no configuration ${path}.`)
}

const natsUrl = serverUrl(["nats", "tls", "ws", "wss"], "nats://127.0.0.1:4222")
const postgresUrl = serverUrl(["postgres", "postgresql"], "postgres://user@127.0.0.1/intelgraph")
const neo4jUrl = serverUrl(
  ["bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"],
  "bolt://user@127.0.0.1:7687",
)

/** A majority of an even number is no smaller than that of the next odd one. */
const copies: Read<number> = (text, name) => {
  const found = natsReplicas.find((one) => String(one) === text)
  if (found !== undefined) return found
  throw invalid(`${name} is ${JSON.stringify(text.slice(0, 80))}; it is 1, 3 or 5.`)
}

const redisUrl = serverUrl(["redis", "rediss"], "redis://127.0.0.1:6379")

type ServerName = "nats" | "postgres" | "neo4j" | "redis"

/** Servers that keep the log and the graph; without them the data directory does. */
function serverSettings(
  choose: ReturnType<typeof chooser>,
  { nats, postgres, neo4j, redis }: Pick<ConfigurationDocument, ServerName>,
  { fromFile, pathIn }: Paths,
) {
  const filed = <A>(text: string | undefined, read: (text: string) => A) =>
    text === undefined ? undefined : read(text)
  const path = (name: "natsCredentials" | "natsCa", file: string | undefined) =>
    choose<string | undefined>("", variables[name], pathIn, {
      file: filed(file, fromFile),
      otherwise: undefined,
    })
  const server = (name: ServerName, read: Read<ServerUrl>, file?: string) =>
    choose<ServerUrl | undefined>(name, variables[name], read, {
      file: filed(file, (text) => withoutPassword(read)(text, `${name} of the file`)),
      otherwise: undefined,
    })
  return {
    nats: server("nats", natsUrl, nats?.servers),
    natsCredentials: path("natsCredentials", nats?.credentials),
    natsCa: path("natsCa", nats?.ca),
    natsReplicas: choose("", variables.natsReplicas, copies, {
      file: nats?.replicas,
      otherwise: 1,
    }),
    postgres: server("postgres", postgresUrl, postgres?.url),
    neo4j: server("neo4j", neo4jUrl, neo4j?.url),
    redis: server("redis", redisUrl, redis?.url),
  }
}

interface Paths {
  readonly fromFile: (path: string) => string
  readonly pathIn: (path: string) => string
}

/** By which names and over which TLS the edge is asked. */
function edgeSettings(
  choose: ReturnType<typeof chooser>,
  gateway: ConfigurationDocument["gateway"],
  { fromFile, pathIn }: Paths,
) {
  const tls = gateway?.tls
  const pathOf = (path: string | undefined) => (path === undefined ? undefined : fromFile(path))
  const edge = {
    hosts: choose("", variables.hosts, listOf(hostPattern, "a name"), {
      file: gateway?.hosts,
      otherwise: [],
    }),
    origins: choose("", variables.origins, listOf(originPattern, "an origin"), {
      file: gateway?.origins,
      otherwise: [],
    }),
    tlsCert: choose<string | undefined>("tls-cert", variables.tlsCert, pathIn, {
      file: pathOf(tls?.cert),
      otherwise: undefined,
    }),
    tlsKey: choose<string | undefined>("tls-key", variables.tlsKey, pathIn, {
      file: pathOf(tls?.key),
      otherwise: undefined,
    }),
    tlsEndsBefore: choose("", variables.tlsEndsBefore, asBoolean, {
      file: gateway?.tlsEndsBefore,
      otherwise: false,
    }),
  }
  const persisted = persistedSettings(choose, gateway, { fromFile, pathIn })
  const parts = [edge.tlsCert, edge.tlsKey].filter(({ value }) => value !== undefined)
  if (parts.length === 1) throw invalid("TLS needs both a certificate and its key.")
  if (parts.length > 0 && edge.tlsEndsBefore.value) {
    throw invalid("TLS ends at the node or before it; a certificate and tlsEndsBefore say both.")
  }
  return { ...edge, ...persisted }
}

/** Which documents may be named, and whether nothing else is executed. */
function persistedSettings(
  choose: ReturnType<typeof chooser>,
  gateway: ConfigurationDocument["gateway"],
  { fromFile, pathIn }: Paths,
) {
  const given = gateway?.persistedQueries
  const persistedManifest = choose<string | undefined>("", variables.persistedManifest, pathIn, {
    file: given === undefined ? undefined : fromFile(given.manifest),
    otherwise: undefined,
  })
  const persistedOnly = choose("", variables.persistedOnly, asBoolean, {
    file: given?.only,
    otherwise: false,
  })
  if (persistedOnly.value && persistedManifest.value === undefined) {
    throw invalid("Only documents of a manifest may be asked, and no manifest is named.")
  }
  return { persistedManifest, persistedOnly }
}

function settingsOf(given: Given, place: Place, file: ConfigurationFile | undefined): Settings {
  const document = file?.document
  const { env, folder } = place
  const fromFile = (path: string) => resolve(file?.folder ?? folder, path)
  const choose = chooser(given, env)
  const pathIn = (text: string) => resolve(folder, text)
  const { gateway, telemetry, limits } = document ?? {}
  const configured = document?.dataDir
  return {
    file: file?.path,
    dataDir: choose("data-dir", variables.dataDir, pathIn, {
      file: configured === undefined ? undefined : fromFile(configured),
      otherwise: resolve(folder, "intelgraph-data"),
    }),
    tenant: choose("tenant", variables.tenant, tenantName, {
      file: document?.tenant,
      otherwise: "demo",
    }),
    node: choose<string | undefined>("node", variables.node, nodeName, {
      file: document?.node === undefined ? undefined : nodeName(document.node, "node of the file"),
      otherwise: undefined,
    }),
    ...serverSettings(choose, document ?? {}, { fromFile, pathIn }),
    port: choose("port", variables.port, wholeNumber(0, 65_535), {
      file: gateway?.port,
      otherwise: 4000,
    }),
    host: choose("host", variables.host, asText, { file: gateway?.host, otherwise: "127.0.0.1" }),
    ...edgeSettings(choose, gateway, { fromFile, pathIn }),
    development: choose("", variables.development, asBoolean, {
      file: gateway?.development,
      otherwise: true,
    }),
    level: choose("", variables.level, asLevel, { file: telemetry?.level, otherwise: "warn" }),
    sampleRate: choose("", variables.sampleRate, asShare, {
      file: telemetry?.sampleRate,
      otherwise: 0,
    }),
    spansFile: choose<string | undefined>("", variables.spansFile, pathIn, {
      file: telemetry?.spansFile === undefined ? undefined : fromFile(telemetry.spansFile),
      otherwise: undefined,
    }),
    maxBadShare: choose("max-bad", variables.maxBadShare, asShare, {
      file: limits?.maxBadShare,
      otherwise: maxBadShareDefault,
    }),
    recordsPerSecondMax: choose<number | undefined>(
      "rate",
      variables.recordsPerSecondMax,
      wholeNumber(1, recordsPerSecondMax),
      { file: limits?.recordsPerSecondMax, otherwise: undefined },
    ),
    tenants: Object.entries(document?.tenants ?? {}).map(([tenant, settings]) => ({
      tenant,
      partitions: settings.partitions,
      question: settings.question,
      sources: (settings.sources ?? []).map((source) => ({
        ...source,
        file: fromFile(source.file),
        ...(source.mapping === undefined ? {} : { mapping: fromFile(source.mapping) }),
      })),
    })),
  }
}
