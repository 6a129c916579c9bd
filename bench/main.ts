/**
 * `npm run --silent bench -- [NAME…] [--json]`: figures of the named benches, or of all. The list
 * goes to stdout, progress to stderr.
 */
import { type Bench, type Figure, verdictOf } from "./measure.ts"

/** Every bench by its name. */
const benches: { readonly [name: string]: () => Promise<Bench> } = {
  actors: async () => (await import("./actors.ts")).actors,
  ingest: async () => (await import("./ingest.ts")).ingest,
  "ingest-large": async () => (await import("./ingest.ts")).ingestLarge,
  latency: async () => (await import("./ingest.ts")).latency,
  gateway: async () => (await import("./gateway.ts")).gateway,
  graph: async () => (await import("./graph.ts")).graph,
  restart: async () => (await import("./restart.ts")).restart,
  log: async () => (await import("./log.ts")).log,
  "actors-memory": async () => (await import("./actors-memory.ts")).actorsMemory,
}

const args = process.argv.slice(2)
if (args.includes("--help")) {
  process.stdout.write(
    "npm run --silent bench -- [NAME…] [--json]\n\n" +
      `Figures of the named benches, or of all: ${Object.keys(benches).join(", ")}.\n` +
      "The list goes to stdout, with --json as JSON; progress goes to stderr.\n",
  )
  process.exit(0)
}
const names = args.filter((arg) => !arg.startsWith("--"))
const unknown = [
  ...names.filter((name) => !Object.hasOwn(benches, name)),
  ...args.filter((arg) => arg.startsWith("--") && arg !== "--json"),
]
if (unknown.length > 0) {
  process.stderr.write(
    `There is no bench or option ${unknown.join(", ")}. ` +
      `Benches: ${Object.keys(benches).join(", ")}; option: --json.\n`,
  )
  process.exit(2)
}

// The host's timers do not keep a process alive, and a bench may wait for nothing else.
const alive = setInterval(() => {}, 1_000)
const figures: Figure[] = []
for (const name of names.length > 0 ? names : Object.keys(benches)) {
  process.stderr.write(`${name} …\n`)
  const bench = await benches[name]?.()
  figures.push(...((await bench?.()) ?? []))
}
clearInterval(alive)
const judged = figures.map((figure) => ({ ...figure, verdict: verdictOf(figure) }))
process.stdout.write(
  args.includes("--json") ? `${JSON.stringify(judged, undefined, 2)}\n` : table(figures),
)

function table(rows: readonly Figure[]): string {
  const lines = rows.map((row) => {
    const verdict = verdictOf(row) === "ok" ? "ok" : "BELOW GOAL"
    const ours = `${row.ours.toPrecision(3)} ${row.unit}`
    const peer = `${row.peerName} ${row.peer.toPrecision(3)}`
    const ratio = `${row.ratio.toFixed(2)}× (goal ${row.goal})`
    return [row.name.padEnd(44), ours.padEnd(20), peer.padEnd(24), ratio.padEnd(20), verdict]
  })
  return `${lines.map((cells) => cells.join(" ").trimEnd()).join("\n")}\n`
}
