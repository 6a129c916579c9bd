/** Makes a fault of the schedule happen to the world, and undoes it. */
import type { Direction } from "../servers/index.ts"
import type { Fault, Way } from "./schedule.ts"
import type { World } from "./world.ts"

/** What makes partitions and slow links, for the report. */
export const linkTool =
  "links of test/servers/links.ts, TCP proxies of our own between every two processes, " +
  "which hold or delay bytes by direction"

/** Of the delay to the servers, what part the graph's link has. */
const graphDelayPart = 10
/** A node that has not ended by then is killed. */
const drainMillisMax = 45_000

export async function begin(world: World, fault: Fault): Promise<void> {
  switch (fault.kind) {
    case "kill-node":
      return nodeOf(world, fault.node).kill()
    case "pause-node":
      return nodeOf(world, fault.node).pause()
    case "drain-node":
      // Its shards go one by one from now on; the fault is there at once.
      void nodeOf(world, fault.node).drain()
      return
    case "cut-node":
      for (const server of fault.servers) {
        world.links[fault.node]?.[server]?.hold(...directions(fault.way))
      }
      return
    case "slow-node":
      for (const link of world.links[fault.node] ?? []) link.slow(fault.delayMillis)
      // A transaction is some fifty statements, and others of its tenant wait for it.
      world.graphLinks[fault.node]?.slow(Math.ceil(fault.delayMillis / graphDelayPart))
      return
    case "kill-server":
      return world.cluster.servers[fault.server]?.kill()
    case "cut-servers": {
      const [from, to] = fault.between
      world.cluster.routes[from]?.[to]?.hold(...directions(fault.way))
      // The other one dialled: what it sends back is what goes forth here.
      world.cluster.routes[to]?.[from]?.hold(...directions(reversed(fault.way)))
    }
  }
}

/** Resolves when what was down is running again, which is not yet that it has caught up. */
export async function end(world: World, fault: Fault): Promise<void> {
  switch (fault.kind) {
    case "kill-node":
    case "drain-node": {
      const node = nodeOf(world, fault.node)
      const late = setTimeout(() => node.kill(), drainMillisMax)
      await node.ended()
      clearTimeout(late)
      return node.start()
    }
    case "pause-node":
      return nodeOf(world, fault.node).resume()
    case "cut-node":
    case "slow-node":
      for (const link of linksOf(world, fault.node)) link.heal()
      return
    case "kill-server":
      return await world.cluster.servers[fault.server]?.start()
    case "cut-servers": {
      const [from, to] = fault.between
      world.cluster.routes[from]?.[to]?.heal()
      world.cluster.routes[to]?.[from]?.heal()
    }
  }
}

/** Whether what is to be met is there to be met. */
export const isReady = (world: World, fault: Fault): boolean =>
  !("node" in fault) || world.nodes[fault.node]?.state === "up"

export function sentenceOf(fault: Fault): string {
  const way = (kind: Way) => (kind === "both" ? "" : `, ${kind} only`)
  switch (fault.kind) {
    case "cut-node":
      return `cut node ${fault.node} from servers ${fault.servers.join(", ")}${way(fault.way)}`
    case "slow-node":
      return `delay what node ${fault.node} says and hears by ${fault.delayMillis} ms`
    case "kill-server":
      return `kill -9 server ${fault.server}`
    case "cut-servers":
      return `cut server ${fault.between[0]} from ${fault.between[1]}${way(fault.way)}`
    case "kill-node":
      return `kill -9 node ${fault.node}`
    case "pause-node":
      return `SIGSTOP node ${fault.node}`
    case "drain-node":
      return `drain node ${fault.node}`
  }
}

const linksOf = (world: World, node: number) => [
  ...(world.links[node] ?? []),
  ...world.graphLinks.slice(node, node + 1),
]

const directions = (way: Way): readonly Direction[] => (way === "both" ? [] : [way])
const reversed = (way: Way): Way => (way === "both" ? way : way === "forth" ? "back" : "forth")

function nodeOf({ nodes }: World, at: number) {
  const node = nodes[at]
  if (node === undefined) throw new Error(`there is no node ${at}`)
  return node
}
