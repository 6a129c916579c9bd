/**
 * A node as a process that is killed, paused and started again over the same data directory. It
 * ends with the process that started it, however that ends.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { nodeFlags } from "../../bin/pinned-node.mjs"
import { forget, watch } from "../servers/guarded.ts"

export interface NodePlace {
  /** The checkout whose code runs. */
  readonly root: string
  readonly name: string
  /** Holds its data directory. */
  readonly folder: string
  /** Where what it says is added. */
  readonly log: string
  readonly configuration: string
  readonly env: { readonly [name: string]: string }
}

/** What `status --json` says of a tenant, as far as it is looked at here. */
export interface NodeStatus {
  readonly running: boolean
  readonly broken: readonly string[]
  readonly sources: readonly {
    readonly source: string
    readonly counters: { readonly read: number; readonly accepted: number }
  }[]
}

export type NodeState = "up" | "down" | "paused"

const commandMillisMax = 60_000
const metricsMillisMax = 2_000

export class NodeProcess {
  readonly name: string
  readonly dataDir: string
  readonly log: string
  state: NodeState = "down"
  /** Times that it was started. */
  starts = 0
  /** Ends that nobody asked for: codes or signals. */
  readonly fell: string[] = []
  readonly #place: NodePlace
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  /** Its end was asked for. */
  isEnding = false

  constructor(place: NodePlace) {
    this.#place = place
    this.name = place.name
    mkdirSync(place.folder, { recursive: true })
    this.dataDir = join(place.folder, "data")
    this.log = place.log
    mkdirSync(dirname(place.log), { recursive: true })
    // Of a run before.
    rmSync(place.log, { force: true })
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  start(): void {
    if (this.state !== "down") return
    this.starts += 1
    this.isEnding = false
    const child = this.#spawn("start", ...this.#config, "--port", "0")
    this.#child = child
    this.state = "up"
    const { pid } = child
    if (pid !== undefined) watch(pid, "SIGKILL")
    this.#ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        if (pid !== undefined) forget(pid)
        this.state = "down"
        if (!this.isEnding) this.fell.push(`${signal ?? code}`)
        resolve()
      })
    })
  }

  kill(): void {
    this.isEnding = true
    this.#child?.kill("SIGKILL")
  }

  pause(): void {
    if (this.state !== "up") return
    this.state = "paused"
    this.#child?.kill("SIGSTOP")
  }

  resume(): void {
    if (this.state !== "paused") return
    this.state = "up"
    this.#child?.kill("SIGCONT")
  }

  /** Has an operator drain it: it hands its shards over and ends. */
  async drain(): Promise<void> {
    this.isEnding = true
    try {
      await this.ask("node", "drain", this.name, "--json", ...this.#config)
    } catch {
      // It does not hear: Ctrl-C ends it in order, too.
      this.#child?.kill("SIGINT")
    }
  }

  /** Resolves when it has ended. */
  ended(): Promise<void> {
    return this.#ended
  }

  /** What a command about this node prints; fails with what the command says. */
  async ask(...words: readonly string[]): Promise<unknown> {
    const child = spawn(
      process.execPath,
      [...nodeFlags, join(this.#place.root, "cli/main.ts"), ...words, "--data-dir", this.dataDir],
      { env: this.#env(), stdio: ["ignore", "pipe", "pipe"], timeout: commandMillisMax },
    )
    let [out, err] = ["", ""]
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text
    })
    await new Promise<void>((resolve) => child.once("close", () => resolve()))
    try {
      return JSON.parse(out)
    } catch {
      throw new Error(`${words.join(" ")} of ${this.name}: ${err.trim() || "nothing"}`)
    }
  }

  status(tenant: string): Promise<NodeStatus> {
    const words = ["status", "--json", "--tenant", tenant]
    return this.ask(...words, ...this.#config) as Promise<NodeStatus>
  }

  /** Its metrics by name and labels, as Prometheus reads them; none where it does not answer. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const url = this.#edge()
    if (url === undefined || this.state !== "up") return new Map()
    try {
      const signal = AbortSignal.timeout(metricsMillisMax)
      const text = await (await fetch(new URL("/metrics", url), { signal })).text()
      const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
      return new Map(
        lines.map((line) => {
          const at = line.lastIndexOf(" ")
          return [line.slice(0, at), Number(line.slice(at + 1))]
        }),
      )
    } catch {
      return new Map()
    }
  }

  /** Resident bytes, where the system tells. */
  residentBytes(): number {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, "utf8")
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
    } catch {
      return 0
    }
  }

  /** What it has said so far. */
  said(): string {
    try {
      return readFileSync(this.log, "utf8")
    } catch {
      return ""
    }
  }

  /** Where its edge is, by the last line that says so. */
  #edge(): string | undefined {
    return [...this.said().matchAll(/Look at it: (\S+)/g)].at(-1)?.[1]
  }

  get #config(): readonly string[] {
    return ["--config", this.#place.configuration]
  }

  #spawn(...words: readonly string[]): ChildProcess {
    const log = openSync(this.log, "a")
    const main = join(this.#place.root, "cli/main.ts")
    const child = spawn(
      process.execPath,
      [...nodeFlags, main, ...words, "--data-dir", this.dataDir],
      { cwd: this.#place.folder, env: this.#env(), stdio: ["ignore", log, log], detached: true },
    )
    closeSync(log)
    return child
  }

  #env() {
    const { PATH, HOME, NODE_COMPILE_CACHE } = process.env
    return { PATH, HOME, NODE_COMPILE_CACHE, ...this.#place.env }
  }
}
