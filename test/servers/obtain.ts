/**
 * Programs that are not on the machine: each is made once into a folder of the cache, outside the
 * checkout, and used from there by every later run.
 *
 * A step that says and computes nothing for a while is taken for hung, ended and tried again; so
 * is one that fails. A folder appears under its name only when it is whole. Several processes that
 * want the same one wait for the first.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { forget, removeAtEnd, watch } from "./guarded.ts"
import { takeLock } from "./lock.ts"
import { cpuMillis, killTree } from "./process-tree.ts"
import { ServerUnavailable } from "./unavailable.ts"

/** How long a step may take, and how often what failed is tried again. */
export interface Patience {
  /** A step that prints nothing and computes nothing for so long is taken for hung and ended. */
  readonly silentMillisMax: number
  readonly stepMillisMax: number
  /** Waits before the second try and those that follow. */
  readonly retryMillis: readonly number[]
}

const patienceDefault: Patience = {
  silentMillisMax: 120_000,
  stepMillisMax: 1_200_000,
  retryMillis: [2_000, 10_000, 30_000],
}
/** A step that computes more than this share of the time is at work, however silent. */
const workingShare = 0.03
const lookEveryMillis = 200
const sayEveryMillis = 5_000
const waitMillisMax = 1_800_000
const outputLinesShown = 20
const lineCharactersShown = 80

export interface Program {
  /** Folder of the cache, with the pinned version: `nats-server-2.15.2`. */
  readonly name: string
  /** What would provide it, for a machine that cannot: a part of a sentence. */
  readonly providedBy: string
  /** Makes the program into an empty folder. */
  readonly make: (folder: string, run: Run) => Promise<void>
  /** Whether what was made runs here; what does not is not kept. */
  readonly runs?: (folder: string) => boolean
  readonly patience?: Patience
}

/** Runs one step, with progress, and rejects where it fails. */
export type Run = (command: string, args: readonly string[], options?: RunOptions) => Promise<void>

interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Where programs are kept: for root in a place that a server's own user can read. */
export function cacheFolder(): string {
  const own = process.getuid?.() === 0 ? "/var/cache" : join(homedir(), ".cache")
  return join(process.env.XDG_CACHE_HOME ?? own, "intelgraph")
}

/** The folder of a program, made now where it is not yet in the cache. */
export async function obtain(program: Program): Promise<string> {
  const folder = join(cacheFolder(), program.name)
  if (existsSync(folder)) return folder
  mkdirSync(cacheFolder(), { recursive: true })
  const lock = `${folder}.lock`
  const until = Date.now() + waitMillisMax
  for (let told = false; !takeLock(lock); told = true) {
    if (!told) say(program, "another process obtains it")
    if (Date.now() > until)
      throw new ServerUnavailable(`${lock} is held by another process: end it`)
    await pause(lookEveryMillis)
  }
  try {
    if (!existsSync(folder)) await makeWithRetries(program, folder)
  } finally {
    rmSync(lock, { force: true })
  }
  return folder
}

async function makeWithRetries(program: Program, folder: string): Promise<void> {
  const part = `${folder}.part-${process.pid}`
  removeAtEnd(part)
  const { retryMillis } = program.patience ?? patienceDefault
  for (let tries = 1; ; tries++) {
    rmSync(part, { recursive: true, force: true })
    mkdirSync(part)
    try {
      await program.make(part, (command, args, options) => step(program, command, args, options))
      if (program.runs?.(part) === false) throw new Error("what was obtained does not run here")
      return renameSync(part, folder)
    } catch (error) {
      rmSync(part, { recursive: true, force: true })
      const reason = error instanceof Error ? error.message : String(error)
      const isFinal = tries > retryMillis.length || error instanceof CommandMissing
      if (isFinal) {
        const what = `${program.name} is not here and could not be obtained`
        throw new ServerUnavailable(`${what}: ${reason}. It takes ${program.providedBy}.`)
      }
      say(program, `${reason}; trying again`)
      await pause(retryMillis[tries - 1] ?? 0)
    }
  }
}

class CommandMissing extends Error {}

function step(
  program: Program,
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    })
    const { pid } = child
    if (pid !== undefined) watch(pid, "SIGKILL")
    const lines: string[] = []
    let heardAt = Date.now()
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        heardAt = Date.now()
        if (lines.push(line) > outputLinesShown) lines.shift()
      })
    }
    const stopLooking = lookAfter(program, command, {
      lastLine: () => lines.at(-1) ?? "",
      heardAt: () => heardAt,
      pid: pid ?? 0,
    })
    const done = (error?: Error) => {
      stopLooking()
      if (pid !== undefined) forget(pid)
      error === undefined ? resolve() : reject(error)
    }
    child.once("error", () => done(new CommandMissing(`\`${command}\` is not on the PATH`)))
    child.once("close", (code, signal) => {
      const output = lines.map((line) => `\n${line}`).join("")
      done(code === 0 ? undefined : new Error(`${command} ended with ${code ?? signal}${output}`))
    })
  })
}

interface Watched {
  readonly lastLine: () => string
  readonly heardAt: () => number
  readonly pid: number
}

/** Tells of a step from time to time and ends it when it hangs; the answer stops that. */
function lookAfter(program: Program, command: string, { lastLine, heardAt, pid }: Watched) {
  const { silentMillisMax, stepMillisMax } = program.patience ?? patienceDefault
  const began = Date.now()
  let saidAt = began
  let workedAt = began
  let worked = 0
  say(program, command)
  const timer = setInterval(() => {
    const now = Date.now()
    if (now - saidAt >= sayEveryMillis) {
      saidAt = now
      const seconds = Math.round((now - began) / 1_000)
      say(program, `${command}, ${seconds} s: ${lastLine().trim().slice(0, lineCharactersShown)}`)
    }
    if (now - began > stepMillisMax) killTree(pid)
    if (now - Math.max(heardAt(), workedAt) <= silentMillisMax) return
    const millis = cpuMillis(pid)
    if (millis - worked < workingShare * silentMillisMax) killTree(pid)
    worked = millis
    workedAt = now
  }, lookEveryMillis)
  return () => clearInterval(timer)
}

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, millis))

const say = (program: Program, line: string): void => {
  process.stderr.write(`${program.name}: ${line}\n`)
}
