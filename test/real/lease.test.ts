import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe } from "vitest"
import { openBroker } from "../../runtime/adapters/jetstream/connection.ts"
import { openRegister } from "../../runtime/adapters/jetstream/register.ts"
import { type MakeRegister, registerConformance } from "../runtime/register-conformance.ts"
import { type NatsCluster, type Server, startNats, startNatsCluster } from "../servers/index.ts"
import { logName } from "../support/jetstream-world.ts"

const register = (servers: string, replicas: number): ReturnType<MakeRegister> =>
  Effect.flatMap(openBroker({ servers }), ({ broker }) =>
    openRegister(broker, { name: logName(), replicas }),
  )

describe("one server", () => {
  let server: Server | undefined
  beforeAll(async () => {
    server = await startNats()
  })
  afterAll(() => server?.stop())

  registerConformance("JetStream", () => register(server?.url ?? "", 1))
})

describe("three servers", () => {
  let cluster: NatsCluster | undefined
  beforeAll(async () => {
    cluster = await startNatsCluster()
  })
  afterAll(() => cluster?.stop())

  registerConformance("JetStream", () => register(cluster?.url ?? "", 3))
})
