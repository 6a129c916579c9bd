import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { natsMakeMillisMax } from "../../protocols/limits.ts"
import { openBroker } from "../../runtime/adapters/jetstream/connection.ts"
import { openRegister } from "../../runtime/adapters/jetstream/register.ts"
import { type Entry, type News, placeOf } from "../../runtime/index.ts"
import { type MakeRegister, registerConformance } from "../runtime/register-conformance.ts"
import {
  type NatsCluster,
  type NatsServer,
  type Server,
  startNats,
  startNatsCluster,
} from "../servers/index.ts"
import { logName } from "../support/jetstream-world.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"

const lease: Entry = { kind: "lease", shard: 1, node: "a", incarnation: "i1", epoch: 3 }

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

  const openOn = (name: string) =>
    Effect.gen(function* () {
      const { broker } = yield* openBroker({ servers: server?.url ?? "" })
      return { broker, register: yield* openRegister(broker, { name }) }
    })

  test("a stream of the register's name that lets entries live for ever is refused", async () => {
    const name = logName()
    const refused = await runScoped(
      Effect.gen(function* () {
        const { broker } = yield* openBroker({ servers: server?.url ?? "" })
        const stream = `${name.toUpperCase()}_LS`
        yield* Effect.promise(() =>
          broker.api(`STREAM.CREATE.${stream}`, { name: stream, subjects: [`${name}.ls.>`] }),
        )
        return yield* Effect.flip(openRegister(broker, { name }))
      }),
    )
    expect(refused._tag).toBe("StoreFailed")
    expect(refused.message).toContain(`${name.toUpperCase()}_LS`)
  })

  test("a watch ends at an entry that is of no release known here", async () => {
    const name = logName()
    const { broker, register: opened } = await runScoped(openOn(name))
    const data = new TextEncoder().encode('{"version":2}')
    await broker.publish({ subject: `${name}.ls.shard.1`, data, headers: {} })
    const failure = await run(Effect.flip(opened.watch(() => undefined)))
    expect(failure._tag).toBe("StoreFailed")
    expect(failure.message).toContain("shard/1")
  })

  test("a watch ends when its server does, and another one finds what is there", async () => {
    const { register: opened } = await runScoped(openOn(logName()))
    expect(await run(opened.put(lease, undefined, 60_000))).toMatchObject({ kind: "done" })
    const watching = run(Effect.flip(opened.watch(() => undefined)))
    server?.kill()
    expect((await watching)._tag).toBe("Unavailable")
    await server?.start()
    const found = await runScoped(
      Effect.gen(function* () {
        const done = yield* Deferred.make<Entry | undefined>()
        yield* opened
          .watch((news) => {
            if (news.kind === "found") Deferred.doneUnsafe(done, Effect.succeed(news.entry))
          })
          .pipe(Effect.retry({ while: ({ _tag }) => _tag === "Unavailable" }), Effect.forkScoped)
        return yield* Deferred.await(done)
      }),
    )
    expect(found).toEqual(lease)
  })
})

describe("a user who may do what the register needs, and nothing else", () => {
  const name = logName()
  const stream = `${name.toUpperCase()}_LS`
  const may = [
    `${name}.ls.>`,
    "$JS.API.INFO",
    `$JS.API.STREAM.CREATE.${stream}`,
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}`,
  ]
  let server: Server | undefined
  beforeAll(async () => {
    const permissions = `{ publish: ${JSON.stringify(may)}, subscribe: ["_INBOX.>"] }`
    const user = `{ user: node, password: secret, permissions: ${permissions} }`
    server = await startNats({ config: `authorization { users: [${user}] }` })
  })
  afterAll(() => server?.stop())

  test("can open, write, remove and watch it", async () => {
    const credentials = { user: "node", password: "secret" }
    const told: News[] = []
    await runScoped(
      Effect.gen(function* () {
        const { broker } = yield* openBroker({ servers: server?.url ?? "", credentials })
        const opened = yield* openRegister(broker, { name })
        const put = yield* opened.put(lease, undefined, 60_000)
        if (put.kind !== "done") return yield* Effect.die("refused")
        yield* opened.put(lease, undefined, 60_000)
        const complete = yield* Deferred.make<void>()
        yield* opened
          .watch((news) => {
            told.push(news)
            if (news.kind === "complete") Deferred.doneUnsafe(complete, Effect.void)
          })
          .pipe(Effect.forkScoped)
        yield* Deferred.await(complete)
        return yield* opened.remove(placeOf(lease), put.revision)
      }),
    )
    expect(told.map(({ kind }) => kind).slice(0, 3)).toEqual(["begins", "found", "complete"])
  })
})

describe("three servers", () => {
  let cluster: NatsCluster | undefined
  beforeAll(async () => {
    cluster = await startNatsCluster()
  })
  afterAll(() => cluster?.stop())

  registerConformance("JetStream", () => register(cluster?.url ?? "", 3))

  test("take a node, and make its register, asked while their leader fell silent", async () => {
    const servers = cluster?.servers ?? []
    const known = (server: NatsServer | undefined) => leaderKnownTo(server).catch(() => -1)
    let silent = -1
    const look = async () => {
      silent = await known(servers[0])
      return silent
    }
    await expect.poll(look, { timeout: natsMakeMillisMax }).not.toBe(-1)
    const leader = servers[silent]
    expect(leader).toBeDefined()
    const others = servers.filter((one) => one !== leader)
    const url = others.map((one) => one.url).join(",")
    const { broker } = await runScoped(openBroker({ servers: url }))
    leader?.pause()
    onTestFinished(() => leader?.resume())
    const opening = runScoped(openRegister(broker, { name: logName(), replicas: 3 }))
    opening.catch(() => undefined)
    const joining = runScoped(openBroker({ servers: url }))
    joining.catch(() => undefined)
    const isAnother = async () => ![-1, silent].includes(await known(others[0]))
    await expect.poll(isAnother, { timeout: natsMakeMillisMax }).toBe(true)
    expect((await joining).broker.isSteady).toBe(false)
    leader?.resume()
    const opened = await opening
    expect(opened.isSteady?.()).toBe(false)
    expect(await run(opened.put(lease, undefined, 60_000))).toMatchObject({ kind: "done" })
  })
})

/** Which server leads the others, and makes streams, as far as this one knows; -1: none. */
async function leaderKnownTo(server: NatsServer | undefined): Promise<number> {
  const status = `${server?.monitorUrl}/jsz`
  const answer = await fetch(status, { signal: AbortSignal.timeout(1_000) })
  const { meta_cluster: all } = (await answer.json()) as { meta_cluster: { leader?: string } }
  return Number(all.leader?.replace("nats-", "") ?? 0) - 1
}
