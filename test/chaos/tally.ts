/** Counters of nodes that are killed: each process's last ones are kept, and all are summed. */
import type { NodeProcess } from "./node-process.ts"

const lookMillis = 1_000

export class Tally {
  readonly #nodes: readonly NodeProcess[]
  readonly #last = new Map<string, Map<string, number>>()
  /** Equations that a node said were broken while it ran. */
  broken = 0
  #isEnding = false

  constructor(nodes: readonly NodeProcess[]) {
    this.#nodes = nodes
  }

  begin(): void {
    void this.#run()
  }

  end(): void {
    this.#isEnding = true
  }

  /** Of all processes, as they were last read. */
  sum(name: RegExp): number {
    let sum = 0
    for (const metrics of this.#last.values()) {
      for (const [key, value] of metrics) if (name.test(key)) sum += value
    }
    return sum
  }

  /** What a node hands over takes its counts along: the highest that was seen stays. */
  #keep(name: string, metrics: ReadonlyMap<string, number>): void {
    const known = this.#last.get(name) ?? new Map<string, number>()
    this.#last.set(name, known)
    for (const [key, value] of metrics) known.set(key, Math.max(known.get(key) ?? 0, value))
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      for (const node of this.#nodes) {
        const name = `${node.name}/${node.starts}`
        const metrics = await node.metrics()
        this.#keep(name, metrics)
        this.broken += metrics.get("intelgraph_broken_equations") ?? 0
      }
      await new Promise((resolve) => setTimeout(resolve, lookMillis))
    }
  }
}
