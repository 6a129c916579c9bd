/**
 * Durable send and handle through the runtime on JetStream, against the client of NATS by itself,
 * on one server with one replica. Ours: chained blocks to 16 partitions, their shards owned under
 * the fence, each record handled by an actor, acknowledged, its chain recorded. The peer: messages
 * of the same 256 bytes to 16 subjects, handled by a callback, acknowledged without waiting.
 *
 * Both take the best of a sweep first, and live in processes of their own until the last round.
 * Why one record a block stays below its goal is told by decision 0025, with what was measured.
 */
import { startNats } from "../test/servers/index.ts"
import type { NodeSettings, PeerSettings } from "./log/messages.ts"
import { partitions } from "./log/messages.ts"
import { cpuSeconds, RoundProcess } from "./log/process.ts"
import { type Bench, compare, type Figure, median } from "./measure.ts"

type Variant = Pick<NodeSettings, "senders" | "recordsPerBlock">
type PeerVariant = Omit<PeerSettings, "servers" | "name">

const nodeFile = new URL("./log/node.ts", import.meta.url)
const peerFile = new URL("./log/peer.ts", import.meta.url)
const peerVariants: readonly PeerVariant[] = [
  { publishes: 256, retention: "workqueue" },
  { publishes: 1024, retention: "workqueue" },
  { publishes: 256, retention: "limits", buffered: 1000 },
]
// With more the 16 places of a mailbox are full, and refusals take the time.
const singleVariants: readonly Variant[] = [2, 3, 4].map((senders) => ({
  senders,
  recordsPerBlock: 1,
}))
const batchedVariants: readonly Variant[] = [1, 2, 4].map((senders) => ({
  senders,
  recordsPerBlock: 512,
}))
const peerRecords = 12_000
const singleRecords = 6_000
const batchedRecords = 200_000
const nodeCounts = [1, 2, 3]
/** One round is noise: with one, a sweep took the options that were slower in the contest. */
const sweepRounds = 3
const scaleRounds = 1

/** What one round came to: seconds, and seconds of processors. */
interface Round {
  readonly records: number
  readonly seconds: number
  readonly processCpu: number
  readonly serverCpu: number
}

/** One contestant: processes that do rounds together, and what the rounds so far came to. */
class Contestant {
  readonly label: string
  readonly rounds: Round[] = []
  readonly #processes: readonly RoundProcess[]
  readonly #serverPid: number
  readonly #count: number
  readonly #records: number

  /** A round is `count` of what each process counts, and `records` records of all together. */
  constructor(
    label: string,
    processes: readonly RoundProcess[],
    of: { readonly serverPid: number; readonly count: number; readonly records: number },
  ) {
    this.label = label
    this.#processes = processes
    this.#serverPid = of.serverPid
    this.#count = of.count
    this.#records = of.records
  }

  async ready(): Promise<this> {
    await Promise.all(this.#processes.map((one) => one.said()))
    await this.round()
    this.rounds.length = 0
    return this
  }

  /** Thousand records a second. */
  readonly round = async (): Promise<number> => {
    const processCpu = () => this.#processes.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0)
    const before = [processCpu(), cpuSeconds(this.#serverPid)] as const
    const started = performance.now()
    for (const one of this.#processes) one.begin(this.#count)
    await Promise.all(this.#processes.map((one) => one.said()))
    const seconds = (performance.now() - started) / 1000
    this.rounds.push({
      records: this.#records,
      seconds,
      processCpu: processCpu() - before[0],
      serverCpu: cpuSeconds(this.#serverPid) - before[1],
    })
    return this.#records / seconds / 1000
  }

  /** Rate and processor time for each record, over all rounds. */
  toString(): string {
    const sum = (of: (round: Round) => number) =>
      this.rounds.reduce((all, round) => all + of(round), 0)
    const records = sum((round) => round.records)
    const micros = (seconds: number) => ((seconds * 1e6) / records).toFixed(1).padStart(6)
    const rate = (records / sum(({ seconds }) => seconds) / 1000).toFixed(1).padStart(6)
    const process = micros(sum(({ processCpu }) => processCpu))
    const server = micros(sum(({ serverCpu }) => serverCpu))
    return `${rate} k/s, CPU ${process} µs a record, of the server ${server}: ${this.label}`
  }

  /** Microseconds of processors for each record, with the server's. */
  get cpuMicros(): number {
    const records = this.rounds.reduce((all, round) => all + round.records, 0)
    const cpu = this.rounds.reduce((all, round) => all + round.processCpu + round.serverCpu, 0)
    return (cpu * 1e6) / records
  }

  async end(): Promise<void> {
    for (const one of this.#processes) await one.end()
  }
}

export const log: Bench = async () => {
  const server = await startNats()
  try {
    return await new Contests(server.url, server.pid).all()
  } finally {
    await server.stop()
  }
}

class Contests {
  readonly #servers: string
  readonly #serverPid: number
  #names = 0

  constructor(servers: string, serverPid: number) {
    this.#servers = servers
    this.#serverPid = serverPid
  }

  async all(): Promise<readonly Figure[]> {
    const peer = await this.#best(peerVariants, (one) => this.#peer(one))
    const single = await this.#best(singleVariants, (one) => this.#nodes(one, 1))
    const batched = await this.#best(batchedVariants, (one) => this.#nodes(one, 1))
    return [
      await this.#compare("one record a block", 1, single, peer),
      await this.#compare("512 records a block", 10, batched, peer),
      ...(await this.#scale("one record a block", single)),
      ...(await this.#scale("512 records a block", batched)),
    ]
  }

  /** The variant that is fastest by itself, by the median of its rounds. */
  async #best<V>(variants: readonly V[], make: (variant: V) => Contestant): Promise<V> {
    say("a sweep:")
    let best: { readonly variant: V; readonly rate: number } | undefined
    for (const variant of variants) {
      const contestant = await make(variant).ready()
      const rates: number[] = []
      for (let round = 0; round < sweepRounds; round++) rates.push(await contestant.round())
      const rate = median(rates)
      show(contestant)
      await contestant.end()
      if (best === undefined || rate > best.rate) best = { variant, rate }
    }
    if (best === undefined) throw new Error("A sweep has variants.")
    return best.variant
  }

  async #compare(name: string, goal: number, ours: Variant, peer: PeerVariant): Promise<Figure> {
    say(`${name}, in turn with the client:`)
    const [us, them] = [await this.#nodes(ours, 1).ready(), await this.#peer(peer).ready()]
    const figure = await compare({
      name: `durable send and handle, ${name}`,
      unit: "k records/s",
      goal,
      peerName: "js.publish + consume",
      ours: us.round,
      peer: them.round,
    })
    for (const one of [us, them]) {
      show(one)
      await one.end()
    }
    return figure
  }

  /** The same on 1, 2 and 3 nodes that share the shards; no goal: the machine stays the same. */
  async #scale(name: string, variant: Variant): Promise<readonly Figure[]> {
    say(`${name}, on more nodes:`)
    const figures: Figure[] = []
    let alone: Contestant | undefined
    let aloneRate = 0
    for (const nodes of nodeCounts) {
      const many = await this.#nodes(variant, nodes).ready()
      const rates: number[] = []
      for (let round = 0; round < scaleRounds; round++) rates.push(await many.round())
      show(many)
      await many.end()
      const rate = median(rates)
      if (alone === undefined) [alone, aloneRate] = [many, rate]
      const label = `${nodes} nodes, ${name}`
      const unit = "µs CPU/record"
      figures.push(
        beside(label, "k records/s", rate, aloneRate, rate / aloneRate),
        beside(label, unit, many.cpuMicros, alone.cpuMicros, alone.cpuMicros / many.cpuMicros),
      )
    }
    return figures
  }

  #peer(variant: PeerVariant): Contestant {
    const settings: PeerSettings = { servers: this.#servers, name: this.#name(), ...variant }
    return new Contestant(
      `peer ${JSON.stringify(variant)}`,
      [new RoundProcess(peerFile, settings)],
      { serverPid: this.#serverPid, count: peerRecords, records: peerRecords },
    )
  }

  #nodes(variant: Variant, nodes: number): Contestant {
    const common = { servers: this.#servers, name: this.#name(), nodes, ...variant }
    const chains = variant.senders * partitions * nodes
    const wanted = variant.recordsPerBlock === 1 ? singleRecords : batchedRecords
    const count = Math.ceil(wanted / variant.recordsPerBlock / chains)
    const processes = Array.from({ length: nodes }, (_, node) => {
      const settings: NodeSettings = { node, ...common }
      return new RoundProcess(nodeFile, settings)
    })
    const records = count * chains * variant.recordsPerBlock
    const label = `${nodes} of ours ${JSON.stringify(variant)}`
    return new Contestant(label, processes, { serverPid: this.#serverPid, count, records })
  }

  /** Streams that nothing else has. */
  #name(): string {
    return `bench${this.#names++}`
  }
}

const show = (contestant: Contestant): void => say(`  ${contestant}`)

/** With the seconds since the bench began. */
const say = (text: string): void => {
  process.stderr.write(`${process.uptime().toFixed(0).padStart(4)} s ${text}\n`)
}

const beside = (name: string, unit: string, ours: number, peer: number, ratio: number): Figure => ({
  name,
  ours,
  peer,
  peerName: "1 node",
  ratio,
  unit,
  goal: 0,
})
