/**
 * What one request costs the server's process, against bare `node:http` that sends the same bytes:
 * processor time of all its threads. Client and servers are processes of their own.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { run } from "../../test/support/run.ts"
import { ceiling, type Figure, median } from "../measure.ts"
import type { Told } from "./bare.ts"
import { type Contestant, startContestant } from "./contestant.ts"
import { writeGraph } from "./graph.ts"
import { ask, Gunner, type Shot } from "./load.ts"
import { startMercurius } from "./mercurius.ts"
import {
  type Client,
  oneField,
  oneFieldRead,
  pageSize,
  pages,
  pagesByGet,
  pagesHeld,
} from "./shots.ts"

const ourServer = new URL("./ours.ts", import.meta.url)
const bareServer = new URL("./bare.ts", import.meta.url)
const yogaServer = new URL("./yoga.ts", import.meta.url)

const rounds = 7
/** A round's shots, fired by turns: what else the machine does slows all contestants alike. */
const turnsPerRound = 10
const shotsPerTurn = 200
/** So many until the engine has compiled what it will. */
const warmingShots = 15_000

interface Race {
  readonly name: string
  readonly shots: readonly Shot[]
  /** Times the cost of the bare server; `undefined` where the figure is only shown. */
  readonly goal: number | undefined
  /** Those that can be asked the same. */
  readonly besides: readonly Contestant[]
}

interface Servers {
  readonly ours: Contestant
  readonly bare: Contestant
  readonly peers: readonly Contestant[]
}

export async function requests(): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "intelgraph-bench-"))
  const path = join(folder, "graph.db")
  const started: Contestant[] = []
  const begin = async (contestant: Promise<Contestant>) => {
    started.push(await contestant)
    return await contestant
  }
  try {
    await run(writeGraph(path))
    const ours = await begin(startContestant("intelgraph", ourServer, [path]))
    const bare = await begin(startContestant("bare node:http", bareServer))
    const peers = [await begin(startContestant("graphql-yoga", yogaServer, [path]))]
    const mercurius = await startMercurius(path)
    if (mercurius !== undefined) peers.push(await begin(Promise.resolve(mercurius)))
    return await runRaces({ ours, bare, peers })
  } finally {
    for (const contestant of started) contestant.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runRaces(servers: Servers): Promise<readonly Figure[]> {
  const { ours, peers } = servers
  const client: Client = ours.client ?? {}
  const byGet = pagesByGet(client)
  const tags = await Promise.all(byGet.map(async (shot) => tagOf(await ask(ours.port, shot))))
  const page = `${pageSize} entities × 6 fields`
  const races: readonly Race[] = [
    { name: "one field", shots: oneField(client), goal: 2, besides: peers },
    {
      name: "one field of an entity",
      shots: oneFieldRead(client),
      goal: undefined,
      besides: peers,
    },
    { name: page, shots: pages(client), goal: 6, besides: peers },
    { name: "304", shots: pagesHeld(client, tags), goal: 1.5, besides: [] },
    { name: `${page}, answer kept`, shots: byGet, goal: undefined, besides: [] },
  ]
  const figures: Figure[] = []
  for (const race of races) figures.push(...(await runRace(race, servers)))
  return figures
}

async function runRace(race: Race, { ours, bare }: Servers): Promise<readonly Figure[]> {
  const answers: Buffer[] = []
  for (const shot of race.shots) answers.push(await ask(ours.port, shot))
  await bare.tell(answers.map(told))
  for (const peer of race.besides) await expectSame(peer, race, answers)
  const all = [ours, bare, ...race.besides]
  const costs = new Map<Contestant, number[]>(all.map((one) => [one, []]))
  const gunners = new Map<Contestant, Gunner>()
  for (const one of all) {
    const gunner = await Gunner.open(one.port)
    gunners.set(one, gunner)
    await gunner.fire(race.shots, warmingShots)
  }
  for (let round = 0; round < rounds; round++) {
    const micros = new Map<Contestant, number>(all.map((one) => [one, 0]))
    for (let turn = 0; turn < turnsPerRound; turn++) {
      for (const one of turn % 2 === 0 ? all : [...all].reverse()) {
        const before = await one.cpuMicros()
        await gunners.get(one)?.fire(race.shots, shotsPerTurn)
        micros.set(one, (micros.get(one) ?? 0) + (await one.cpuMicros()) - before)
      }
    }
    for (const [one, sum] of micros) costs.get(one)?.push(sum / turnsPerRound / shotsPerTurn)
  }
  return figuresOf(race, { ours, bare }, costs)
}

function figuresOf(
  race: Race,
  { ours, bare }: Pick<Servers, "ours" | "bare">,
  costs: ReadonlyMap<Contestant, readonly number[]>,
): readonly Figure[] {
  const of = (one: Contestant) => costs.get(one) ?? []
  const cost = (one: Contestant) => median(of(one))
  const times = (one: Contestant) =>
    median(of(one).map((own, round) => own / (of(bare)[round] ?? Number.NaN)))
  for (const one of costs.keys()) {
    const text = `${cost(one).toFixed(1)} µs, ${times(one).toFixed(2)}× ${bare.name}`
    process.stderr.write(`  ${race.name.padEnd(36)} ${one.name.padEnd(16)} ${text}\n`)
  }
  const named = `CPU of a request: ${race.name}`
  const shown = race.besides.map((peer) => ({
    name: named,
    ours: cost(ours),
    peer: cost(peer),
    peerName: peer.name,
    ratio: times(peer) / times(ours),
    unit: "µs",
    goal: 1,
  }))
  if (race.goal === undefined) return shown
  return [ceiling(`${named}, against ${bare.name}`, times(ours), race.goal, "times"), ...shown]
}

/** A peer that answered less would be cheap. */
async function expectSame(peer: Contestant, { shots }: Race, answers: readonly Buffer[]) {
  const [shot] = shots
  const [own] = answers
  if (shot === undefined || own === undefined) throw new Error("nothing is asked")
  const theirs = bodyOf(await ask(peer.port, shot))
  if (!isDeepStrictEqual(JSON.parse(theirs), JSON.parse(bodyOf(own)))) {
    throw new Error(`${peer.name} answers otherwise: ${theirs.slice(0, 500)}`)
  }
}

const bodyOf = (answer: Buffer): string =>
  answer.subarray(answer.indexOf("\r\n\r\n") + 4).toString()

const headOf = (answer: Buffer): readonly string[] =>
  (answer.toString().split("\r\n\r\n", 1)[0] ?? "").split("\r\n")

/** The answer, as the bare server is to repeat it; it adds some headers itself. */
function told(answer: Buffer): Told {
  const [first = "", ...lines] = headOf(answer)
  const headers = lines
    .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)])
    .filter(([name = ""]) => !/^(date|connection|keep-alive)$/i.test(name))
  const body = bodyOf(answer)
  return { status: Number(first.slice(9, 12)), headers: headers.flat(), body }
}

function tagOf(answer: Buffer): string {
  const tag = headOf(answer).find((line) => line.toLowerCase().startsWith("etag:"))
  return tag?.slice(5).trim() ?? ""
}
