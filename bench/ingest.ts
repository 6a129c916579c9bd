/**
 * Ingest of CVE-like NDJSON by the node as it is started by default, against one thread's loop that
 * writes the same rows; with its memory, the delay of its event loop, and where its time goes.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runJson, runJsonLines } from "./child.ts"
import { generate } from "./ingest/generate.ts"
import { type Bench, ceiling, type Figure, median } from "./measure.ts"

const nodeFile = new URL("./ingest/node.ts", import.meta.url)
const peerFile = new URL("./ingest/peer.ts", import.meta.url)
const stagesFile = new URL("./ingest/stages.ts", import.meta.url)
const megabyte = 1e6
const rounds = 5
const peerSizes = [1024, 4096, 16_384, 65_536]
const delayMillisMax = 50
const residentMebibytesMax = 400
const offeredPerSecond = 1000
const preStorageMillisMax = 100

interface NodeRun {
  readonly seconds: number
  readonly records: number
  readonly preStorageP95Millis: number
  readonly delayP99Millis: number
  readonly peakMebibytes: number
  readonly broken: readonly string[]
}

interface PeerRun {
  readonly seconds: number
  readonly records: number
}

export const ingest: Bench = () => inFolder(compareIngest)
export const ingestLarge: Bench = () => inFolder(measureLarge)
export const latency: Bench = () => inFolder(measureLatency)

async function compareIngest(folder: string): Promise<readonly Figure[]> {
  const file = join(folder, "cve.ndjson")
  const records = generate(file, 100 * megabyte)
  const peerOf = (size: number) => runPeer(folder, file, size)
  const sweep = []
  for (const size of peerSizes) sweep.push({ size, ...(await peerOf(size)) })
  sweep.sort((a, b) => a.seconds - b.seconds)
  const best = sweep[0]?.size ?? peerSizes[0] ?? 1
  process.stderr.write(`  the peer is fastest with ${best} records a transaction\n`)
  const ours: NodeRun[] = []
  const peer: PeerRun[] = []
  for (let round = 0; round < rounds; round++) {
    const turns = [
      async () => void ours.push(await runNode(folder, file, records)),
      async () => void peer.push(await peerOf(best)),
    ]
    if (round % 2 === 1) turns.reverse()
    for (const turn of turns) await turn()
    const [a, b] = [ours.at(-1), peer.at(-1)]
    process.stderr.write(`  ${a?.seconds.toFixed(2)} s, the peer ${b?.seconds.toFixed(2)} s\n`)
  }
  await showStages(file)
  const rate = (runs: readonly PeerRun[]) => median(runs.map((run) => run.records / run.seconds))
  const most = (pick: (run: NodeRun) => number) => median(ours.map(pick))
  return [
    {
      name: "ingest of 100 MB of CVE-like NDJSON",
      ours: rate(ours) / 1000,
      peer: rate(peer) / 1000,
      peerName: "bare loop",
      ratio: rate(ours) / rate(peer),
      unit: "k records/s",
      goal: 0.8,
    },
    ceiling(
      "event loop delay p99",
      most((run) => run.delayP99Millis),
      delayMillisMax,
      "ms",
    ),
    ceiling(
      "peak resident",
      most((run) => run.peakMebibytes),
      residentMebibytesMax,
      "MiB",
    ),
  ]
}

async function measureLarge(folder: string): Promise<readonly Figure[]> {
  const file = join(folder, "cve.ndjson")
  const records = generate(file, 1000 * megabyte)
  const { peakMebibytes } = await runNode(folder, file, records)
  return [ceiling("peak resident with 1 GB", peakMebibytes, residentMebibytesMax, "MiB")]
}

async function measureLatency(folder: string): Promise<readonly Figure[]> {
  const file = join(folder, "cve.ndjson")
  const records = generate(file, 2 * megabyte)
  const { preStorageP95Millis } = await runNode(folder, file, records, offeredPerSecond)
  const name = `pre-storage p95 at ${offeredPerSecond} records/s offered`
  return [ceiling(name, preStorageP95Millis, preStorageMillisMax, "ms")]
}

async function runNode(
  folder: string,
  file: string,
  records: number,
  ratePerSecond?: number,
): Promise<NodeRun> {
  const data = join(folder, "node")
  const rate = ratePerSecond === undefined ? [] : [String(ratePerSecond)]
  const run = await runJson<NodeRun>(nodeFile, [file, data, ...rate])
  rmSync(data, { recursive: true, force: true })
  if (run.records !== records) throw new Error(`${run.records} of ${records} records arrived`)
  if (run.broken.length > 0) throw new Error(run.broken.join("; "))
  return run
}

async function runPeer(folder: string, file: string, size: number): Promise<PeerRun> {
  const database = join(folder, "peer.db")
  const run = await runJson<PeerRun>(peerFile, [file, database, String(size)])
  for (const ending of ["", "-wal", "-shm"]) rmSync(`${database}${ending}`, { force: true })
  return run
}

async function showStages(file: string): Promise<void> {
  type Stage = { readonly stage: string; readonly micros: number }
  const stages = await runJsonLines<Stage>(stagesFile, [file])
  for (const { stage, micros } of stages) {
    process.stderr.write(`  ${stage.padEnd(44)} ${micros.toFixed(2).padStart(7)} µs a record\n`)
  }
}

async function inFolder<A>(use: (folder: string) => Promise<A>): Promise<A> {
  const folder = mkdtempSync(join(tmpdir(), "intelgraph-bench-"))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
