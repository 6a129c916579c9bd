/**
 * `npm run mutants [-- WORDS]`: breaks a copy of this repository in each way of `test/mutants.md`
 * (or those whose title holds the words) and shows that the named test turns red. Ends with 1 where
 * one stays green, or is red without any breakage.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { broken, type Mutant, readMutants } from "./support/mutants.ts"

const root = join(import.meta.dirname, "..")
const vitest = join(root, "node_modules/vitest/vitest.mjs")
const minutesMax = 3

const wanted = process.argv.slice(2).join(" ").toLowerCase()
const mutants = readMutants(readFileSync(join(import.meta.dirname, "mutants.md"), "utf8")).filter(
  ({ title }) => title.toLowerCase().includes(wanted),
)
const copy = mkdtempSync(join(tmpdir(), "intelgraph-mutants-"))
try {
  process.exitCode = runAll() ? 0 : 1
} finally {
  rmSync(copy, { recursive: true, force: true })
}

function runAll(): boolean {
  copyRepository()
  let seen = 0
  for (const mutant of mutants) {
    const verdict = verdictOn(mutant)
    if (verdict === "seen") seen += 1
    process.stdout.write(`${verdict.padEnd(8)} ${mutant.title}\n`)
  }
  process.stdout.write(`${seen} of ${mutants.length} breakages seen by their test\n`)
  return seen === mutants.length
}

/** What git knows and what it does not ignore, as it is on the disk now. */
function copyRepository(): void {
  const words = ["ls-files", "--cached", "--others", "--exclude-standard"]
  const files = execFileSync("git", words, { cwd: root, encoding: "utf8" }).trim().split("\n")
  for (const file of files) {
    cpSync(join(root, file), join(copy, file), { recursive: true, force: true })
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
}

type Verdict = "seen" | "missed" | "red anyway" | "no test"

function verdictOn(mutant: Mutant): Verdict {
  const whole = outcomeOf(mutant)
  if (whole === undefined) return "no test"
  if (whole === "failed") return "red anyway"
  const path = join(copy, mutant.file)
  const source = readFileSync(path, "utf8")
  writeFileSync(path, broken(source, mutant))
  try {
    return outcomeOf(mutant) === "failed" ? "seen" : "missed"
  } finally {
    writeFileSync(path, source)
  }
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

/** How the named test itself ended; one that hangs has seen the breakage. */
function outcomeOf({ testFile, test }: Mutant): "passed" | "failed" | undefined {
  const report = join(copy, "mutant.json")
  rmSync(report, { force: true })
  // Groups stand before a name, with or without a sign between.
  const name = test.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll(" ", "(?: > | )")
  const ended = spawnSync(
    process.execPath,
    [vitest, "run", testFile, "-t", `^${name}$`, "--reporter=json", `--outputFile=${report}`],
    { cwd: copy, stdio: "ignore", timeout: minutesMax * 60_000, killSignal: "SIGKILL" },
  )
  if (ended.signal !== null) return "failed"
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report
  const found = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ fullName }) => fullName.trim() === test)
  return found?.status === "passed" || found?.status === "failed" ? found.status : undefined
}
