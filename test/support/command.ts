/** Runs the `intelgraph` command as a person does: a process, its two outputs and its exit code. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { nodeFlags } from "../../bin/pinned-node.mjs"
import { type Ended, listenTo, type Started } from "./child.ts"

const root = join(import.meta.dirname, "../..")
const main = join(root, "cli/main.ts")
/** As the launcher does: what was compiled once is not compiled for each command. */
const NODE_COMPILE_CACHE = join(root, "node_modules/.cache/intelgraph")

interface Where {
  readonly folder: string
  readonly env?: { readonly [name: string]: string }
}

/** Starts a command with the launcher's flags; it is killed when the test ends. */
export function start(where: Where, ...words: readonly string[]): Started {
  const child = spawn(process.execPath, [...nodeFlags, main, ...words], {
    cwd: where.folder,
    env: { ...process.env, NODE_COMPILE_CACHE, ...where.env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  return listenTo(child)
}

export const intelgraph = (where: Where, ...words: readonly string[]): Promise<Ended> =>
  start(where, ...words).ended
