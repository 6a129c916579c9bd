/** Reports as people read them. */
import type { ChaosReport } from "./chaos.ts"
import type { OutageReport } from "./outage.ts"
import type { Verdict } from "./verdict.ts"

export type Report =
  | ({ readonly kind: "chaos" } & ChaosReport)
  | ({ readonly kind: "outage" } & OutageReport)

export const markdownOf = (report: Report): string =>
  report.kind === "chaos" ? chaosText(report) : outageText(report)

const verdictTable = (verdicts: readonly Verdict[]): readonly string[] => [
  "| what had to hold | does | figures |",
  "| --- | --- | --- |",
  ...verdicts.map(
    ({ what, holds, figures }) => `| ${what} | ${holds ? "yes" : "**no**"} | ${figures} |`,
  ),
]

const seconds = (millis: number | undefined): string =>
  millis === undefined ? "" : (millis / 1_000).toFixed(1)

const millis = (value: number): string => `${Math.round(value)} ms`

function chaosText(report: ChaosReport): string {
  const { comparison, pastFence, sends, ofThemWithPartitions: carrying } = report
  const lines = [
    `# Chaos, seed ${report.seed}`,
    "",
    `${report.records} records, ${report.nodes} nodes, fencing ${report.fencing}; ` +
      `${report.seconds.all.toFixed(0)} s in all, ${report.seconds.faults.toFixed(0)} s of them ` +
      `with faults, ${report.recordsPerSecond.toFixed(0)} records/s.`,
    `Partitions and slow links: ${report.tool}.`,
    "",
    ...verdictTable(report.verdicts),
    "",
    `Senders offered ${sends.offered} blocks; ${sends.refused} offers were refused and waited.`,
    `${comparison.recordsReplayed} records came again and were known.`,
    `While the servers were whole, shards with partitions had a new owner after ` +
      `${seconds(carrying.p50)} s (p50) and ${seconds(carrying.p99)} s (p99) of ${carrying.count}.`,
    ...comparison.findings.map(
      ({ what, count, samples }) => `- ${what}: ${count}, as ${samples[0]}`,
    ),
    ...pastFence.samples.slice(0, 10).map((sample) => `- ${sample}`),
    ...report.fell.map((how) => `- a node ended by itself, ${how}`),
    "",
    "| of the time to a new owner | shards | min | p50 | p99 |",
    "| --- | --- | --- | --- | --- |",
    ...report.phases.map(
      ({ phase, count, min, p50, p99 }) =>
        `| ${phase} | ${count} | ${[min, p50, p99].map(millis).join(" | ")} |`,
    ),
    "",
    "| s | event | for s | blocks held | shards | taken over | s to the last new owner |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...report.events.map((one) => {
      const { millisToNewOwner: times } = one
      const worst = times.length === 0 ? undefined : Math.max(...times)
      const cells = [one.at.toFixed(1), one.what, one.seconds.toFixed(1), one.unacknowledged]
      return `| ${[...cells, one.shards, times.length, seconds(worst)].join(" | ")} |`
    }),
  ]
  return `${lines.join("\n")}\n`
}

function outageText(report: OutageReport): string {
  const { baseMebibytes, peakMebibytes, peakWhileAwayMebibytes } = report
  const lines = [
    `# Neo4j gone for ${report.outageSeconds.toFixed(0)} s, seed ${report.seed}`,
    "",
    ...verdictTable(report.verdicts),
    "",
    `Resident memory: ${baseMebibytes.toFixed(0)} MiB at most before, ` +
      `${peakWhileAwayMebibytes.toFixed(0)} MiB while it was away, ` +
      `${peakMebibytes.toFixed(0)} MiB at most until everything had arrived.`,
    `Records/s: ${report.recordsPerSecondBefore.toFixed(0)} before, ` +
      `${report.recordsPerSecondAfter.toFixed(0)} after.`,
    `Time to pending = 0 after its return: ${report.secondsToPendingZero.toFixed(1)} s ` +
      `(${report.blocksHeldAtMost} blocks were held, and the sources read on).`,
  ]
  return `${lines.join("\n")}\n`
}
