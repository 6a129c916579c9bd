/** Servers, nodes, and the links between each two of them. */
import { join } from "node:path"
import {
  Link,
  type LinkedNatsCluster,
  type Server,
  startLinkedNatsCluster,
  startNeo4j,
  withUser,
} from "../servers/index.ts"
import { NodeProcess } from "./node-process.ts"

export interface World {
  readonly cluster: LinkedNatsCluster
  readonly neo4j: Server
  readonly nodes: readonly NodeProcess[]
  /** From a node to each server. */
  readonly links: readonly (readonly Link[])[]
  /** From a node to the graph. */
  readonly graphLinks: readonly Link[]
  readonly close: () => Promise<void>
}

export interface WorldOptions {
  readonly nodes: number
  /** The checkout whose code the nodes run. */
  readonly root: string
  readonly folder: string
  /** Where what the nodes say is written. */
  readonly logs: string
  readonly configuration: string
  readonly ratePerSecondMax: number
}

const nodeName = (at: number): string => String.fromCharCode("a".charCodeAt(0) + at)

export async function openWorld(options: WorldOptions): Promise<World> {
  const [cluster, neo4j] = await Promise.all([startLinkedNatsCluster(), startNeo4j()])
  const numbers = Array.from({ length: options.nodes }, (_, at) => at)
  const links = await Promise.all(
    numbers.map(() => Promise.all(cluster.servers.map(({ url }) => Link.open(url)))),
  )
  const graphLinks = await Promise.all(numbers.map(() => Link.open(neo4j.url)))
  const nodes = numbers.map((at) => {
    const name = nodeName(at)
    return new NodeProcess({
      root: options.root,
      name,
      folder: join(options.folder, name),
      log: join(options.logs, `node-${name}.log`),
      configuration: options.configuration,
      env: {
        INTELGRAPH_NODE: name,
        INTELGRAPH_NATS: (links[at] ?? []).map(({ url }) => url).join(","),
        INTELGRAPH_NATS_REPLICAS: `${cluster.servers.length}`,
        INTELGRAPH_NEO4J: withUser(neo4j, graphLinks[at]?.port),
        INTELGRAPH_RATE: `${options.ratePerSecondMax}`,
        INTELGRAPH_LOG_LEVEL: "info",
      },
    })
  })
  const close = async () => {
    for (const node of nodes) node.kill()
    await Promise.all(nodes.map((node) => node.ended()))
    for (const link of [...links.flat(), ...graphLinks]) link.close()
    await Promise.all([cluster.stop(), neo4j.stop()])
  }
  return { cluster, neo4j, nodes, links, graphLinks, close }
}
