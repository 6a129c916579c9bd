/** `npm run chaos -- --help`: chaos on real processes, and an outage of the graph store. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { readOptions, usage } from "./options.ts"
import { markdownOf, type Report } from "./report.ts"
import { allHold } from "./verdict.ts"

const options = readOptions(process.argv.slice(2))
if (options.kind === "help") {
  process.stdout.write(usage)
  process.exit(0)
}
if (options.kind === "usage") {
  process.stderr.write(`${options.message}\n\n${usage}`)
  process.exit(2)
}
// What is running and what is on the disk ends with this process: the guard sees to it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => process.exit(130))
}

const from = performance.now()
const say = (line: string) => {
  const seconds = ((performance.now() - from) / 1_000).toFixed(1).padStart(6)
  process.stderr.write(`${seconds} ${line}\n`)
}
const report = await run().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error))
  process.exit(1)
})
const json = JSON.stringify(report, undefined, 2)
const markdown = markdownOf(report)
if (options.out !== undefined) {
  mkdirSync(options.out, { recursive: true })
  writeFileSync(join(options.out, "chaos.json"), `${json}\n`)
  writeFileSync(join(options.out, "chaos.md"), markdown)
}
process.stdout.write(options.json ? `${json}\n` : markdown)
process.exit(allHold(report.verdicts) ? 0 : 1)

async function run(): Promise<Report> {
  if (options.kind === "outage") {
    const { outage } = await import("./outage.ts")
    return { kind: "outage", ...(await outage({ ...options.outage, say })) }
  }
  const { chaos } = await import("./chaos.ts")
  if (options.kind !== "chaos") throw new Error("only chaos is left")
  return { kind: "chaos", ...(await chaos({ ...options.chaos, say })) }
}
