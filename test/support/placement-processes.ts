/** Nodes of `placement-child.ts` as processes, and what they have told. */
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { onTestFinished } from "vitest"
import { shardCount } from "../../protocols/limits.ts"
import type { Told } from "./placement-child.ts"

const script = join(import.meta.dirname, "placement-child.ts")

export class PlacementProcess {
  readonly told: Told[] = []
  /** Shards that this node works on, and their epochs. */
  readonly open = new Map<number, number>()
  isRunning = true
  /** What it wrote that is no line of ours. */
  text = ""
  readonly #child: ChildProcess

  constructor(args: readonly string[], onTold: (told: Told) => void) {
    this.#child = spawn(process.execPath, [script, ...args], {
      stdio: ["ignore", "ignore", "pipe"],
    })
    const { stderr } = this.#child
    if (stderr === null) throw new Error("a node has no stderr")
    createInterface({ input: stderr }).on("line", (line) => {
      if (!line.startsWith("{")) {
        this.text += `${line}\n`
        return
      }
      const told: Told = JSON.parse(line)
      this.#note(told)
      onTold(told)
    })
    this.#child.on("close", () => {
      this.isRunning = false
      this.open.clear()
    })
  }

  signal(name: NodeJS.Signals): void {
    if (name === "SIGKILL") this.open.clear()
    this.#child.kill(name)
  }

  has(event: Told["event"]): boolean {
    return this.told.some((one) => one.event === event)
  }

  #note(told: Told): void {
    this.told.push(told)
    if (told.shard === undefined) return
    if (told.event === "opened") this.open.set(told.shard, told.epoch ?? 0)
    if (told.event === "closed") this.open.delete(told.shard)
  }
}

/** Processes that take part in one placement, until the test has finished. */
export class PlacementProcesses {
  readonly nodes: PlacementProcess[] = []
  /** Every epoch under which a shard was opened, in the order in which it was told. */
  readonly epochs = new Map<number, number[]>()
  readonly #place: readonly string[]
  readonly #replicas: number

  constructor(servers: string, name: string, replicas: number) {
    this.#place = [servers, name]
    this.#replicas = replicas
    onTestFinished(() => {
      for (const node of this.nodes) {
        if (node.isRunning) node.signal("SIGKILL")
      }
    })
  }

  start(name: string): PlacementProcess {
    const args = [...this.#place, name, String(this.#replicas)]
    const node = new PlacementProcess(args, ({ event, shard, epoch }) => {
      if (event !== "opened" || shard === undefined || epoch === undefined) return
      this.epochs.set(shard, [...(this.epochs.get(shard) ?? []), epoch])
    })
    this.nodes.push(node)
    return node
  }

  /** Shards that one of these, or of all, works on. */
  owned(nodes: readonly PlacementProcess[] = this.nodes): number {
    return new Set(nodes.flatMap(({ open }) => [...open.keys()])).size
  }

  isAllOwned(nodes: readonly PlacementProcess[] = this.nodes): boolean {
    return this.owned(nodes) === shardCount
  }

  /** Shards that were opened under an epoch that did not rise. */
  get fallen(): readonly number[] {
    return [...this.epochs]
      .filter(([, epochs]) => epochs.some((epoch, at) => at > 0 && epoch <= (epochs[at - 1] ?? 0)))
      .map(([shard]) => shard)
  }
}
