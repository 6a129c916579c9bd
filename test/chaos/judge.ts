/** What a run had to show. */
import type { ChaosOptions, ChaosReport } from "./chaos.ts"
import { type Verdict, verdictOf } from "./verdict.ts"

/** Of the events, what share has to meet a block that is not acknowledged, and to move shards. */
const unacknowledgedShare = 2 / 3
const takeoverShare = 1 / 6
const newOwnerMillisGoal = 5_000
const goal = newOwnerMillisGoal / 1_000

export function judge(
  report: Omit<ChaosReport, "verdicts">,
  { events, nodes, flow }: Pick<ChaosOptions, "events" | "nodes" | "flow">,
): readonly Verdict[] {
  const { comparison, pastFence, writesLookedAt, equationsBroken } = report
  const { millisToNewOwner: all, whileServersWereWhole: whole } = report
  const unacknowledgedMin = Math.floor(events * unacknowledgedShare)
  const takeoversMin = nodes > 1 ? Math.floor(events * takeoverShare) : 0
  const { recordsAccepted, findings } = comparison
  const found = findings.map(({ what }) => what).join(", ") || "no finding"
  return [
    verdictOf(
      "every event took place",
      report.events.length === events,
      `${report.events.length} of ${events}`,
    ),
    verdictOf(
      "faults land while a block is unacknowledged in an affected partition",
      report.faultsWhileUnacknowledged >= unacknowledgedMin,
      `${report.faultsWhileUnacknowledged}, at least ${unacknowledgedMin}`,
    ),
    verdictOf(
      "shards are taken over",
      report.faultsWithTakeover >= takeoversMin,
      `after ${report.faultsWithTakeover} faults, at least ${takeoversMin}; ` +
        `${report.shardsTakenOver} shards`,
    ),
    verdictOf(
      "every record has its effect exactly once, in the order of its key",
      recordsAccepted === flow.records && findings.length === 0,
      `${recordsAccepted} of ${flow.records}; ${found}`,
    ),
    verdictOf(
      "nothing is written under an old epoch after a takeover",
      pastFence.count === 0 && writesLookedAt.cursors > 0 && writesLookedAt.state > 0,
      `${pastFence.count} of ${writesLookedAt.cursors} moves of cursors and ` +
        `${writesLookedAt.state} writes of state`,
    ),
    verdictOf(
      "equations hold on every node",
      equationsBroken.length === 0,
      equationsBroken.join("; ") || "all",
    ),
    verdictOf(
      `a shard that is lost while the servers are whole has a new owner within ${goal} s (p99)`,
      nodes === 1 || (whole.p99 !== undefined && whole.p99 <= newOwnerMillisGoal),
      `p50 ${seconds(whole.p50)}, p99 ${seconds(whole.p99)} of ${whole.count}; ` +
        `of all ${all.count}: p50 ${seconds(all.p50)}, p99 ${seconds(all.p99)}`,
    ),
  ]
}

const seconds = (millis: number | undefined): string =>
  millis === undefined ? "none" : `${(millis / 1_000).toFixed(1)} s`
