/**
 * The graph store in Neo4j against bare loops over the same driver: the ATT&CK objects, from blocks
 * that are prepared to the last commit. A row is an entity or a relationship that is visible then.
 */
import { readFileSync } from "node:fs"
import type { Driver } from "neo4j-driver"
import { commitRecordsMax } from "../protocols/limits.ts"
import { type Server, startNeo4j } from "../test/servers/index.ts"
import { openDriver, prepareBare, type Shape, type Written, writeBare } from "./graph/bare.ts"
import { keptRows, lastingLabels, writeKept } from "./graph/kept.ts"
import { type Feeding, type Ours, openOurs } from "./graph/ours.ts"
import { attackRecords, type Rows, rowsOf } from "./graph/rows.ts"
import { type Bench, ceiling, type Figure, median } from "./measure.ts"

const heapMebibytes = 1_024
const goal = 0.9
const rounds = 5
/** One of so many records is in the first sweep. */
const sweptShare = 4
/** So many options of each are tried with all records, each so often; the best counts. */
const finalists = 3
const finals = 3
const shapes: readonly Shape[] = [1_000, 4_000].flatMap((batch) =>
  [1, 2, 4].map((sessions) => ({ batch, sessions })),
)
const partitions = 4
const feedings: readonly Feeding[] = [
  { batch: 1_024, nodes: 1, calls: 2 },
  { batch: commitRecordsMax / 2, nodes: 1, calls: 2 },
  { batch: commitRecordsMax, nodes: 1, calls: 1 },
  { batch: commitRecordsMax, nodes: 1, calls: 2 },
  { batch: commitRecordsMax, first: 1_024, nodes: 1, calls: 2 },
  { batch: commitRecordsMax, first: 512, nodes: 1, calls: 4 },
  { batch: commitRecordsMax, nodes: 2, calls: 1 },
].map((feeding) => ({ ...feeding, partitions }))

interface Place {
  readonly server: Server
  readonly store: Ours
  readonly driver: Driver
  /** Gives whole numbers back as they came. */
  readonly exact: Driver
}

interface Contestants {
  readonly count: number
  readonly ours: (feeding: Feeding) => Promise<Written>
  readonly "bare loop": (shape: Shape) => Promise<Written>
  readonly "bare creates": (shape: Shape) => Promise<Written>
}

export const graph: Bench = async () => {
  const server = await startNeo4j({ heapMebibytes })
  const { url, user = "", password = "" } = server
  const driver = openDriver(url, user, password)
  const exact = openDriver(url, user, password, { useBigInt: true })
  const store = await openOurs(server)
  try {
    const records = await attackRecords()
    const place = { server, store, driver, exact }
    const part = records.filter((_, i) => i % sweptShare === 0)
    say(`one of ${sweptShare} records, each option in turn: to warm up, and once more`)
    const fast = await sweep(await contestantsOf(place, rowsOf(part)))
    const all = await contestantsOf(place, rowsOf(records))
    say(`all records, the ${finalists} fastest options of each, ${finals} times`)
    const best = await bestOf(all, fast)
    say(`all records, the best option of each, ${rounds} rounds turn by turn`)
    return await contest(all, best)
  } finally {
    await store.close()
    await exact.close()
    await driver.close()
    await server.stop()
  }
}

async function contestantsOf(place: Place, rows: Rows): Promise<Contestants> {
  const { server, store, driver, exact } = place
  await prepareBare(driver, rows)
  await store.write(rows, { batch: commitRecordsMax, partitions, nodes: 1, calls: 1 })
  const kept = await keptRows(exact)
  await store.check(rows)
  await clear(driver)
  const shown =
    <A extends object>(name: string, write: (option: A) => Promise<Written>) =>
    async (option: A): Promise<Written> => {
      const [before, own] = [cpuMillisOf(server), process.cpuUsage()]
      const written = await write(option)
      const { user, system } = process.cpuUsage(own)
      show(name, option, written, [cpuMillisOf(server) - before, (user + system) / 1_000])
      await clear(driver)
      return written
    }
  return {
    count: rows.nodes.length + rows.relationships.length,
    ours: shown("ours", (feeding: Feeding) => store.write(rows, feeding)),
    "bare loop": shown("bare loop", (shape: Shape) => writeBare(driver, rows, shape)),
    "bare creates": shown("bare creates", (shape: Shape) => writeKept(exact, kept, shape)),
  }
}

interface Best {
  readonly ours: Feeding
  readonly "bare loop": Shape
  readonly "bare creates": Shape
}

type Options = { readonly [name in keyof Best]: readonly Best[name][] }

/** The fastest options with few records, of which the server's compiler knew the statements. */
async function sweep(few: Contestants): Promise<Options> {
  const tried = timedOf({ ours: feedings, "bare loop": shapes, "bare creates": shapes })
  await tryEach(tried, few)
  for (const one of Object.values(tried).flat()) one.leastMillis = Number.POSITIVE_INFINITY
  await tryEach(tried, few)
  return fastest(tried, finalists)
}

/** What is fastest with few records need not be so with many. */
async function bestOf(all: Contestants, options: Options): Promise<Best> {
  const tried = timedOf(options)
  for (let turn = 0; turn < finals; turn++) await tryEach(tried, all)
  const { ours, "bare loop": loop, "bare creates": creates } = fastest(tried, 1)
  return { ours: only(ours), "bare loop": only(loop), "bare creates": only(creates) }
}

interface Timed<A> {
  readonly option: A
  leastMillis: number
}

type Tried = { readonly [name in keyof Best]: readonly Timed<Best[name]>[] }

const timedOf = (options: Options): Tried => ({
  ours: options.ours.map(timed),
  "bare loop": options["bare loop"].map(timed),
  "bare creates": options["bare creates"].map(timed),
})

const timed = <A>(option: A): Timed<A> => ({ option, leastMillis: Number.POSITIVE_INFINITY })

async function tryEach(tried: Tried, all: Contestants): Promise<void> {
  await tryAll(tried.ours, all.ours)
  await tryAll(tried["bare loop"], all["bare loop"])
  await tryAll(tried["bare creates"], all["bare creates"])
}

async function tryAll<A>(
  tried: readonly Timed<A>[],
  write: (option: A) => Promise<Written>,
): Promise<void> {
  for (const one of tried) {
    const { millis } = await write(one.option)
    one.leastMillis = Math.min(one.leastMillis, millis)
  }
}

const fastest = (tried: Tried, count: number): Options => ({
  ours: fastestOf(tried.ours, count),
  "bare loop": fastestOf(tried["bare loop"], count),
  "bare creates": fastestOf(tried["bare creates"], count),
})

const fastestOf = <A>(tried: readonly Timed<A>[], count: number): readonly A[] =>
  tried
    .toSorted((a, b) => a.leastMillis - b.leastMillis)
    .slice(0, count)
    .map(({ option }) => option)

function only<A>([one]: readonly A[]): A {
  if (one === undefined) throw new Error("nothing to sweep")
  return one
}

async function contest(all: Contestants, best: Best): Promise<readonly Figure[]> {
  const written: { readonly [name in keyof Best]: Written[] } = {
    ours: [],
    "bare loop": [],
    "bare creates": [],
  }
  for (let round = 0; round < rounds; round++) {
    const turns = [
      async () => written.ours.push(await all.ours(best.ours)),
      async () => written["bare loop"].push(await all["bare loop"](best["bare loop"])),
      async () => written["bare creates"].push(await all["bare creates"](best["bare creates"])),
    ]
    for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn()
  }
  const told = (name: keyof Best) => ({ ...best[name], runs: written[name] })
  const against = (peerName: keyof Best): Figure => {
    const [a, b] = [written.ours, written[peerName]]
    const ratios = a.map(({ millis }, round) => (b[round]?.millis ?? Number.NaN) / millis)
    const rate = (of: readonly Written[]) => all.count / median(of.map(({ millis }) => millis))
    const detail = { rows: all.count, ratios, ours: told("ours"), peer: told(peerName) }
    return {
      ...{ name: "ATT&CK into Neo4j", unit: "k rows/s", goal, peerName, detail },
      ...{ ours: rate(a), peer: rate(b), ratio: median(ratios) },
    }
  }
  return [against("bare loop"), against("bare creates"), await deadlocks(all, written.ours)]
}

/**
 * Transactions of ours that another one was in the way of: in all rounds, and with two nodes that
 * write for the tenant at the same time. None counts as one, or a ratio could not be told.
 */
async function deadlocks(all: Contestants, rounds: readonly Written[]): Promise<Figure> {
  const beside = await all.ours({ batch: commitRecordsMax, partitions, nodes: 2, calls: 1 })
  const retries = [...rounds, beside].map((one) => one.retries)
  const sum = retries.reduce((a, b) => a + b, 0)
  const figure = ceiling("1 + deadlock retries, all rounds and two nodes", 1 + sum, 1, "")
  return { ...figure, detail: { retries } }
}

const say = (text: string) => void process.stderr.write(`${text}\n`)

function show(
  name: string,
  option: object,
  { millis, retries }: Written,
  [server, client]: readonly [server: number, client: number],
) {
  const how = Object.entries(option).flat().join(" ")
  const took = `${millis.toFixed(0).padStart(7)} ms, ${server.toFixed(0).padStart(6)} of the server`
  const rest = `${client.toFixed(0).padStart(5)} of the client, ${retries} tried again`
  say(`  ${name.padEnd(12)} ${how.padEnd(32)} ${took}, ${rest}`)
}

/** Of the server's process, all threads together. */
function cpuMillisOf({ pid }: Server): number {
  const columns = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? []
  const ticks = Number(columns[11]) + Number(columns[12])
  return ticks * millisPerTick
}

const millisPerTick = 10

/** Takes out what was written, and lets the server finish what goes on behind commits. */
async function clear(driver: Driver): Promise<void> {
  const session = driver.session({ database: "neo4j" })
  await session.run(
    `MATCH (n) WHERE NOT n${lastingLabels}
     CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS`,
  )
  await session.run("CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()")
  await session.close()
}
