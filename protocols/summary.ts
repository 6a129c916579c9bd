/**
 * The summary of a run as `start --json` and `ingest --json` print it (contracts §11); its schema
 * is published as `docs/schemas/summary.schema.json`. Counters of a connector are those of its run.
 */
import * as Schema from "effect/Schema"
import { publishedSchema } from "./published-schema.ts"

const count = (description: string) =>
  Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).annotate({ description })
const figure = (description: string) =>
  Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)).annotate({ description })

const counted = {
  read: count("Records: accepted + duplicates + refused + deadLettered"),
  accepted: count("Records that changed the graph"),
  duplicates: count("Records that it knew, stale ones among them"),
  stale: count("Duplicates that were older than what it knew"),
  replayed: count("Records sent again after a crash; beside the equation"),
  refused: count("Records that a limit refused"),
  deadLettered: count("Records set aside, see `intelgraph dlq ls`"),
}
const held = {
  entities: count("Entities that the source describes now; in totals those of the tenant"),
  relationships: count("Relationships that records state"),
  derived: count("Relationships made from embedded references"),
  stubs: count("Entities that are pointed to and that no source describes"),
}
const timed = {
  seconds: figure("From the first look at the file to the last commit"),
  eventsPerSecond: figure("Records read by seconds"),
}

const Connector = Schema.Struct({
  source: Schema.String,
  ...counted,
  ...held,
  ...timed,
  preStorageP95Millis: figure("From a record's bytes complete to its block handed to the sink"),
})

const Answer = Schema.Struct({
  question: Schema.String,
  rows: Schema.Array(Schema.Struct({ name: Schema.String, count: count("What was counted") })),
})

export const SummarySchema = Schema.Struct({
  connectors: Schema.Array(Connector),
  totals: Schema.Struct({ ...counted, ...held, ...timed }),
  answer: Schema.NullOr(Answer),
}).annotate({ title: "IntelGraph summary", description: "What a run of connectors did" })

export type Summary = typeof SummarySchema.Type
export type ConnectorSummary = typeof Connector.Type
export type SummaryAnswer = typeof Answer.Type

/** The published JSON Schema of a summary (draft 2020-12). */
export const summaryJsonSchema = (): { readonly [name: string]: unknown } =>
  publishedSchema(SummarySchema)
