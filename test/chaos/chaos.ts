/**
 * A run: the expected set is written, servers and nodes are started, records flow, faults come as
 * they were drawn, and when everything has arrived the graph is compared with the expected set by a
 * process of its own.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { shardOf } from "../../protocols/address.ts"
import { shardCount } from "../../protocols/limits.ts"
import { newFolder } from "../servers/guarded.ts"
import type { Comparison } from "./checker.ts"
import { answerOf } from "./child-answer.ts"
import { begin, end, isReady, linkTool, sentenceOf } from "./faults.ts"
import { judge } from "./judge.ts"
import { quantile, type Takeover } from "./leases.ts"
import { openingsIn, type PhaseMillis, phasesOf } from "./phases.ts"
import { type Flow, type Written, writeFlow } from "./records.ts"
import { type Fault, type Scheduled, scheduleOf } from "./schedule.ts"
import { Tally } from "./tally.ts"
import { unfencedCopy } from "./unfenced.ts"
import { until, type Verdict } from "./verdict.ts"
import { Watcher } from "./watcher.ts"
import { openWorld, type World } from "./world.ts"

export interface ChaosOptions {
  readonly flow: Flow
  readonly events: number
  readonly nodes: number
  /** Over which the events are spread. */
  readonly seconds: number
  /** After the last event, for everything to arrive. */
  readonly settleSeconds: number
  /** Whether the nodes' code has its fences. */
  readonly fences: boolean
  readonly root: string
  /** Where nodes' logs are left; nowhere unless told. */
  readonly out: string | undefined
  readonly say: (line: string) => void
}

/** What became of an event. */
export interface Landed {
  readonly at: number
  readonly seconds: number
  readonly what: string
  readonly kind: Fault["kind"]
  /** Blocks that were not acknowledged in affected partitions when it landed. */
  readonly unacknowledged: number
  readonly shards: number
  /** Shards that another process took, and how long each was without a new owner. */
  readonly millisToNewOwner: readonly number[]
}

export interface ChaosReport {
  readonly seed: number
  readonly records: number
  readonly nodes: number
  readonly fencing: "on" | "off"
  readonly tool: string
  readonly seconds: {
    readonly start: number
    readonly faults: number
    readonly settle: number
    readonly all: number
  }
  readonly events: readonly Landed[]
  readonly faultsWhileUnacknowledged: number
  readonly faultsWithTakeover: number
  readonly shardsTakenOver: number
  readonly millisToNewOwner: Spread
  /** Of them the takeovers with which no fault of a server was at the same time, or just before. */
  readonly whileServersWereWhole: Spread
  /** Of these the shards that partitions live on; the others carry nothing, and count as well. */
  readonly ofThemWithPartitions: Spread
  /** Where that time went, in the order in which it passes. */
  readonly phases: readonly PhaseMillis[]
  readonly sends: { readonly offered: number; readonly refused: number }
  readonly recordsPerSecond: number
  readonly comparison: Comparison
  readonly writesLookedAt: { readonly cursors: number; readonly state: number }
  readonly pastFence: { readonly count: number; readonly samples: readonly string[] }
  readonly equationsBroken: readonly string[]
  /** Ends of nodes that nobody asked for. */
  readonly fell: readonly string[]
  readonly verdicts: readonly Verdict[]
}

/** Milliseconds over so many takeovers. */
interface Spread {
  readonly count: number
  readonly p50: number | undefined
  readonly p99: number | undefined
}

const startMillisMax = 240_000
/** A graph store that has just begun plans each statement first, which takes it half a minute. */
const warmShare = 0.02
/** A fault waits so long for a block that is not acknowledged where it will land. */
const armMillisMax = 3_000
/** Servers that lost one take up to 9 s to agree on who leads, and answer nobody meanwhile. */
const electionMillis = 10_000
/** What moves later than this after a fault moves for another reason. */
const aftermathMillis = 15_000
const readyMillisMax = 30_000
const nodeAgainMillis = 500
const fallsAtStartMax = 5
/**
 * So much faster than the events need do the sources offer: they stand still part of the time, for
 * each of them waits as long as any of its partitions has no owner, or its part of the log no
 * leader. At 5 all was in the graph after half of the events, and at 2 after three quarters, where
 * nothing else ran on the machine.
 */
const haste = 1.5

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const { flow, say } = options
  const from = performance.now()
  const folder = newFolder("chaos")
  const written = await writeFlow(flow, folder)
  say(`${flow.records} records of ${written.sources.length} sources; the expected set is written`)
  const root = options.fences ? options.root : unfencedCopy()
  const pace = (flow.records / (flow.tenants * flow.sources) / options.seconds) * haste
  const ratePerSecondMax = Math.max(1, Math.ceil(pace))
  const { configuration } = written
  const logs = options.out ?? folder
  const place = { nodes: options.nodes, root, folder, logs, configuration, ratePerSecondMax }
  const world = await openWorld(place)
  try {
    const run = new Run(options, world, written)
    const report = await run.run(from)
    return { ...report, verdicts: judge(report, options) }
  } finally {
    await world.close()
  }
}

class Run {
  readonly #options: ChaosOptions
  readonly #world: World
  readonly #written: Written
  readonly #watcher: Watcher
  readonly #tally: Tally
  readonly #landed: (Omit<Landed, "millisToNewOwner"> & Affected)[] = []
  #isEnding = false

  constructor(options: ChaosOptions, world: World, written: Written) {
    this.#options = options
    this.#world = world
    this.#written = written
    const { url, user = "", password = "" } = world.neo4j
    this.#watcher = new Watcher({
      servers: world.cluster.url,
      neo4j: { url, user, password },
      log: "intelgraph",
    })
    this.#tally = new Tally(world.nodes)
  }

  async run(from: number): Promise<Omit<ChaosReport, "verdicts">> {
    const { say, events, nodes, seconds, flow } = this.#options
    this.#tally.begin()
    for (const node of this.#world.nodes) {
      node.start()
      this.#keepUp(node)
    }
    const { leases } = this.#watcher
    const isFlowing = () => {
      const fell = this.#world.nodes.find((node) => node.fell.length > fallsAtStartMax)
      if (fell !== undefined) throw new Error(`node ${fell.name} does not start: ${fell.said()}`)
      const isWarm = this.#watcher.accepted >= flow.records * warmShare
      return leases.owned === shardCount && isWarm
    }
    await until(isFlowing, startMillisMax, "records to flow")
    const started = performance.now()
    say(`${nodes} nodes own ${leases.owned} shards, and records flow`)
    const servers = this.#world.cluster.servers.length
    const sizes = { seed: flow.seed, events, nodes, servers, millis: seconds * 1_000 }
    await this.#play(scheduleOf(sizes), started)
    const played = performance.now()
    say(
      `${this.#landed.length} events are over; ${this.#watcher.accepted} records are in the graph`,
    )
    await this.#settle()
    const settled = performance.now()
    const report = await this.#report()
    const to = performance.now()
    this.#isEnding = true
    return {
      ...report,
      seconds: {
        start: (started - from) / 1_000,
        faults: (played - started) / 1_000,
        settle: (settled - played) / 1_000,
        all: (to - from) / 1_000,
      },
      recordsPerSecond: (report.comparison.recordsAccepted / (settled - started)) * 1_000,
    }
  }

  /** Starts a node again that ended by itself, as whoever runs nodes would. */
  #keepUp(node: World["nodes"][number]): void {
    const looking = setInterval(() => {
      if (this.#isEnding) return clearInterval(looking)
      if (node.state === "down" && !node.isEnding) node.start()
    }, nodeAgainMillis)
    looking.unref()
  }

  async #play(schedule: readonly Scheduled[], started: number): Promise<void> {
    const ends: Promise<void>[] = []
    for (const [number, one] of schedule.entries()) {
      await sleep(Math.max(0, started + one.atMillis - performance.now()))
      const ready = until(() => isReady(this.#world, one.fault), readyMillisMax, "a node to be up")
      if (!(await ready.then(yes, no))) {
        this.#options.say(`${sentenceOf(one.fault)}: it is not there`)
        continue
      }
      const affected = () => this.#affected(one.fault)
      const armed = () => this.#watcher.held(affected().shards) > 0
      await until(armed, armMillisMax, "a block").catch(() => {})
      const { node, shards } = affected()
      const unacknowledged = this.#watcher.held(shards)
      const atMillis = Date.now()
      await begin(this.#world, one.fault)
      const what = sentenceOf(one.fault)
      this.#landed.push({
        at: (performance.now() - started) / 1_000,
        seconds: one.forMillis / 1_000,
        what,
        kind: one.fault.kind,
        unacknowledged,
        shards: shards.length,
        node,
        affected: shards,
        atMillis,
      })
      this.#options.say(
        `${number + 1}/${schedule.length} ${what} for ${(one.forMillis / 1_000).toFixed(1)} s; ` +
          `${unacknowledged} blocks unacknowledged, ${this.#watcher.accepted} records in the graph`,
      )
      ends.push(sleep(one.forMillis).then(() => end(this.#world, one.fault)))
    }
    await Promise.all(ends)
  }

  #affected(fault: Fault): {
    readonly node: string | undefined
    readonly shards: readonly number[]
  } {
    const all = Array.from({ length: shardCount }, (_, shard) => shard)
    if (!("node" in fault)) return { node: undefined, shards: all }
    const node = this.#world.nodes[fault.node]?.name ?? ""
    return { node, shards: this.#watcher.leases.shardsOf(node) }
  }

  /** Until every record is in the graph and the log holds no block; or it does not go on. */
  async #settle(): Promise<void> {
    const { flow, settleSeconds, say } = this.#options
    const isDone = () => this.#watcher.accepted >= flow.records && this.#watcher.isEmpty
    await until(isDone, settleSeconds * 1_000, "everything to arrive").catch((error: Error) =>
      say(`${error.message}; ${this.#watcher.accepted} records are in the graph`),
    )
  }

  async #report() {
    const { flow, nodes, fences } = this.#options
    const equationsBroken = await this.#equations()
    this.#tally.end()
    const { url, user = "", password = "" } = this.#world.neo4j
    const checked = await answerOf("checker.ts", this.#written.expected, url, user, password)
    await this.#watcher.end()
    const { leases } = this.#watcher
    const { events, lost } = this.#takeovers()
    const said = this.#world.nodes.flatMap((node) => openingsIn(node.said()))
    const whole = lost.filter((one) => !this.#meetsServers(one))
    const carrying = this.#carrying()
    const messages = (outcome: string) =>
      new RegExp(`^intelgraph_mailbox_messages_total\\{.*"partition".*"${outcome}"`)
    return {
      seed: flow.seed,
      records: flow.records,
      nodes,
      fencing: fences ? ("on" as const) : ("off" as const),
      tool: linkTool,
      events,
      faultsWhileUnacknowledged: events.filter(({ unacknowledged }) => unacknowledged > 0).length,
      faultsWithTakeover: events.filter(({ millisToNewOwner }) => millisToNewOwner.length > 0)
        .length,
      shardsTakenOver: leases.takeovers.length,
      millisToNewOwner: spreadOf(lost),
      whileServersWereWhole: spreadOf(whole),
      ofThemWithPartitions: spreadOf(whole.filter(({ taken }) => carrying.has(taken.shard))),
      phases: phasesOf(lost, said),
      sends: {
        offered: this.#tally.sum(messages("offered")),
        refused: this.#tally.sum(/^intelgraph_blocks_refused_total\{/),
      },
      comparison: checked as Comparison,
      writesLookedAt: this.#watcher.looked,
      pastFence: {
        count: this.#watcher.wrongs + leases.fallen.length,
        samples: [...this.#watcher.wrong, ...leases.fallen],
      },
      equationsBroken,
      fell: this.#world.nodes.flatMap(({ name, fell }) => fell.map((how) => `${name}: ${how}`)),
    }
  }

  /** What became of each event, and the takeovers from nodes that died or hung. */
  #takeovers() {
    const lost: Lost[] = []
    const events = this.#landed.map(({ node, affected, atMillis, ...landed }) => {
      if (node === undefined || landed.kind === "slow-node") {
        return { ...landed, millisToNewOwner: [] }
      }
      const until = atMillis + landed.seconds * 1_000 + aftermathMillis
      const all = this.#watcher.leases.takenFrom(node, affected, atMillis)
      const own = all.filter((taken) => taken.atMillis <= until)
      // Of the others a shard may also have been given away meanwhile.
      if (landed.kind === "kill-node" || landed.kind === "pause-node") {
        lost.push(...own.map((taken) => ({ fromMillis: atMillis, taken })))
      }
      return { ...landed, millisToNewOwner: own.map((taken) => taken.atMillis - atMillis) }
    })
    return { events, lost }
  }

  /** Shards that partitions live on. */
  #carrying(): ReadonlySet<number> {
    const { partitions } = this.#options.flow
    return new Set(
      this.#written.sources.flatMap(({ tenant }) =>
        Array.from({ length: partitions }, (_, partition) => shardOf(tenant, partition)),
      ),
    )
  }

  #meetsServers({ fromMillis, taken }: Lost): boolean {
    return this.#landed.some(({ node, atMillis, seconds }) => {
      const until = atMillis + seconds * 1_000 + electionMillis
      return node === undefined && atMillis < taken.atMillis && until > fromMillis
    })
  }

  /** What each node says of each tenant. */
  async #equations(): Promise<readonly string[]> {
    const tenants = [...new Set(this.#written.sources.map(({ tenant }) => tenant))]
    const broken: string[] = []
    for (const node of this.#world.nodes) {
      for (const tenant of tenants) {
        const found = await brokenAt(node, tenant)
        broken.push(...found.map((what) => `${node.name}: ${what}`))
      }
    }
    if (this.#tally.broken > 0) broken.push(`${this.#tally.broken} seen while they ran`)
    return broken
  }
}

/** What a node says is broken. The last fault may have ended just now: it is asked for a while. */
async function brokenAt(node: World["nodes"][number], tenant: string): Promise<readonly string[]> {
  let broken: readonly string[] = []
  const answers = async () => {
    try {
      const status = await node.status(tenant)
      broken = status.running ? status.broken : ["does not answer"]
      return status.running
    } catch (error) {
      broken = [error instanceof Error ? error.message : String(error)]
      return false
    }
  }
  await until(answers, readyMillisMax, "an answer").catch(() => {})
  return broken
}

interface Lost {
  readonly fromMillis: number
  readonly taken: Takeover
}

function spreadOf(lost: readonly Lost[]): Spread {
  const times = lost.map(({ fromMillis, taken }) => taken.atMillis - fromMillis)
  return { count: times.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
}

const yes = (): boolean => true
const no = (): boolean => false

interface Affected {
  readonly node: string | undefined
  readonly affected: readonly number[]
  readonly atMillis: number
}
