/** A cluster of the placement model: nodes that come, hang, are cut off, drain and die. */
import { shardCount } from "../../protocols/limits.ts"
import type { Order } from "../../runtime/index.ts"
import { ModelClock } from "./placement-clock.ts"
import { ModelNode } from "./placement-node.ts"
import { ModelServers } from "./placement-servers.ts"

/** Shards that get blocks; placement is the same for all. */
const busyShards = [0, 7, 13, 21, 34, 42, 55, 63]

export class PlacementModel {
  readonly clock: ModelClock
  readonly servers: ModelServers
  readonly nodes: ModelNode[] = []
  #incarnations = 0
  #sends = true

  constructor(seed: number) {
    this.clock = new ModelClock(seed)
    this.servers = new ModelServers(this.clock)
    this.#send()
  }

  readonly isNeeded = (shard: number): boolean => busyShards.includes(shard)

  start(node: string, weight = 1, isSteady = true): ModelNode {
    this.#incarnations += 1
    const incarnation = `i${this.#incarnations}`
    const started = new ModelNode(
      { node, incarnation, weight },
      {
        clock: this.clock,
        servers: this.servers,
        isNeeded: this.isNeeded,
        isSteady,
      },
    )
    this.nodes.push(started)
    return started
  }

  order(node: ModelNode, order: Order): void {
    node.tell({ kind: "order", order })
  }

  run(millis: number): void {
    this.clock.run(this.clock.nowMillis + millis)
  }

  /** Runs until then, or until `done`; the milliseconds that it took. */
  runUntil(done: () => boolean, millisMax: number): number | undefined {
    const from = this.clock.nowMillis
    if (done()) return 0
    const isOver = this.clock.run(from + millisMax, done)
    return isOver ? undefined : this.clock.nowMillis - from
  }

  get running(): readonly ModelNode[] {
    return this.nodes.filter((node) => node.isRunning)
  }

  /** Shards that somebody works on. */
  get owned(): number {
    return new Set(this.running.flatMap((node) => (node.isPaused ? [] : node.open))).size
  }

  /** Shards taken over since the cluster was made, every attempt counted. */
  get opens(): number {
    return this.nodes.reduce((sum, { opens }) => sum + opens, 0)
  }

  get isAllOwned(): boolean {
    return this.owned === shardCount
  }

  /** Every shard is where its share is, and nothing is on its way. */
  get isAtRest(): boolean {
    return this.running.every(({ keeper, name }) =>
      keeper
        .view()
        .shards.every(({ share, phase }) => phase === (share === name ? "open" : undefined)),
    )
  }

  stopSending(): void {
    this.#sends = false
  }

  /** Ends every fault that is under way. */
  heal(): void {
    this.servers.sinksAreDown = false
    this.servers.registerIsAway = false
    for (const node of this.running) {
      node.cannotOpen = false
      this.mend(node)
      if (node.isPaused) node.resume()
      if (node.isRunning) this.order(node, "serve")
    }
  }

  /** The network of this node is whole again. */
  mend(node: ModelNode): void {
    const { line } = node
    const wasCut = !line.requestsArrive || !line.answersArrive
    Object.assign(line, { requestsArrive: true, answersArrive: true, delayMillisMax: 20 })
    if (wasCut) node.rewatch()
  }

  #send(): void {
    if (this.#sends) {
      const shard = this.clock.pick(busyShards)
      if (shard !== undefined) this.servers.append(shard)
    }
    this.clock.after(this.clock.between(1, 60), () => this.#send())
  }
}
