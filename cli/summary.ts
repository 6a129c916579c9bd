/** From reports and counts to the summary of contracts §11, as a value and as a table. */
import type { IngestReport } from "../actors/index.ts"
import { addSourceCounters, noSourceCounters, type SourceCounters } from "../protocols/counters.ts"
import type { ConnectorSummary, Summary, SummaryAnswer } from "../protocols/summary.ts"
import type { GraphCounts, SourceSummary } from "../stores/index.ts"
import { figure, textTable } from "./text-table.ts"

export interface Ran {
  readonly reports: readonly IngestReport[]
  readonly sources: readonly SourceSummary[]
  readonly counts: GraphCounts
  readonly seconds: number
  readonly answer: SummaryAnswer | undefined
}

export function summaryOf({ reports, sources, counts, seconds, answer }: Ran): Summary {
  const names = [...new Set(reports.map(({ source }) => source))]
  const connectors = names.map((name) =>
    connectorOf(
      name,
      reports.filter(({ source }) => source === name),
      sources.find(({ source }) => source === name),
    ),
  )
  const counted = reports
    .map(({ counters }) => counters)
    .reduce(addSourceCounters, noSourceCounters)
  const { entities, relationships, derived, stubs } = counts
  return {
    connectors,
    totals: {
      ...plain(counted),
      entities,
      relationships,
      derived,
      stubs,
      ...paceOf(reports, seconds),
    },
    answer: answer ?? null,
  }
}

/** Several files of one source are one line: counters add up, and so does the time they took. */
function connectorOf(
  source: string,
  reports: readonly IngestReport[],
  held: SourceSummary | undefined,
): ConnectorSummary {
  const counted = reports
    .map(({ counters }) => counters)
    .reduce(addSourceCounters, noSourceCounters)
  const seconds = reports.reduce((sum, report) => sum + report.seconds, 0)
  return {
    source,
    ...plain(counted),
    entities: held?.entities ?? 0,
    relationships: held?.relationships ?? 0,
    derived: held?.derived ?? 0,
    stubs: held?.stubs ?? 0,
    ...paceOf(reports, seconds),
    preStorageP95Millis: rounded(
      Math.max(0, ...reports.map(({ preStorageP95Millis }) => preStorageP95Millis)),
    ),
  }
}

const plain = ({
  read,
  accepted,
  duplicates,
  stale,
  replayed,
  refused,
  deadLettered,
}: SourceCounters) => ({
  read,
  accepted,
  duplicates,
  stale,
  replayed,
  refused,
  deadLettered,
})

/** The counters of a skipped file are those of an earlier run: no pace of this one. */
function paceOf(reports: readonly IngestReport[], seconds: number) {
  const ran = reports.filter(({ phase }) => phase !== "skipped")
  const read = ran.reduce((sum, { counters }) => sum + counters.read, 0)
  return {
    seconds: rounded(seconds),
    eventsPerSecond: seconds > 0 ? Math.round(read / seconds) : 0,
  }
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000

const header = [
  "source",
  "read",
  "accepted",
  "duplicates",
  "refused",
  "dead-lettered",
  "entities",
  "relationships",
  "derived",
  "stubs",
  "seconds",
  "records/s",
]

export function summaryTable(summary: Summary): string {
  const row = (name: string, one: Summary["totals"]) => [
    name,
    one.read,
    one.accepted,
    one.duplicates,
    one.refused,
    one.deadLettered,
    one.entities,
    one.relationships,
    one.derived,
    one.stubs,
    Math.round(one.seconds * 10) / 10,
    one.eventsPerSecond,
  ]
  return textTable(header, [
    ...summary.connectors.map((one) => row(one.source, one)),
    row("all", summary.totals),
  ])
}

export const answerText = ({ question, rows }: SummaryAnswer): string =>
  [
    question,
    ...rows.map(
      ({ name, count }, index) => `${String(index + 1).padStart(4)}. ${name} ${figure(count)}`,
    ),
  ].join("\n")
