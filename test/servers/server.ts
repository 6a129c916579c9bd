/**
 * One server process that tests can kill, pause and start again over the same files and port.
 *
 * It dies with the process that started it, and its folder is removed then (`guarded.ts`). A start
 * that does not come to answer fails with the end of the server's own log.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, existsSync, openSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { forget, watch } from "./guarded.ts"
import { isAlive, killTree, signalTree, stopTree } from "./process-tree.ts"
import { ServerUnavailable } from "./unavailable.ts"

/** How one kind of server is started, asked and ended. */
export interface Launch {
  /** As a person calls it: `nats-server`. */
  readonly name: string
  readonly version: string
  readonly url: string
  readonly user?: string
  readonly password?: string
  readonly command: string
  /** The name that the program is called by, where it matters. */
  readonly argv0?: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The user and group that the server runs as, where it refuses to run as root. */
  readonly runAs?: { readonly uid: number; readonly gid: number }
  /** Holds the server's files and its log. */
  readonly folder: string
  /** The server's own log in its folder, where it does not write to its output. */
  readonly log?: string
  /** Rejects as long as the server does not answer. */
  readonly answers: () => Promise<void>
  /** Asks the server to end in order; SIGTERM unless told. */
  readonly endSignal?: NodeJS.Signals
  /** Clears away what the server leaves on the machine when it is killed. */
  readonly afterEnd?: () => void
}

/** Neo4j takes 10 s on two idle cores, and minutes where ten others want them. */
const startMillisMax = 240_000
const stopMillisMax = 20_000
const askEveryMillis = 50
const goneEveryMillis = 5
const logCharactersShown = 2_000

export class Server {
  readonly url: string
  readonly version: string
  readonly user: string | undefined
  readonly password: string | undefined
  readonly #launch: Launch
  readonly #endSignal: NodeJS.Signals
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  #isEnding = false
  /** What was killed: a session of Postgres holds its memory for a moment after the server. */
  #killed: number[] = []

  constructor(launch: Launch) {
    this.#launch = launch
    this.url = launch.url
    this.version = launch.version
    this.user = launch.user
    this.password = launch.password
    this.#endSignal = launch.endSignal ?? "SIGTERM"
  }

  /** The program's name. */
  get name(): string {
    return this.#launch.name
  }

  /** Process id of the running server; that of the last one where it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Holds the server's files and its log, `server.log`. */
  get folder(): string {
    return this.#launch.folder
  }

  /** Starts it, again after `kill` or `stop`: same port, same data. Resolves when it answers. */
  async start(): Promise<void> {
    if (this.pid > 0 && isAlive(this.pid) && !this.#isEnding) return
    await this.#untilEnded()
    const { name, version, url } = this.#launch
    this.#spawn()
    await this.#untilItAnswers()
    process.stderr.write(`${name} ${version}, process ${this.pid}, ${url}\n`)
  }

  /** Ends it in order and waits for its end; the data stay until this process ends. */
  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined || !isAlive(this.pid)) return this.#untilEnded()
    this.#isEnding = true
    this.resume()
    child.kill(this.#endSignal)
    const late = setTimeout(() => this.kill(), stopMillisMax)
    await this.#untilEnded()
    clearTimeout(late)
  }

  /** SIGKILL: as when the machine loses power, but for what the kernel still writes. */
  kill(): void {
    this.#isEnding = true
    // What it started is nobody's child any more once it has ended.
    if (this.pid > 0 && isAlive(this.pid)) this.#killed.push(...killTree(this.pid))
  }

  /** SIGSTOP: it holds its connections and answers nothing. */
  pause(): void {
    if (this.pid > 0) stopTree(this.pid)
  }

  /** SIGCONT after `pause`. */
  resume(): void {
    if (this.pid > 0) signalTree(this.pid, "SIGCONT")
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** A running server does not keep this process from ending; one that is waited for does. */
  #untilEnded(): Promise<void> {
    this.#child?.ref()
    return this.#ended
  }

  #spawn(): void {
    const { command, argv0, args, env, runAs, folder, afterEnd } = this.#launch
    const log = openSync(join(folder, "server.log"), "a")
    const child = spawn(command, args, {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, ...env },
      stdio: ["ignore", log, log],
      detached: true,
      ...(argv0 === undefined ? {} : { argv0 }),
      ...runAs,
    })
    closeSync(log)
    this.#child = child
    this.#isEnding = false
    const pid = child.pid
    if (pid !== undefined) watch(pid, this.#endSignal)
    this.#ended = new Promise((resolve) => {
      child.once("error", () => resolve())
      child.once("exit", async () => {
        if (pid !== undefined) forget(pid)
        await this.#untilKilledAreGone()
        afterEnd?.()
        resolve()
      })
    })
    child.unref()
  }

  async #untilKilledAreGone(): Promise<void> {
    const until = Date.now() + stopMillisMax
    while (this.#killed.some(isAlive) && Date.now() < until) await sleep(goneEveryMillis)
    this.#killed = []
  }

  async #untilItAnswers(): Promise<void> {
    const { name, version, answers } = this.#launch
    const until = Date.now() + startMillisMax
    let hasEnded = false
    void this.#ended.then(() => {
      hasEnded = true
    })
    let reason: unknown
    while (Date.now() < until && !hasEnded) {
      try {
        return await answers()
      } catch (error) {
        reason = error
      }
      await sleep(askEveryMillis)
    }
    this.kill()
    const how = hasEnded ? "ended at its start" : `did not answer in ${startMillisMax / 1_000} s`
    throw new ServerUnavailable(`${name} ${version} ${how}\n${this.#logEnd()}`, { cause: reason })
  }

  #logEnd(): string {
    return ["server.log", this.#launch.log ?? ""]
      .map((name) => join(this.folder, name))
      .filter((path) => existsSync(path) && statSync(path).isFile())
      .map((path) => readFileSync(path, "utf8").slice(-logCharactersShown))
      .join("\n")
  }
}
