/** Messages between nodes over real servers, one and three. */
import { afterAll, beforeAll, beforeEach, describe } from "vitest"
import { peersConformance } from "../runtime/peers-conformance.ts"
import { type NatsCluster, type Server, startNats, startNatsCluster } from "../servers/index.ts"
import { logName } from "../support/jetstream-world.ts"
import { natsPeers } from "../support/nats-peers.ts"

let name = ""
beforeEach(() => {
  name = logName()
})

describe("one server", () => {
  let server: Server | undefined
  beforeAll(async () => {
    server = await startNats()
  })
  afterAll(() => server?.stop())
  const url = () => server?.url ?? ""
  peersConformance(
    "peers over NATS",
    natsPeers(url, () => name),
  )
})

describe("three servers", () => {
  let cluster: NatsCluster | undefined
  beforeAll(async () => {
    cluster = await startNatsCluster()
  })
  afterAll(() => cluster?.stop())
  let next = 0
  /** Each node at another one of them. */
  const url = () => {
    next += 1
    return cluster?.servers[next % cluster.servers.length]?.url ?? ""
  }
  peersConformance(
    "peers over NATS",
    natsPeers(url, () => name),
  )
})
