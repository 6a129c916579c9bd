import { afterAll, beforeAll, describe } from "vitest"
import { durableConformance } from "../runtime/durable-conformance.ts"
import { durableCrashes } from "../runtime/durable-crashes.ts"
import { inspectionConformance } from "../runtime/inspection-conformance.ts"
import { logConformance } from "../runtime/log-conformance.ts"
import { logModelConformance } from "../runtime/log-model.ts"
import { stateConformance } from "../runtime/state-conformance.ts"
import { type NatsCluster, type Server, startNats, startNatsCluster } from "../servers/index.ts"
import { makeJetStreamWorld } from "../support/jetstream-world.ts"
import type { MakeLogWorld } from "../support/log-world.ts"

/** Small, so that many logs find room on the servers of one suite. */
const small = { blocksBytesMax: 64 * 1024 ** 2, stateBytesMax: 64 * 1024 ** 2 }

describe("one server", () => {
  let server: Server | undefined
  beforeAll(async () => {
    server = await startNats()
  })
  afterAll(() => server?.stop())
  const make: MakeLogWorld = (bounds) =>
    makeJetStreamWorld({ servers: server?.url ?? "", bounds: { ...small, ...bounds } })

  logConformance("JetStream", make)
  inspectionConformance("JetStream", make)
  logModelConformance("JetStream", make)
  stateConformance("JetStream", make)
  durableConformance("JetStream", make)
  durableCrashes("JetStream", make, 15)
})

describe("three servers", () => {
  let cluster: NatsCluster | undefined
  beforeAll(async () => {
    cluster = await startNatsCluster()
  })
  afterAll(() => cluster?.stop())
  const make: MakeLogWorld = (bounds) =>
    makeJetStreamWorld({
      servers: cluster?.url ?? "",
      replicas: 3,
      bounds: { ...small, ...bounds },
    })

  logConformance("JetStream", make)
  inspectionConformance("JetStream", make)
  logModelConformance("JetStream", make)
  stateConformance("JetStream", make)
  durableConformance("JetStream", make)
  durableCrashes("JetStream", make, 15)
})
