/**
 * Which fault comes when, drawn from a seed before the run: the same seed and sizes give the same
 * schedule. Pure.
 *
 * Promises: of the servers one at a time is killed or cut off, and the next one is not touched
 * before it has had time to catch up, so a majority is always there; of the nodes at least one is
 * untouched at every moment (where there are two or more), and none is met by two faults at once.
 */
import { Random } from "./random.ts"

/** A direction of data that is held; both where none is named. */
export type Way = "both" | "forth" | "back"

export type Fault =
  /** kill -9 of a node; it starts again when the time is over. */
  | { readonly kind: "kill-node"; readonly node: number }
  /** SIGSTOP, and SIGCONT when the time is over. */
  | { readonly kind: "pause-node"; readonly node: number }
  /** The node hands its shards over and ends; it joins again when the time is over. */
  | { readonly kind: "drain-node"; readonly node: number }
  /** The node and some servers no longer hear each other, or one no longer hears the other. */
  | {
      readonly kind: "cut-node"
      readonly node: number
      readonly servers: readonly number[]
      readonly way: Way
    }
  | { readonly kind: "slow-node"; readonly node: number; readonly delayMillis: number }
  | { readonly kind: "kill-server"; readonly server: number }
  | {
      readonly kind: "cut-servers"
      /** Data from the first to the second are `forth`. */
      readonly between: readonly [number, number]
      readonly way: Way
    }

export interface Scheduled {
  readonly atMillis: number
  readonly forMillis: number
  readonly fault: Fault
}

export interface Sizes {
  readonly seed: number
  readonly events: number
  readonly nodes: number
  readonly servers: number
  /** Over which the events are spread. */
  readonly millis: number
}

/** How many of twenty events are of each kind, and how long each lasts in milliseconds. */
const kinds: { readonly [kind in Fault["kind"]]: readonly [number, number, number] } = {
  "kill-node": [3, 2_500, 5_500],
  "pause-node": [4, 5_000, 8_500],
  "drain-node": [2, 6_000, 9_000],
  "cut-node": [3, 3_000, 8_000],
  "slow-node": [2, 3_000, 6_000],
  "kill-server": [3, 1_500, 4_000],
  "cut-servers": [3, 2_500, 6_000],
}

/** What a node needs to be back and to have its share again, and a server to catch up. */
const recoveryMillis = { node: 5_000, server: 4_000 }
const delaysMillis = [20, 60, 120]

export function scheduleOf(sizes: Sizes): readonly Scheduled[] {
  const random = new Random(sizes.seed)
  const deck = deckOf(random, sizes)
  const spacing = sizes.millis / sizes.events
  const free = new Free(sizes)
  const events: Scheduled[] = []
  for (const [at, kind] of deck.entries()) {
    const [, shortest, longest] = kinds[kind]
    const forMillis = random.between(shortest, longest)
    const wished = Math.round((at + random.next() * 0.8) * spacing)
    const { fault, atMillis } = free.place(random, kind, wished, forMillis)
    events.push({ atMillis, forMillis, fault })
  }
  return events.sort((a, b) => a.atMillis - b.atMillis)
}

/** Where there are not enough nodes or servers for a kind, others take its place. */
function deckOf(random: Random, { events, nodes, servers }: Sizes): readonly Fault["kind"][] {
  const isPossible = (kind: Fault["kind"]) => {
    if (kind === "cut-servers") return servers > 1
    return kind !== "drain-node" || nodes > 1
  }
  const round = (Object.keys(kinds) as Fault["kind"][])
    .filter(isPossible)
    .flatMap((kind) => Array.from({ length: kinds[kind][0] }, () => kind))
  const deck: Fault["kind"][] = []
  while (deck.length < events) deck.push(...random.shuffled(round))
  return deck.slice(0, events)
}

/** From when on each node and the servers together may be met again. */
class Free {
  readonly #nodes: number[]
  readonly #servers: number
  #serversFrom = 0

  constructor({ nodes, servers }: Sizes) {
    this.#nodes = Array.from({ length: nodes }, () => 0)
    this.#servers = servers
  }

  place(random: Random, kind: Fault["kind"], wished: number, forMillis: number) {
    const over = (from: number) => Math.max(wished, from)
    if (kind === "kill-server" || kind === "cut-servers") {
      const atMillis = over(this.#serversFrom)
      this.#serversFrom = atMillis + forMillis + recoveryMillis.server
      return { atMillis, fault: this.#ofServers(random, kind) }
    }
    const node = this.#earliest(random, wished)
    const atMillis = Math.max(over(this.#nodes[node] ?? 0), this.#untouchedFrom(node))
    this.#nodes[node] = atMillis + forMillis + recoveryMillis.node
    return { atMillis, fault: this.#ofNode(random, kind, node) }
  }

  #ofServers(random: Random, kind: "kill-server" | "cut-servers"): Fault {
    const server = random.below(this.#servers)
    if (kind === "kill-server") return { kind, server }
    const other = (server + random.between(1, this.#servers - 1)) % this.#servers
    return { kind, between: [server, other], way: random.pick(["both", "forth", "forth"]) }
  }

  #ofNode(
    random: Random,
    kind: Exclude<Fault["kind"], "kill-server" | "cut-servers">,
    node: number,
  ): Fault {
    if (kind === "slow-node") return { kind, node, delayMillis: random.pick(delaysMillis) }
    if (kind !== "cut-node") return { kind, node }
    const all = Array.from({ length: this.#servers }, (_, server) => server)
    // From all of them, or from the one that it may be talking to.
    const servers = random.chance(0.7) ? all : [random.pick(all)]
    return { kind, node, servers, way: random.pick(["both", "both", "forth", "back"]) }
  }

  /** One of those that are free at that time, else the one that is free first. */
  #earliest(random: Random, wished: number): number {
    const free = [...this.#nodes.keys()].filter((node) => (this.#nodes[node] ?? 0) <= wished)
    if (free.length > 0) return random.pick(free)
    return this.#nodes.indexOf(Math.min(...this.#nodes))
  }

  /** When another node than this one is free: it is left alone until this one is back. */
  #untouchedFrom(node: number): number {
    const others = this.#nodes.filter((_, at) => at !== node)
    return others.length === 0 ? 0 : Math.min(...others)
  }
}
