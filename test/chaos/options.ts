/** The command's words. */
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import type { ChaosOptions } from "./chaos.ts"
import type { OutageOptions } from "./outage.ts"

export const usage = `npm run --silent chaos -- [options]

Starts three NATS servers, Neo4j and nodes on this machine, lets records with known keys flow, makes
faults as they are drawn from the seed, and compares what is in the graph with what was written
before. Nothing is left behind. Ends with 1 where something that had to hold did not.

  --seed N         draws records and faults (1)
  --events E       faults (60)
  --nodes K        nodes (3)
  --records R      records (200000)
  --seconds S      over which the faults are spread (420); with --outage, how long it lasts (60)
  --settle S       for everything to arrive after the last fault (240)
  --tenants T      tenants (2)
  --sources N      sources of each tenant (4)
  --partitions P   partitions of each tenant (8)
  --unfenced       runs a copy of the code without its fences: such a run has to fail
  --outage neo4j   one node, and Neo4j is stopped under load
  --out DIR        leaves chaos.json, chaos.md and the nodes' logs there
  --json           prints the report as JSON, else as Markdown
  --help           prints this
`

type Shown = { readonly json: boolean; readonly out: string | undefined }

export type Options =
  | { readonly kind: "help" }
  | { readonly kind: "usage"; readonly message: string }
  | (Shown & { readonly kind: "chaos"; readonly chaos: Omit<ChaosOptions, "say"> })
  | (Shown & { readonly kind: "outage"; readonly outage: Omit<OutageOptions, "say"> })

const root = join(import.meta.dirname, "../..")
const padBytes = 120
const number = { type: "string" } as const
const flag = { type: "boolean", default: false } as const
const words = {
  seed: number,
  events: number,
  nodes: number,
  records: number,
  seconds: number,
  settle: number,
  tenants: number,
  sources: number,
  partitions: number,
  unfenced: flag,
  outage: number,
  out: number,
  json: flag,
  help: { ...flag, short: "h" },
} as const

export function readOptions(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({ args: [...args], options: words, strict: true })
    if (values.help) return { kind: "help" }
    const { outage, json } = values
    if (outage !== undefined && outage !== "neo4j") throw new Error("--outage takes neo4j")
    const isOutage = outage !== undefined
    const whole = (name: keyof typeof words, otherwise: number, least: number, most: number) => {
      const text = values[name]
      const value = text === undefined ? otherwise : Number(text)
      if (Number.isInteger(value) && value >= least && value <= most) return value
      throw new Error(`--${name} takes a whole number from ${least} to ${most}`)
    }
    const flow = {
      seed: whole("seed", 1, 0, 2 ** 32 - 1),
      records: whole("records", isOutage ? 60_000 : 200_000, 1, 10_000_000),
      tenants: whole("tenants", isOutage ? 1 : 2, 1, 16),
      sources: whole("sources", 4, 1, 32),
      partitions: whole("partitions", isOutage ? 4 : 8, 1, 64),
      padBytes,
    }
    const out = values.out === undefined ? undefined : resolve(values.out)
    const seconds = whole("seconds", isOutage ? 60 : 420, 1, 3_600)
    if (isOutage) return { kind: "outage", json, out, outage: { flow, seconds, root, out } }
    const chaos = {
      flow,
      seconds,
      events: whole("events", 60, 1, 10_000),
      nodes: whole("nodes", 3, 1, 9),
      settleSeconds: whole("settle", 240, 1, 3_600),
      fences: !values.unfenced,
      root,
      out,
    }
    return { kind: "chaos", json, out, chaos }
  } catch (error) {
    return { kind: "usage", message: error instanceof Error ? error.message : String(error) }
  }
}
