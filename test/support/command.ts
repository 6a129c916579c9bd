/** Runs the `intelgraph` command as a person does: a process, its two outputs and its exit code. */
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { onTestFinished } from "vitest"

const root = join(import.meta.dirname, "../..")
const main = join(root, "cli/main.ts")
/** As the launcher does: what was compiled once is not compiled for each command. */
const NODE_COMPILE_CACHE = join(root, "node_modules/.cache/intelgraph")

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Waits until stderr holds what is looked for, and gives its first group. */
  readonly says: (pattern: RegExp) => Promise<string>
}

interface Where {
  readonly folder: string
  readonly env?: { readonly [name: string]: string }
}

/** Starts a command; it is killed when the test ends. */
export function start(where: Where, ...words: readonly string[]): Started {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main, ...words], {
    cwd: where.folder,
    env: { ...process.env, NODE_COMPILE_CACHE, ...where.env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  let out = ""
  let err = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text
  })
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code) => resolve({ code, out, err }))
  })
  const says = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(err)
        if (found !== null) resolve(found[1] ?? found[0])
      }
      child.stderr.on("data", look)
      child.on("close", () => reject(new Error(`it ended without saying ${pattern}: ${err}`)))
      look()
    })
  return { child, ended, says }
}

export const intelgraph = (where: Where, ...words: readonly string[]): Promise<Ended> =>
  start(where, ...words).ended
