/**
 * The configuration document `intelgraph.yaml`. It is data; nothing in it is code, and it holds no
 * secret: what is secret comes from the environment or from a file that an entry names.
 * `docs/configuration.md` explains it, `docs/schemas/configuration.schema.json` is made from the
 * schema here. Relative paths are relative to the document.
 */
import * as Schema from "effect/Schema"
import {
  connectorsMax,
  edgeNamesMax,
  nameBytesMax,
  pageSizeMax,
  partitionsMax,
  pathBytesMax,
  rankStepsMax,
  recordsPerSecondMax,
  tenantsConfiguredMax,
} from "./limits.ts"
import { publishedSchema } from "./published-schema.ts"

const described = (description: string) =>
  Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(nameBytesMax)).annotate({
    description,
  })
const path = (description: string) =>
  Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(pathBytesMax)).annotate({
    description,
  })
const whole = (minimum: number, maximum: number, description: string) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum })).annotate({ description })
const share = (description: string) =>
  Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })).annotate({ description })

export const sourceFormats = ["stix", "json", "ndjson", "csv"] as const
export const logLevelNames = ["debug", "info", "warn", "error"] as const

const everyPattern = /^[0-9]{1,9}[smhd]$/

const Source = Schema.Struct({
  name: described("What the source is called in counters and provenance"),
  format: Schema.Literals(sourceFormats),
  file: path("The file to read; gzip is recognised by its content"),
  mapping: Schema.optionalKey(path("A mapping document; STIX needs none")),
  priority: Schema.optionalKey(
    whole(-pathBytesMax, pathBytesMax, "Where sources disagree the higher one is seen; default 0"),
  ),
  every: Schema.optionalKey(
    described("The file is read again so often, while the node runs, such as 15m").check(
      Schema.isPattern(everyPattern),
    ),
  ),
  cron: Schema.optionalKey(
    described("The file is read again at these times: a cron expression, such as 0 3 * * *"),
  ),
  timeZone: Schema.optionalKey(
    described("Of the cron expression, such as Europe/Berlin or +02:00; default UTC"),
  ),
})

const RankStep = Schema.Struct({
  relationship: described("Type of the relationships that are followed"),
  direction: Schema.Literals(["out", "in"]),
  type: described("Type of the entity at the end of the step"),
  source: Schema.optionalKey(described("Only entities that this source describes")),
})

/** A question that `start` answers after its summary: which entities reach the most others. */
const Question = Schema.Struct({
  title: described("The question in words"),
  type: described("Type of the entities that are ranked"),
  unless: Schema.optionalKey(
    Schema.Array(described("A property"))
      .check(Schema.isMaxLength(rankStepsMax))
      .annotate({ description: "Leaves out entities of which one of these properties is true" }),
  ),
  steps: Schema.Array(RankStep).check(Schema.isBetweenLength(1, rankStepsMax)),
  count: whole(0, rankStepsMax - 1, "The step, from 0, whose distinct entities are counted"),
  first: whole(1, pageSizeMax, "How many are shown"),
})

const Tenant = Schema.Struct({
  partitions: Schema.optionalKey(
    whole(1, partitionsMax, "Kept with the tenant when it is made; default 4"),
  ),
  sources: Schema.optionalKey(Schema.Array(Source).check(Schema.isMaxLength(connectorsMax))),
  question: Schema.optionalKey(Question),
})

/** A name or address as clients write it in Host, with or without a port. */
export const hostPattern = /^(\[[0-9a-f:]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:[0-9]{1,5})?$/
/** An origin as browsers write it: nothing after the port. */
export const originPattern =
  /^https?:\/\/(\[[0-9a-f:]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:[0-9]{1,5})?$/

const listed = (pattern: RegExp, description: string) =>
  Schema.Array(described("One of them").check(Schema.isPattern(pattern)))
    .check(Schema.isMaxLength(edgeNamesMax))
    .annotate({ description })

const Tls = Schema.Struct({
  cert: path("The certificate, with those that vouch for it, as PEM"),
  key: path("Its private key, as PEM without a passphrase; keep it readable for the node alone"),
})

const PersistedQueries = Schema.Struct({
  manifest: path("The documents, as an apollo-persisted-query-manifest of version 1"),
  only: Schema.optionalKey(
    Schema.Boolean.annotate({
      description: "Nothing but documents of the manifest is executed; default false",
    }),
  ),
})

const Gateway = Schema.Struct({
  port: Schema.optionalKey(whole(0, 65_535, "Default 4000; 0 takes any free port")),
  host: Schema.optionalKey(
    described("The address to listen on; others than loopback need tokens and TLS"),
  ),
  hosts: Schema.optionalKey(
    listed(hostPattern, "Names by which the node is asked, beside those of loopback"),
  ),
  origins: Schema.optionalKey(
    listed(
      originPattern,
      "Origins of pages elsewhere that may ask, such as https://app.example.org",
    ),
  ),
  tls: Schema.optionalKey(Tls.annotate({ description: "TLS that ends at the node" })),
  tlsEndsBefore: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "TLS ends at a proxy before the node; default false" }),
  ),
  persistedQueries: Schema.optionalKey(
    PersistedQueries.annotate({ description: "Documents that clients name by id" }),
  ),
  development: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "Serves GraphiQL; default true" }),
  ),
})

const Telemetry = Schema.Struct({
  level: Schema.optionalKey(
    Schema.Literals(logLevelNames).annotate({ description: "Lowest level logged; default warn" }),
  ),
  sampleRate: Schema.optionalKey(share("Share of turns that become spans; default 0")),
  spansFile: Schema.optionalKey(path("Where spans are written, one JSON object a line")),
})

const Limits = Schema.Struct({
  maxBadShare: Schema.optionalKey(share("Dead letters that fail a run; default 0.1")),
  recordsPerSecondMax: Schema.optionalKey(
    whole(
      1,
      recordsPerSecondMax,
      "Records that one connector offers per second; default unbounded",
    ),
  ),
})

export const natsReplicas = [1, 3, 5] as const

const Nats = Schema.Struct({
  servers: path("Addresses of the servers with commas between them, such as nats://one:4222"),
  credentials: Schema.optionalKey(path("A file of credentials (.creds)")),
  ca: Schema.optionalKey(path("Who vouches for the servers' certificates, as PEM")),
  replicas: Schema.optionalKey(
    Schema.Literals(natsReplicas).annotate({
      description: "Copies of what the servers keep, where they are made; default 1",
    }),
  ),
})

const Postgres = Schema.Struct({
  url: path("The database, such as postgres://intelgraph@host/intelgraph, without a password"),
})

const Neo4j = Schema.Struct({
  url: path("The server, such as bolt://neo4j@host:7687, without a password"),
})

const Redis = Schema.Struct({
  url: path("The server, such as redis://host:6379, without a password"),
})

export const ConfigurationSchema = Schema.Struct({
  version: Schema.Literal(1),
  dataDir: Schema.optionalKey(path("The data directory; default ./intelgraph-data")),
  tenant: Schema.optionalKey(described("The tenant that commands mean; default demo")),
  tenants: Schema.optionalKey(
    Schema.Record(Schema.String, Tenant).check(Schema.isBetweenProperties(0, tenantsConfiguredMax)),
  ),
  node: Schema.optionalKey(described("Name of the node in its cluster; default made once")),
  nats: Schema.optionalKey(
    Nats.annotate({ description: "Where the log is kept; default in the data directory" }),
  ),
  postgres: Schema.optionalKey(
    Postgres.annotate({ description: "Where the graph is kept; default in the data directory" }),
  ),
  neo4j: Schema.optionalKey(
    Neo4j.annotate({
      description: "Where the graph is kept and asked; Postgres beside it gets the same",
    }),
  ),
  redis: Schema.optionalKey(
    Redis.annotate({ description: "Keeps answers that are dear for all nodes; default nothing" }),
  ),
  gateway: Schema.optionalKey(Gateway),
  telemetry: Schema.optionalKey(Telemetry),
  limits: Schema.optionalKey(Limits),
}).annotate({
  title: "IntelGraph configuration",
  description: "What a node reads, where it keeps it, and how it serves it",
})

export type ConfigurationDocument = typeof ConfigurationSchema.Type
export type SourceConfiguration = typeof Source.Type
export type TenantConfiguration = typeof Tenant.Type
export type QuestionConfiguration = typeof Question.Type

/** The published JSON Schema of the document (draft 2020-12). */
export const configurationJsonSchema = (): { readonly [name: string]: unknown } =>
  publishedSchema(ConfigurationSchema)
