/**
 * The graph store is gone for a while under load: mailboxes fill, senders wait, memory stays within
 * what the mailboxes may hold, and after its return everything that was accepted arrives, once.
 */
import { join } from "node:path"
import { blockBytesMax, partitionMailboxBlocksMax } from "../../protocols/limits.ts"
import { newFolder } from "../servers/guarded.ts"
import { startNats, startNeo4j, withUser } from "../servers/index.ts"
import type { Comparison } from "./checker.ts"
import { answerOf } from "./child-answer.ts"
import { blocksIn, connectTo, mailboxes } from "./mailboxes.ts"
import { NodeProcess } from "./node-process.ts"
import { type Flow, type SourceOf, writeFlow } from "./records.ts"
import { until, type Verdict, verdictOf } from "./verdict.ts"

export interface OutageOptions {
  readonly flow: Flow
  readonly seconds: number
  /** The checkout whose code runs. */
  readonly root: string
  /** Where the node's log is left; nowhere unless told. */
  readonly out: string | undefined
  readonly say: (line: string) => void
}

export interface OutageReport {
  readonly seed: number
  readonly records: number
  readonly outageSeconds: number
  /** Highest before the outage. */
  readonly baseMebibytes: number
  /** Highest from the outage's begin until everything had arrived. */
  readonly peakMebibytes: number
  /** Highest until the store was there again. */
  readonly peakWhileAwayMebibytes: number
  readonly risenMebibytes: number
  readonly mayRiseMebibytes: number
  readonly acceptedBefore: number
  /** During the outage, by the store's own counts as they were last read. */
  readonly offersRefused: number
  /** Of the outage, in which no sender had room for another block. */
  readonly waitedSeconds: number
  readonly blocksHeldAtMost: number
  /** From the store's return until the log held no block. */
  readonly secondsToPendingZero: number
  readonly recordsPerSecondBefore: number
  readonly recordsPerSecondAfter: number
  readonly comparison: Comparison
  readonly equationsBroken: readonly string[]
  readonly nodeFell: readonly string[]
  readonly verdicts: readonly Verdict[]
}

const mebibyte = 1024 ** 2
const sampleMillis = 200
const flowMillisMax = 900_000
/**
 * The store goes when so large a share of the records is in the graph and the node's memory has
 * found its height: it has not had a new highest for so long. A young heap grows without an outage
 * too. Where that does not happen, at the larger share.
 */
const shareBefore = { least: 0.1, most: 0.5 }
const calmMillis = 20_000

export async function outage(options: OutageOptions): Promise<OutageReport> {
  const { flow, seconds, root, say } = options
  const folder = newFolder("outage")
  const written = await writeFlow(flow, folder)
  const [nats, neo4j] = await Promise.all([startNats(), startNeo4j()])
  const node = new NodeProcess({
    root,
    name: "a",
    folder: join(folder, "a"),
    log: join(options.out ?? folder, "node-a.log"),
    configuration: written.configuration,
    env: { INTELGRAPH_NATS: nats.url, INTELGRAPH_NEO4J: withUser(neo4j) },
  })
  const connection = await connectTo(nats.url, "outage")
  const samples = new Samples(node, async () => blocksIn(await mailboxes(connection)))
  try {
    node.start()
    samples.begin()
    await until(() => isWarm(samples, flow.records), flowMillisMax, "the flow")
    const before = samples.mark()
    say(`${before.accepted} records are in the graph; Neo4j is stopped for ${seconds} s`)
    await neo4j.stop()
    const gone = samples.mark()
    await until(() => samples.now() - gone.at >= seconds * 1_000, flowMillisMax, "the outage")
    const back = samples.mark()
    const [waited, held] = [samples.stoodStillMillis(gone.at, back.at), samples.blocksMax()]
    await neo4j.start()
    const returned = samples.mark()
    say("Neo4j is back")
    const isDone = () => /Ctrl-C ends the node/.test(node.said()) && samples.blocks === 0
    await until(isDone, flowMillisMax, "everything to arrive")
    const done = samples.mark()
    const asked = [...new Set(written.sources.map(({ tenant }) => tenant))]
    const statuses = await Promise.all(asked.map((tenant) => node.status(tenant)))
    const { url, user = "", password = "" } = neo4j
    const checked = await answerOf("checker.ts", written.expected, url, user, password)
    const mayRise =
      (flow.tenants * flow.partitions * partitionMailboxBlocksMax * blockBytesMax) / mebibyte + 64
    const peak = samples.residentMax(before.at)
    const report = {
      seed: flow.seed,
      records: flow.records,
      outageSeconds: (returned.at - gone.at) / 1_000,
      baseMebibytes: before.residentMax / mebibyte,
      peakMebibytes: peak / mebibyte,
      peakWhileAwayMebibytes: samples.residentMax(gone.at, returned.at) / mebibyte,
      risenMebibytes: (peak - before.residentMax) / mebibyte,
      mayRiseMebibytes: mayRise,
      acceptedBefore: before.accepted,
      offersRefused: back.refused - before.refused,
      waitedSeconds: waited / 1_000,
      blocksHeldAtMost: held,
      secondsToPendingZero: (done.at - returned.at) / 1_000,
      recordsPerSecondBefore: samples.rateUntil(before.at),
      recordsPerSecondAfter: ((flow.records - back.accepted) / (done.at - returned.at)) * 1_000,
      comparison: checked as Comparison,
      equationsBroken: statuses.flatMap(({ broken }) => broken),
      nodeFell: node.fell,
    }
    return { ...report, verdicts: judge(report, written.sources) }
  } finally {
    samples.end()
    node.kill()
    await connection.close()
    await Promise.all([nats.stop(), neo4j.stop()])
  }
}

function isWarm(samples: Samples, records: number): boolean {
  const share = samples.accepted / records
  return share >= shareBefore.most || (share >= shareBefore.least && samples.isCalm(calmMillis))
}

function judge(
  report: Omit<OutageReport, "verdicts">,
  sources: readonly SourceOf[],
): readonly Verdict[] {
  const { comparison, risenMebibytes, mayRiseMebibytes, equationsBroken, nodeFell } = report
  const records = sources.reduce((sum, one) => sum + one.records, 0)
  return [
    verdictOf(
      "memory stays within the mailboxes' bounds and 64 MiB",
      risenMebibytes <= mayRiseMebibytes,
      `${risenMebibytes.toFixed(0)} of ${mayRiseMebibytes} MiB`,
    ),
    verdictOf(
      "senders are refused or wait",
      report.offersRefused > 0 || report.waitedSeconds > report.outageSeconds / 2,
      `${report.offersRefused} offers refused, ${report.waitedSeconds.toFixed(0)} s waited`,
    ),
    verdictOf(
      "everything arrives, once",
      comparison.findings.length === 0 && comparison.recordsAccepted === records,
      `${comparison.recordsAccepted} of ${records} records, ${comparison.findings.length} findings`,
    ),
    verdictOf("equations hold", equationsBroken.length === 0, equationsBroken.join("; ")),
    verdictOf("the node goes on", nodeFell.length === 0, nodeFell.join(", ")),
  ]
}

interface Sample {
  /** Milliseconds since the node was started. */
  readonly at: number
  readonly resident: number
  readonly accepted: number
  /** Blocks that mailboxes took. */
  readonly admitted: number
  readonly refused: number
  readonly blocks: number
}

/** The node's memory and counters, read again and again. */
class Samples {
  readonly #node: NodeProcess
  readonly #blocks: () => Promise<number>
  readonly #taken: Sample[] = []
  readonly #from = performance.now()
  #isEnding = false

  constructor(node: NodeProcess, blocks: () => Promise<number>) {
    this.#node = node
    this.#blocks = blocks
  }

  begin(): void {
    void this.#run()
  }

  end(): void {
    this.#isEnding = true
  }

  now(): number {
    return performance.now() - this.#from
  }

  get accepted(): number {
    return this.#last.accepted
  }

  get blocks(): number {
    return this.#last.blocks
  }

  /** What was last seen, and the most memory so far. */
  mark(): Sample & { readonly residentMax: number } {
    return { ...this.#last, at: this.now(), residentMax: this.residentMax(0) }
  }

  residentMax(from: number, to = Number.POSITIVE_INFINITY): number {
    const later = this.#taken.filter(({ at }) => at >= from && at <= to)
    return Math.max(0, ...later.map(({ resident }) => resident))
  }

  /** Whether memory has not been higher than before for so long. */
  isCalm(millis: number): boolean {
    const from = this.now() - millis
    const earlier = this.residentMax(0, from)
    return earlier > 0 && this.residentMax(from) <= earlier
  }

  blocksMax(): number {
    return Math.max(0, ...this.#taken.map(({ blocks }) => blocks))
  }

  /** Time between these in which no mailbox took another block. */
  stoodStillMillis(from: number, to: number): number {
    const among = this.#taken.filter(({ at }) => at >= from && at <= to)
    return among.reduce((millis, { at, admitted }, i) => {
      const last = among[i - 1]
      return last !== undefined && last.admitted === admitted ? millis + at - last.at : millis
    }, 0)
  }

  /** Records a second, from the first that was accepted on. */
  rateUntil(to: number): number {
    const among = this.#taken.filter(({ at, accepted }) => at <= to && accepted > 0)
    const [first, last] = [among[0], among.at(-1)]
    if (first === undefined || last === undefined || first === last) return 0
    return ((last.accepted - first.accepted) / (last.at - first.at)) * 1_000
  }

  get #last(): Sample {
    const none = { at: 0, resident: 0, accepted: 0, admitted: 0, refused: 0, blocks: 0 }
    return this.#taken.at(-1) ?? none
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      const metrics = await this.#node.metrics()
      const blocks = await this.#blocks().catch(() => this.#last.blocks)
      this.#taken.push({
        at: this.now(),
        resident: this.#node.residentBytes(),
        accepted: sumOf(metrics, /^intelgraph_records_total\{.*"accepted"/, this.#last.accepted),
        admitted: sumOf(
          metrics,
          /^intelgraph_mailbox_messages_total\{.*"partition".*"admitted"/,
          this.#last.admitted,
        ),
        refused: sumOf(metrics, /^intelgraph_blocks_refused_total\{/, this.#last.refused),
        blocks,
      })
      await new Promise((resolve) => setTimeout(resolve, sampleMillis))
    }
  }
}

/** Sum of the metrics of a name; what was known where the node did not answer. */
function sumOf(metrics: ReadonlyMap<string, number>, name: RegExp, known: number): number {
  if (metrics.size === 0) return known
  return [...metrics].reduce((sum, [key, value]) => (name.test(key) ? sum + value : sum), 0)
}
