/**
 * The graph store in Neo4j against bare loops over the same driver: the ATT&CK objects, from blocks
 * that are prepared to the last commit. A row is an entity or a relationship that is visible then.
 */
import { readFileSync } from "node:fs"
import type { Driver } from "neo4j-driver"
import { type Server, startNeo4j } from "../test/servers/index.ts"
import { openDriver, prepareBare, type Shape, type Written, writeBare } from "./graph/bare.ts"
import { keptRows, lastingLabels, writeKept } from "./graph/kept.ts"
import { type Feeding, type OurRun, type Ours, openOurs } from "./graph/ours.ts"
import { attackRecords, type Rows, rowsOf } from "./graph/rows.ts"
import { type Bench, ceiling, type Figure, median } from "./measure.ts"

const heapMebibytes = 1_024
const goal = 0.9
const rounds = 3
/** One of so many records is in a sweep. */
const sweptShare = 8
/** Sweeps; what the ones before the last find is forgotten, they are for the server's compiler. */
const sweeps = 2
const shapes: readonly Shape[] = [1_000, 4_000].flatMap((batch) =>
  [1, 2, 4].map((sessions) => ({ batch, sessions })),
)
const feedings: readonly Feeding[] = [4, 16].map((partitions) => ({ partitions, nodes: 1 }))

interface Place {
  readonly server: Server
  readonly store: Ours
  readonly driver: Driver
  /** Gives whole numbers back as they came. */
  readonly exact: Driver
}

interface Contestants {
  readonly count: number
  readonly ours: (feeding: Feeding) => Promise<OurRun>
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
    const few = await contestantsOf(place, rowsOf(part))
    for (let i = 1; i < sweeps; i++) await sweepAll(few)
    const best = await sweepAll(few)
    return await contest(await contestantsOf(place, rowsOf(records)), best)
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
  await store.write(rows, { partitions: 4, nodes: 1 })
  const kept = await keptRows(exact)
  await clear(driver)
  const shown =
    <A extends object>(name: string, write: (option: A) => Promise<Written>) =>
    async <B extends Written>(option: A): Promise<B> => {
      const before = cpuMillisOf(server)
      const written = await write(option)
      show(name, option, written, cpuMillisOf(server) - before)
      await clear(driver)
      return written as B
    }
  return {
    count: rows.nodes.length + rows.relationships.length,
    ours: shown("ours", (feeding: Feeding) => store.write(rows, feeding)),
    "bare loop": shown("bare loop", (shape: Shape) => writeBare(driver, rows, shape)),
    "bare creates": shown("bare creates", (shape: Shape) => writeKept(exact, kept, shape)),
  }
}

interface Best {
  readonly feeding: Feeding
  readonly plain: Shape
  readonly same: Shape
}

const sweepAll = async (few: Contestants): Promise<Best> => ({
  feeding: await fastest(feedings, few.ours),
  plain: await fastest(shapes, few["bare loop"]),
  same: await fastest(shapes, few["bare creates"]),
})

async function fastest<A>(
  options: readonly A[],
  write: (option: A) => Promise<Written>,
): Promise<A> {
  const tried: { readonly option: A; readonly millis: number }[] = []
  for (const option of options) tried.push({ option, millis: (await write(option)).millis })
  const [first] = tried.sort((a, b) => a.millis - b.millis)
  if (first === undefined) throw new Error("nothing to sweep")
  return first.option
}

async function contest(all: Contestants, best: Best): Promise<readonly Figure[]> {
  const turns = {
    ours: () => all.ours(best.feeding),
    "bare loop": () => all["bare loop"](best.plain),
    "bare creates": () => all["bare creates"](best.same),
  }
  const millis = new Map<string, number[]>()
  for (let round = 0; round < rounds; round++) {
    const order = Object.entries(turns)
    if (round % 2 === 1) order.reverse()
    for (const [name, turn] of order) {
      millis.set(name, [...(millis.get(name) ?? []), (await turn()).millis])
    }
  }
  const against = (peerName: string): Figure => {
    const [a, b] = [millis.get("ours") ?? [], millis.get(peerName) ?? []]
    const ratio = median(a.map((own, round) => (b[round] ?? Number.NaN) / own))
    const figure = { name: "ATT&CK into Neo4j", unit: "k rows/s", goal, peerName, ratio }
    return { ...figure, ours: all.count / median(a), peer: all.count / median(b) }
  }
  return [against("bare loop"), against("bare creates"), ...(await retries(all))]
}

/**
 * Of transactions that another one was in the way of, with one node and with two that write for the
 * tenant at the same time. None counts as one, or a ratio could not be told.
 */
async function retries({ ours }: Contestants): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const nodes of [1, 2]) {
    const { retries: again } = await ours({ partitions: 4, nodes })
    figures.push(ceiling(`1 + deadlock retries, nodes writing: ${nodes}`, 1 + again, 1, ""))
  }
  return figures
}

function show(name: string, option: object, { millis, retries: again }: Written, cpu: number) {
  const how = Object.entries(option).flat().join(" ")
  const took = `${millis.toFixed(0).padStart(7)} ms, ${cpu.toFixed(0).padStart(6)} ms of server`
  process.stderr.write(`  ${name.padEnd(12)} ${how.padEnd(24)} ${took}, ${again} tried again\n`)
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
