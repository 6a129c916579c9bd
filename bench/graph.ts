/**
 * The graph store in Neo4j against bare loops over the same driver: the ATT&CK objects, from blocks
 * that are prepared to the last commit. A row is an entity or a relationship that is visible then.
 */
import type { Driver } from "neo4j-driver"
import { type Server, startNeo4j } from "../test/servers/index.ts"
import { openDriver, prepareBare, type Shape, type Written, writeBare } from "./graph/bare.ts"
import { type Kept, keptRows, writeKept } from "./graph/kept.ts"
import { type Feeding, type OurRun, writeOurs } from "./graph/ours.ts"
import { attackRows, type Rows } from "./graph/rows.ts"
import { type Bench, ceiling, type Figure, median } from "./measure.ts"

const heapMebibytes = 1_024
const goal = 0.9
const rounds = 5
/** Times that each contestant runs before it counts, for the server's compiler. */
const warmUps = 2
const shapes: readonly Shape[] = [1_000, 4_000].flatMap((batch) =>
  [1, 2, 4].map((sessions) => ({ batch, sessions })),
)
const feedings: readonly Feeding[] = [4, 16].map((partitions) => ({ partitions, nodes: 1 }))

interface Contestants {
  readonly ours: (feeding: Feeding) => Promise<OurRun>
  readonly bare: (shape: Shape) => Promise<Written>
  readonly kept: (shape: Shape) => Promise<Written>
}

export const graph: Bench = async () => {
  const server = await startNeo4j({ heapMebibytes })
  const { url, user = "", password = "" } = server
  const driver = openDriver(url, user, password)
  const exact = openDriver(url, user, password, { useBigInt: true })
  try {
    const rows = await attackRows()
    await prepareBare(driver, rows)
    const kept = await keptOf(server, { driver, exact }, rows)
    return await contest(rows, {
      ours: (feeding) => cleared(driver, () => writeOurs(server, rows, feeding)),
      bare: (shape) => cleared(driver, () => writeBare(driver, rows, shape)),
      kept: (shape) => cleared(driver, () => writeKept(exact, kept, shape)),
    })
  } finally {
    await exact.close()
    await driver.close()
    await server.stop()
  }
}

/** The rows that our store keeps of these. */
async function keptOf(
  server: Server,
  { driver, exact }: { readonly driver: Driver; readonly exact: Driver },
  rows: Rows,
): Promise<Kept> {
  await writeOurs(server, rows, { partitions: 4, nodes: 1 })
  const kept = await keptRows(exact)
  await clear(driver)
  return kept
}

async function contest(rows: Rows, { ours, bare, kept }: Contestants): Promise<readonly Figure[]> {
  const feeding = await sweep("ours", feedings, ours)
  const plain = await sweep("bare loop", shapes, bare)
  const same = await sweep("bare creates", shapes, kept)
  const turns = {
    ours: () => ours(feeding),
    "bare loop": () => bare(plain),
    "bare creates": () => kept(same),
  }
  const millis = new Map<string, number[]>()
  for (let round = 0; round < rounds; round++) {
    const order = Object.entries(turns)
    if (round % 2 === 1) order.reverse()
    for (const [name, turn] of order) {
      const written = await turn()
      millis.set(name, [...(millis.get(name) ?? []), written.millis])
      show(name, written)
    }
  }
  const count = rows.nodes.length + rows.relationships.length
  const against = (peerName: string): Figure => {
    const [a, b] = [millis.get("ours") ?? [], millis.get(peerName) ?? []]
    const ratio = median(a.map((own, round) => (b[round] ?? Number.NaN) / own))
    const figure = { name: "ATT&CK into Neo4j", unit: "k rows/s", goal, peerName, ratio }
    return { ...figure, ours: count / median(a), peer: count / median(b) }
  }
  return [against("bare loop"), against("bare creates"), ...(await retries(ours))]
}

/**
 * Of transactions that another one was in the way of, with one node and with two that write for the
 * tenant at the same time. None counts as one, or a ratio could not be told.
 */
async function retries(ours: Contestants["ours"]): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const nodes of [1, 2]) {
    const written = await ours({ partitions: 4, nodes })
    show(`${nodes} writing`, written)
    figures.push(ceiling(`1 + deadlock retries of ${nodes} nodes`, 1 + written.retries, 1, "times"))
  }
  return figures
}

/** The fastest of the options, each tried once after as many rounds as a compiler needs. */
async function sweep<A extends object>(
  name: string,
  options: readonly A[],
  write: (option: A) => Promise<Written>,
): Promise<A> {
  const [first] = options
  if (first === undefined) throw new Error(`nothing to sweep for ${name}`)
  for (let i = 0; i < warmUps; i++) await write(first)
  let best = { option: first, millis: Number.POSITIVE_INFINITY }
  for (const option of options) {
    const written = await write(option)
    show(`${name}, ${Object.entries(option).flat().join(" ")}`, written)
    if (written.millis < best.millis) best = { option, millis: written.millis }
  }
  return best.option
}

function show(name: string, { millis, retries: again }: Written): void {
  const text = `${millis.toFixed(0).padStart(7)} ms, ${again} tried again`
  process.stderr.write(`  ${name.padEnd(44)} ${text}\n`)
}

async function cleared<A>(driver: Driver, write: () => Promise<A>): Promise<A> {
  const answer = await write()
  await clear(driver)
  return answer
}

/** Empties the database, and lets the server finish what goes on behind commits. */
async function clear(driver: Driver): Promise<void> {
  const session = driver.session({ database: "neo4j" })
  await session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS")
  await session.run("CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()")
  await session.close()
}
