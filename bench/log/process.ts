/** A process of the log's bench, and the time that processes spend on their processors. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createInterface, type Interface } from "node:readline"
import { fileURLToPath } from "node:url"
import { nodeFlags } from "../../bin/pinned-node.mjs"

/** A program that serves rounds (`messages.ts`). */
export class RoundProcess {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(program: URL, settings: unknown) {
    const args = [...nodeFlags, fileURLToPath(program), JSON.stringify(settings)]
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] })
    this.#child = child
    const lines: Interface = createInterface({ input: child.stdout })
    this.#lines = lines[Symbol.asyncIterator]()
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Ends when the process says that it is ready, or done with its round. */
  async said(): Promise<void> {
    if ((await this.#lines.next()).done === true) throw new Error("A process of the bench ended.")
  }

  begin(count: number): void {
    this.#child.stdin?.write(`${count}\n`)
  }

  async end(): Promise<void> {
    this.#child.stdin?.end()
    if (this.#child.exitCode === null) await once(this.#child, "exit")
  }
}

/** Seconds that a process has spent on a processor, in user and system mode. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** As every kernel of Linux tells it to programs. */
const ticksPerSecond = 100
